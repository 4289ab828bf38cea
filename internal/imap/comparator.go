package imap

import "github.com/constance-mail/constance/internal/imap/wire"

// Comparator is COMPARATOR. RFC 5255 section 4.7.
type Comparator struct {
	Patterns []string // collations as RFC 4790 section 3.3 orders them, with wildcards; none asks which one is active
}

// maxComparators bounds the patterns of one COMPARATOR, and maxComparator the octets of each (RFC 4790 section 3.1).
const (
	maxComparators = 50
	maxComparator  = 254
)

// Verb is "COMPARATOR".
func (*Comparator) Verb() string { return "COMPARATOR" }

// Append appends the command.
func (c *Comparator) Append(b []byte, utf8 bool) []byte {
	b = append(b, c.Verb()...)
	for _, p := range c.Patterns {
		b = wire.AppendAString(append(b, ' '), p, utf8)
	}
	return b
}

// comparator-cmd = "COMPARATOR" *(SP comp-order-quoted); RFC 5255 section 4.10.
func parseComparator(d *wire.Decoder) Command {
	var c Comparator
	for d.SP() {
		var p string
		if !d.MustAString(&p) {
			return nil
		}
		if len(c.Patterns) == maxComparators || len(p) > maxComparator || p == "" {
			d.Fail("too many comparators, or one that cannot be")
			return nil
		}
		c.Patterns = append(c.Patterns, p)
	}
	return end(d, &c)
}
