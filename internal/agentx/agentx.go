// Package agentx is a subagent of an SNMP agent, by the AgentX protocol of RFC 2741: an agent such as
// net-snmp's snmpd, which speaks SNMP with the network, asks it for the values below one object identifier
// and passes its notifications on.
//
// Packets are values that are parsed from octets and appended to octets (Packet, Body). A View is all that
// there is to see at one moment, and an Agent answers from views, registers itself again whenever the
// connection was lost, and looks by pings whether it still stands. Nothing can be set.
package agentx

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OID is an object identifier, at most 128 numbers.
type OID []uint32

// maxOID is the most numbers of an object identifier. RFC 2741 section 5.1.
const maxOID = 128

// ParseOID reads "1.3.6.1", with or without a dot in front.
func ParseOID(s string) (OID, error) {
	var o OID
	for part := range strings.SplitSeq(strings.TrimPrefix(s, "."), ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(o) == maxOID {
			return nil, fmt.Errorf("%q is no object identifier", s)
		}
		o = append(o, uint32(n))
	}
	return o, nil
}

func (o OID) String() string {
	var b strings.Builder
	for i, n := range o {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	return b.String()
}

// Compare orders identifiers as SNMP does: by their first different number, the shorter first.
func (o OID) Compare(p OID) int { return slices.Compare(o, p) }

// Below is the identifier that more numbers make of this one.
func (o OID) Below(more ...uint32) OID { return slices.Concat(o, more) }

// Type is the type of a value. RFC 2741 section 5.4.
type Type uint16

// The types of values, and the three answers that are none.
const (
	TypeInteger        Type = 2
	TypeOctets         Type = 4
	TypeNull           Type = 5
	TypeOID            Type = 6
	TypeIPAddress      Type = 64
	TypeCounter32      Type = 65
	TypeGauge32        Type = 66
	TypeTimeTicks      Type = 67
	TypeOpaque         Type = 68
	TypeCounter64      Type = 70
	TypeNoSuchObject   Type = 128
	TypeNoSuchInstance Type = 129
	TypeEndOfView      Type = 130
)

// Value is a value of one Type; which field holds it follows from that.
type Value struct {
	Type   Type
	Number uint64 // TypeInteger (as int32), the counters, TypeGauge32, TypeTimeTicks
	Octets []byte // TypeOctets, TypeIPAddress, TypeOpaque; nil if empty
	ID     OID    // TypeOID
}

// Integer is an INTEGER; what does not fit is cut off at the nearest bound.
func Integer(n int) Value {
	return Value{Type: TypeInteger, Number: uint64(uint32(int32(min(max(n, math.MinInt32), math.MaxInt32))))}
}

// Text is an OCTET STRING.
func Text(s string) Value {
	v := Value{Type: TypeOctets}
	if s != "" {
		v.Octets = []byte(s)
	}
	return v
}

// Identifier is an OBJECT IDENTIFIER.
func Identifier(o OID) Value { return Value{Type: TypeOID, ID: o} }

// Counter is a Counter32, which begins anew after 2^32-1.
func Counter(n uint64) Value { return Value{Type: TypeCounter32, Number: uint64(uint32(n))} }

// Gauge is a Gauge32, which stays at 2^32-1 if there is more.
func Gauge(n uint64) Value { return Value{Type: TypeGauge32, Number: min(n, math.MaxUint32)} }

// Ticks is a TimeTicks: hundredths of a second, which begin anew after 497 days.
func Ticks(d time.Duration) Value {
	return Value{Type: TypeTimeTicks, Number: uint64(uint32(d / (10 * time.Millisecond)))}
}

// VarBind is a value and its name.
type VarBind struct {
	Name OID
	Value
}

// View is values by ascending name, each name once: all that there is at one moment.
type View []VarBind

// NewView sorts values into a View. Two of one name are our own mistake: the first stays.
func NewView(list []VarBind) View {
	slices.SortStableFunc(list, func(a, b VarBind) int { return a.Name.Compare(b.Name) })
	return slices.CompactFunc(list, func(a, b VarBind) bool { return a.Name.Compare(b.Name) == 0 })
}

// at is where o is or would be.
func (v View) at(o OID) (int, bool) {
	return slices.BinarySearchFunc(v, o, func(b VarBind, o OID) int { return b.Name.Compare(o) })
}

// Get is the value of a name; TypeNoSuchInstance if there are other instances of its object, and else TypeNoSuchObject.
// RFC 2741 section 7.2.3.1.
func (v View) Get(o OID) VarBind {
	i, ok := v.at(o)
	if ok {
		return v[i]
	}
	t := TypeNoSuchObject
	for _, b := range v[max(i-1, 0):min(i+1, len(v))] { // instances of its object would be next to it
		if b.object().begins(o) {
			t = TypeNoSuchInstance
		}
	}
	return VarBind{Name: o, Value: Value{Type: t}}
}

// object is the name without the index of the instance, which is one number here: 0 or the number of a row.
func (b *VarBind) object() OID { return b.Name[:max(len(b.Name)-1, 0)] }

// begins is whether p is o, or o with more numbers.
func (o OID) begins(p OID) bool { return len(p) >= len(o) && slices.Equal(o, p[:len(o)]) }

// Next is the first value of a range: after its start, or from it on if the range includes it, and before its
// end unless that is empty. If there is none it is TypeEndOfView with the start's name. RFC 2741 section
// 7.2.3.2.
func (v View) Next(r Range) VarBind {
	i, found := v.at(r.Start)
	if found && !r.Include {
		i++
	}
	if i < len(v) && (len(r.End) == 0 || v[i].Name.Compare(r.End) < 0) {
		return v[i]
	}
	return VarBind{Name: r.Start, Value: Value{Type: TypeEndOfView}}
}
