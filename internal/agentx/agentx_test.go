package agentx

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"testing"
	"time"
)

// packets are one of each kind, with every type of value.
func packets() []*Packet {
	binds := []VarBind{
		{OID{1, 3, 6, 1, 4, 1, 3}, Integer(-7)}, {OID{1, 3, 6, 1, 2}, Text("hello")}, {OID{2, 1}, Text("")},
		{OID{1, 3, 6, 1}, Value{Type: TypeNull}}, {OID{1}, Identifier(OID{1, 3, 6, 1, 255, 9})},
		{OID{1, 3, 6, 1, 256}, Counter(1 << 33)}, {OID{1, 3, 6, 1, 0}, Gauge(1 << 33)}, {nil, Ticks(time.Minute)},
		{OID{1}, Value{Type: TypeCounter64, Number: math.MaxUint64}}, {OID{1}, Value{Type: TypeIPAddress,
			Octets: []byte{127, 0, 0, 1}}},
		{OID{1}, Value{Type: TypeOpaque, Octets: []byte{1}}}, {OID{1}, Value{Type: TypeNoSuchObject}},
		{OID{1}, Value{Type: TypeNoSuchInstance}}, {OID{1}, Value{Type: TypeEndOfView}},
	}
	ranges := []Range{{Start: OID{1, 3, 6, 1, 4, 1}, Include: true, End: OID{1, 3, 6, 1, 5}}, {Start: OID{1}}}
	return []*Packet{
		{Session: 1, Transaction: 2, ID: 3, Body: &Open{Timeout: 5, ID: OID{1, 3}, Description: []byte("me")}},
		{Body: &Close{ReasonShutdown}}, {Body: &Register{5, 127, OID{1, 3, 6, 1, 4, 1, 3}, OptionalBound{}}},
		{Context: []byte("other"), Body: &Register{5, 127, OID{1, 3}, OptionalBound{2, 9}}},
		{Context: []byte{}, Body: &Unregister{127, OID{1, 3}, OptionalBound{1, 2}}},
		{Body: &Get{ranges}}, {Context: []byte("x"), Body: &GetNext{ranges}}, {Body: &GetBulk{1, 10, ranges}},
		{Body: &TestSet{binds}},
		{Body: &SetStep{codeCommitSet}}, {Body: &SetStep{codeUndoSet}}, {Body: &SetStep{codeCleanupSet}},
		{Body: &Notify{binds}}, {Body: &Ping{}}, {Body: &Response{Up: 100, Error: NotWritable, Index: 1,
			Binds: binds}},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, p := range packets() {
		b := p.Append([]byte("before"))[len("before"):]
		got, err := Parse(b)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%T: got %+v %+v, want %+v; %v", p.Body, got, got.Body, p.Body, err)
		}
	}
}

// The octets of RFC 2741 section 5.1's examples, in a Get of one range.
func TestOctets(t *testing.T) {
	p := &Packet{Session: 7, Transaction: 8, ID: 9, Body: &Get{[]Range{{Start: OID{1, 3, 6, 1, 2, 1, 1, 1, 0},
		Include: true}}}}
	want := []byte{1, 5, 0x10, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 24 + 0,
		4, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	if got := p.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// The other byte order is read as well.
func TestLittleEndian(t *testing.T) {
	b := []byte{1, 18, 0, 0}
	for _, n := range []uint32{7, 8, 9, 8, 100} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(NotOpen))
	b = binary.LittleEndian.AppendUint16(b, 3)
	got, err := Parse(b)
	want := &Packet{Session: 7, Transaction: 8, ID: 9, Body: &Response{Up: 100, Error: NotOpen, Index: 3}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %+v, %v", got, got.Body, err)
	}
}

func TestBadPackets(t *testing.T) {
	ping := (&Packet{Body: &Ping{}}).Append(nil)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(ping)
		b[at] = to
		return b
	}
	get := (&Packet{Body: &Get{[]Range{{Start: OID{1, 2, 3}}}}}).Append(nil)
	for name, b := range map[string][]byte{
		"nothing": nil, "a short header": ping[:19], "another version": change(0, 2), "an odd length": change(19,
			3),
		"too long": change(16, 0x7f), "less than it says": change(19, 4),
		"more than it says": append(bytes.Clone(ping), 0, 0, 0, 0),
		"a body cut off":    append(append(bytes.Clone(get[:19]), 4), get[20:24]...),
	} {
		if p, err := Parse(b); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p, err := Parse(change(1, 14)); err != nil || p.Body != nil { // IndexAllocate, only for agents
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range packets() {
		f.Add(p.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) { // refusing is fine; crashing, hanging or changing it is not
		p, err := Parse(b)
		if err != nil || p.Body == nil {
			return
		}
		again, err := Parse(p.Append(nil))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%v: %+v %+v changes into %+v, %v", b, p, p.Body, again, err)
		}
	})
}

func TestParseOID(t *testing.T) {
	for _, s := range []string{"1.3.6.1.4.1.3", "0", "1.4294967295"} {
		for _, dot := range []string{"", "."} {
			if o, err := ParseOID(dot + s); err != nil || o.String() != s {
				t.Errorf("%s: %v, %v", s, o, err)
			}
		}
	}
	for _, s := range []string{"", ".", "1..2", "1.x", "-1", "4294967296"} {
		if o, err := ParseOID(s); err == nil {
			t.Errorf("%q: %v", s, o)
		}
	}
}

func TestValuesKeepTheirBounds(t *testing.T) {
	for _, c := range []struct {
		got  Value
		want uint64
	}{
		{Integer(-1), math.MaxUint32}, {Integer(math.MaxInt), math.MaxInt32}, {Integer(math.MinInt), 1 << 31},
		{Counter(1<<32 + 5), 5}, {Gauge(1 << 40), math.MaxUint32}, {Ticks(1500 * time.Millisecond), 150},
		{Ticks(500 * 24 * time.Hour), (500*24*3600*100)%(1<<32) + 0},
	} {
		if c.got.Number != c.want {
			t.Errorf("%+v, want %d", c.got, c.want)
		}
	}
}

func TestView(t *testing.T) {
	v := NewView([]VarBind{{OID{1, 3}, Integer(3)}, {OID{1, 1}, Integer(1)}, {OID{1, 2, 5}, Integer(2)},
		{OID{1, 1}, Integer(9)}})
	if len(v) != 3 {
		t.Fatalf("%v", v)
	}
	if b := v.Get(OID{1, 2, 5}); b.Number != 2 {
		t.Errorf("%+v", b)
	}
	for _, c := range []struct {
		o    OID
		want Type
	}{
		{OID{1, 2}, TypeNoSuchInstance}, {OID{1, 4}, TypeNoSuchInstance}, {OID{1, 2, 5, 0}, TypeNoSuchInstance},
		{OID{1, 2, 4}, TypeNoSuchInstance}, {OID{1, 2, 6, 7}, TypeNoSuchInstance}, {OID{1}, TypeNoSuchInstance},
		{OID{2}, TypeNoSuchObject}, {OID{0, 5}, TypeNoSuchObject}, {OID{}, TypeNoSuchObject},
	} {
		if b := v.Get(c.o); b.Type != c.want || b.Name.Compare(c.o) != 0 {
			t.Errorf("%v: %+v", c.o, b)
		}
	}
	for _, c := range []struct {
		r    Range
		want string // empty: the end
	}{
		{Range{Start: OID{1}}, "1.1"}, {Range{Start: OID{1, 1}}, "1.2.5"}, {Range{Start: OID{1, 1},
			Include: true}, "1.1"},
		{Range{Start: OID{1, 2}, Include: true}, "1.2.5"}, {Range{Start: OID{1, 2, 5}}, "1.3"},
		{Range{Start: OID{1, 3}}, ""},
		{Range{Start: OID{1, 1}, End: OID{1, 2}}, ""}, {Range{Start: OID{1, 1}, End: OID{1, 2, 5}}, ""},
		{Range{Start: OID{1, 1}, End: OID{1, 2, 6}}, "1.2.5"},
	} {
		b := v.Next(c.r)
		if c.want == "" && (b.Type != TypeEndOfView || b.Name.Compare(c.r.Start) != 0) || c.want != "" &&
			b.Name.String() != c.want {
			t.Errorf("%+v: %+v, want %q", c.r, b, c.want)
		}
	}
}

// RFC 2741 section 7.2.3.3: some once, the others row by row, until none has more.
func TestBulk(t *testing.T) {
	v := NewView([]VarBind{{OID{1, 1}, Integer(1)}, {OID{1, 2}, Integer(2)}, {OID{1, 3}, Integer(3)}})
	names := func(list []VarBind) (out []string) {
		for _, b := range list {
			name := b.Name.String()
			if b.Type == TypeEndOfView {
				name += "$"
			}
			out = append(out, name)
		}
		return out
	}
	for _, c := range []struct {
		g    GetBulk
		want []string
	}{
		{GetBulk{1, 2, []Range{{Start: OID{1}}, {Start: OID{1}}, {Start: OID{1, 2}}}}, []string{"1.1", "1.1",
			"1.3", "1.2", "1.3$"}},
		{GetBulk{0, 100, []Range{{Start: OID{1, 1}}}}, []string{"1.2", "1.3", "1.3$"}},
		{GetBulk{9, 9, []Range{{Start: OID{1}}}}, []string{"1.1"}}, {GetBulk{0, 0, []Range{{Start: OID{1}}}}, nil},
	} {
		if got := names(v.bulk(&c.g)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.g, got, c.want)
		}
	}
	var big View
	for n := range 2000 {
		big = append(big, VarBind{OID{1, uint32(n)}, Integer(n)})
	}
	if n := len(big.bulk(&GetBulk{0, math.MaxUint16, []Range{{Start: OID{1}}}})); n != bulkMax {
		t.Errorf("%d values in one answer", n)
	}
}
