package sqlite

import (
	"math"
	"reflect"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"pgregory.net/rapid"
)

func TestColumnRoundTrip(t *testing.T) {
	for name, values := range map[string][]int64{
		"empty": {}, "one": {7}, "equal": {5, 5, 5}, "octet": {100, 355, 100}, "two octets": {-3, 60000},
		"four octets": {0, math.MaxUint32}, "eight octets": {math.MinInt64, math.MaxInt64, 0}, "negative": {-1, -256},
	} {
		b := appendColumn(nil, values)
		out := make([]int64, len(values))
		rest, ok := readColumn(append(b, 'x'), out)
		if !ok || string(rest) != "x" || !reflect.DeepEqual(out, values) {
			t.Errorf("%s: got %v %v, want %v", name, out, ok, values)
		}
		for n := range b {
			if _, ok := readColumn(b[:n], out); ok {
				t.Errorf("%s: %d of %d octets are taken for a column", name, n, len(b))
			}
		}
	}
	if _, ok := readColumn([]byte{0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0}, make([]int64, 1)); ok {
		t.Error("a column of width 3 was read")
	}
}

// drawPage is UIDs of one page.
func drawPage(t *rapid.T, no int64) []mail.UID {
	var uids []mail.UID
	for i := range mail.PageSize {
		if rapid.Bool().Draw(t, "there") {
			uids = append(uids, mail.UID(no*mail.PageSize+int64(i)))
		}
	}
	return uids
}

func TestPageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		no := rapid.Int64Range(0, 1<<24-1).Draw(t, "no")
		in := marks{no: no, uids: drawPage(t, no)}
		fix := fixed{uids: in.uids}
		for range in.uids {
			in.flags = append(in.flags, mail.FlagSet(rapid.Uint64().Draw(t, "flags")))
			in.mods = append(in.mods, mail.ModSeq(rapid.Uint64Range(1, 1<<62).Draw(t, "modseq")))
			fix.contents = append(fix.contents, mail.ContentID(rapid.Uint64Range(1, 1<<40).Draw(t, "content")))
			fix.sizes = append(fix.sizes, rapid.Int64Range(0, 1<<40).Draw(t, "size"))
			fix.internal = append(fix.internal, rapid.Int64().Draw(t, "internal"))
			fix.saved = append(fix.saved, rapid.Int64().Draw(t, "saved"))
		}
		key := pageKey(3, no)
		var out marks
		if err := out.decode(key, in.encode(nil)); err != nil {
			t.Fatal(err)
		}
		var outFix fixed
		if err := outFix.decode(key, fix.encode(nil)); err != nil {
			t.Fatal(err)
		}
		if len(in.uids) == 0 {
			return
		}
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("got %v, want %v", out, in)
		}
		if !reflect.DeepEqual(fix, outFix) {
			t.Fatalf("got %v, want %v", outFix, fix)
		}
	})
}

func TestPageDamage(t *testing.T) {
	in := marks{no: 1, uids: []mail.UID{256, 300}, flags: []mail.FlagSet{1, 2}, mods: []mail.ModSeq{5, 9}}
	good := in.encode(nil)
	var out marks
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		if err := out.decode(pageKey(1, 1), bad); mail.KindOf(err) != mail.Corrupt || err == nil {
			t.Errorf("octet %d changed: %v", i, err)
		}
		if err := out.decode(pageKey(1, 1), good[:i]); err == nil {
			t.Errorf("cut at %d: read", i)
		}
	}
}

func TestKeysRoundTrip(t *testing.T) {
	text := rapid.StringN(0, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		in := &mail.Digest{References: rapid.SliceOf(text).Draw(t, "references")}
		for _, p := range in.Texts() {
			*p = text.Draw(t, "text")
		}
		in.Sent = rapid.SampledFrom([]int64{mail.NoDate, 0, 1, -5, 1 << 40}).Draw(t, "sent")
		in.SentDay = rapid.Int32().Draw(t, "day")
		b := appendKeys(nil, in, 77)
		in.Thread = 77
		out := &mail.Digest{}
		if !readKeys(b, out, mail.ColKeys, &arena{}) {
			t.Fatal("not read")
		}
		if len(in.References) == 0 {
			in.References, out.References = nil, nil
		}
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("got %+v, want %+v", out, in)
		}
		for n := range b {
			if readKeys(b[:n], &mail.Digest{}, mail.ColKeys, &arena{}) {
				t.Fatalf("%d of %d octets are taken for keys", n, len(b))
			}
		}
	})
}

// FuzzKeys: any octets are refused, or keys that are read again as they were written.
func FuzzKeys(f *testing.F) {
	f.Add(string(appendKeys(nil, &mail.Digest{References: []string{"a@b"}}, 1)))
	f.Add(string(appendKeys(nil, &mail.Digest{References: []string{"", "x"}}, 1<<40)))
	f.Fuzz(func(t *testing.T, s string) {
		var in, out mail.Digest
		if !readKeys([]byte(s), &in, mail.ColKeys, &arena{}) {
			return
		}
		again := appendKeys(nil, &in, in.Thread)
		if !readKeys(again, &out, mail.ColKeys, &arena{}) || !reflect.DeepEqual(in, out) {
			t.Errorf("%q: got %+v, want %+v", s, out, in)
		}
	})
}

// FuzzPage: any octets are refused, or pages that are read again as they were written.
func FuzzPage(f *testing.F) {
	m := marks{uids: []mail.UID{1}, flags: []mail.FlagSet{1}, mods: []mail.ModSeq{1}}
	f.Add(m.encode(nil))
	f.Add(beginPage(nil, []mail.UID{0, 7}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again marks
		var x, after fixed
		b = endPage(b) // get past the checksum
		if m.decode(0, b) == nil && (again.decode(0, m.encode(nil)) != nil || !reflect.DeepEqual(m, again)) {
			t.Errorf("%q: got %+v, want %+v", b, again, m)
		}
		if x.decode(0, b) == nil && (after.decode(0, x.encode(nil)) != nil || !reflect.DeepEqual(x, after)) {
			t.Errorf("%q: got %+v, want %+v", b, after, x)
		}
	})
}

func TestArena(t *testing.T) {
	var a arena
	var kept []string
	buf := make([]byte, 100)
	for i := range 1000 {
		for j := range buf {
			buf[j] = byte(i)
		}
		kept = append(kept, a.text(buf[:i%100]))
	}
	for i, s := range kept {
		for j := range len(s) {
			if s[j] != byte(i) {
				t.Fatalf("text %d was overwritten", i)
			}
		}
	}
	if big := a.text(make([]byte, arenaSize)); len(big) != arenaSize {
		t.Error(len(big))
	}
}

func TestCompareNames(t *testing.T) {
	ordered := []string{"A", "A/B", "A/B/C", "A/C", "A B", "A-B", "AB", "a", "a/b", "ä"}
	for i, x := range ordered {
		for j, y := range ordered {
			if got := mail.CompareNames(x, y); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("mail.CompareNames(%q, %q) = %d", x, y, got)
			}
		}
	}
}

func BenchmarkPage(b *testing.B) {
	m := marks{no: 1}
	for i := range mail.PageSize {
		m.add(mail.UID(256+i), mail.FlagSet(i%32), mail.ModSeq(1000+i))
	}
	blob := m.encode(nil)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var out marks
		for b.Loop() {
			if err := out.decode(pageKey(1, 1), blob); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			blob = m.encode(blob[:0])
		}
	})
}
