package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// ID is ID. RFC 2971.
type ID struct{ Fields []IDField }

// IDField is one field of ID; Nil says that the value is NIL.
type IDField struct {
	Name, Value string
	Nil         bool
}

// Verb is "ID".
func (*ID) Verb() string { return "ID" }

// The bounds of ID: pairs, octets of a name and of a value. RFC 2971 section 3.3.
const (
	maxIDFields = 30
	maxIDName   = 30
	maxIDValue  = 1024
)

// id = "ID" SP id-params-list; id-params-list = "(" [string SP nstring *(SP string SP nstring)] ")" / nil;
// RFC 2971 section 4.
func parseID(d *wire.Decoder) Command {
	var c ID
	if d.MustSP() && !d.List(func() bool { return c.field(d) }) {
		d.MustKeyword("NIL")
	}
	return end(d, &c)
}

func (c *ID) field(d *wire.Decoder) bool {
	var f IDField
	if !d.MustString(&f.Name) || !d.MustSP() || !d.MustNString(&f.Value, &f.Nil) {
		return false
	}
	if len(c.Fields) == maxIDFields || len(f.Name) > maxIDName || len(f.Value) > maxIDValue {
		return d.Fail("too many or too long ID fields")
	}
	c.Fields = append(c.Fields, f)
	return true
}

// Append appends the command.
func (c *ID) Append(b []byte, utf8 bool) []byte {
	b = append(b, "ID "...)
	if len(c.Fields) == 0 {
		return append(b, "NIL"...)
	}
	for i, f := range c.Fields {
		if i == 0 {
			b = append(b, '(')
		} else {
			b = append(b, ' ')
		}
		b = append(wire.AppendClientString(b, f.Name, utf8), ' ')
		if f.Nil {
			b = append(b, "NIL"...)
		} else {
			b = wire.AppendClientString(b, f.Value, utf8)
		}
	}
	return append(b, ')')
}
