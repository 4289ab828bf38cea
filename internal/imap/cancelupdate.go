package imap

import "github.com/constance-mail/constance/internal/imap/wire"

// CancelUpdate is CANCELUPDATE. RFC 5267 section 4.3.5.
type CancelUpdate struct {
	Tags []string // of the searches that asked for UPDATE
}

// maxCancelled bounds the tags of one CANCELUPDATE.
const maxCancelled = 100

// Verb is "CANCELUPDATE".
func (*CancelUpdate) Verb() string { return "CANCELUPDATE" }

// Append appends the command.
func (c *CancelUpdate) Append(b []byte, utf8 bool) []byte {
	b = append(b, c.Verb()...)
	for _, t := range c.Tags {
		b = wire.AppendClientString(append(b, ' '), t, utf8)
	}
	return b
}

// command-select =/ "CANCELUPDATE" 1*(SP quoted); RFC 5267 section 5.
func parseCancelUpdate(d *wire.Decoder) Command {
	var c CancelUpdate
	if !d.MustSP() {
		return nil
	}
	for more := true; more; more = d.SP() {
		var tag string
		if !d.MustString(&tag) {
			return nil
		}
		if len(c.Tags) == maxCancelled {
			d.Fail("too many tags")
			return nil
		}
		c.Tags = append(c.Tags, tag)
	}
	return end(d, &c)
}
