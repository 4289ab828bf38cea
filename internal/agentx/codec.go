package agentx

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// internet begins the identifiers that can be written shorter. RFC 2741 section 5.1.
var internet = OID{1, 3, 6, 1}

// appendOID writes an identifier; 1.3.6.1.n, n from 1 to 255, as a prefix. RFC 2741 section 5.1.
func appendOID(b []byte, o OID, include bool) []byte {
	prefix, rest := uint8(0), o[:min(len(o), maxOID)]
	if len(rest) > len(internet) && slices.Equal(rest[:4], internet) && rest[4]-1 < 255 {
		prefix, rest = uint8(rest[4]), rest[5:]
	}
	b = append(b, uint8(len(rest)), prefix, flag(include), 0)
	for _, n := range rest {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func flag(is bool) uint8 {
	if is {
		return 1
	}
	return 0
}

// appendOctets writes a string with its length, filled up to a multiple of four. RFC 2741 section 5.3.
func appendOctets(b, s []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(append(b, s...), make([]byte, padding(len(s)))...)
}

func padding(n int) int { return -n & 3 }

func appendRanges(b []byte, list []Range) []byte {
	for _, r := range list {
		b = appendOID(appendOID(b, r.Start, r.Include), r.End, false)
	}
	return b
}

func appendBinds(b []byte, list []VarBind) []byte {
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(v.Type))
		b = appendValue(appendOID(append(b, 0, 0), v.Name, false), &v.Value)
	}
	return b
}

// appendValue writes a value of any type. RFC 2741 section 5.4.
func appendValue(b []byte, v *Value) []byte {
	switch v.Type {
	case TypeInteger, TypeCounter32, TypeGauge32, TypeTimeTicks:
		return binary.BigEndian.AppendUint32(b, uint32(v.Number))
	case TypeCounter64:
		return binary.BigEndian.AppendUint64(b, v.Number)
	case TypeOctets, TypeIPAddress, TypeOpaque:
		return appendOctets(b, v.Octets)
	case TypeOID:
		return appendOID(b, v.ID, false)
	}
	return b
}

// decoder reads the parts of a body. After the first failure all that it reads is zero.
type decoder struct {
	in     []byte
	order  binary.ByteOrder
	failed bool
}

// zeroes stand for what is missing.
var zeroes [8]byte

// take is the next n octets; if they are missing it is up to eight zeroes.
func (d *decoder) take(n int) []byte {
	if d.failed || n > len(d.in) {
		d.failed = true
		return zeroes[:min(n, len(zeroes))]
	}
	out := d.in[:n]
	d.in = d.in[n:]
	return out
}

func (d *decoder) uint16() uint16 { return d.order.Uint16(d.take(2)) }
func (d *decoder) uint32() uint32 { return d.order.Uint32(d.take(4)) }

func (d *decoder) oid() (o OID, include bool) {
	h := d.take(4)
	n, prefix := int(h[0]), h[1]
	if h[2] > 1 || n > maxOID || prefix != 0 && n+5 > maxOID || 4*n > len(d.in) {
		d.failed = true
		return nil, false
	}
	if prefix != 0 {
		o = append(append(o, internet...), uint32(prefix))
	}
	for range n {
		o = append(o, d.uint32())
	}
	return o, h[2] == 1
}

// octets is a string of its own; nil if empty.
func (d *decoder) octets() []byte {
	n := d.uint32()
	if d.failed || int64(n) > int64(len(d.in)) {
		d.failed = true
		return nil
	}
	s := bytes.Clone(d.take(int(n)))
	d.take(padding(int(n)))
	if len(s) == 0 {
		return nil
	}
	return s
}

func (d *decoder) ranges() (list []Range) {
	for len(d.in) > 0 && !d.failed {
		var r Range
		r.Start, r.Include = d.oid()
		r.End, _ = d.oid()
		list = append(list, r)
	}
	return list
}

func (d *decoder) binds() (list []VarBind) {
	for len(d.in) > 0 && !d.failed {
		v := VarBind{Value: Value{Type: Type(d.uint16())}}
		d.take(2)
		v.Name, _ = d.oid()
		d.value(&v.Value)
		list = append(list, v)
	}
	return list
}

func (d *decoder) value(v *Value) {
	switch v.Type {
	case TypeInteger, TypeCounter32, TypeGauge32, TypeTimeTicks:
		v.Number = uint64(d.uint32())
	case TypeCounter64:
		v.Number = d.order.Uint64(d.take(8))
	case TypeOctets, TypeIPAddress, TypeOpaque:
		v.Octets = d.octets()
	case TypeOID:
		v.ID, _ = d.oid()
	case TypeNull, TypeNoSuchObject, TypeNoSuchInstance, TypeEndOfView:
	default:
		d.failed = true
	}
}
