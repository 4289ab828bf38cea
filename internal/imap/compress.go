package imap

import "github.com/constance-mail/constance/internal/imap/wire"

// Compress is COMPRESS. RFC 4978 section 3.
type Compress struct{ Algorithm string } // in capitals, known or not

// Verb is "COMPRESS".
func (*Compress) Verb() string { return "COMPRESS" }

// compress = "COMPRESS" SP algorithm; RFC 4978 section 5.
func parseCompress(d *wire.Decoder) Command {
	var c Compress
	if !d.MustSP() {
		return nil
	}
	c.Algorithm = string(d.MustWord())
	return end(d, &c)
}

// Append appends the command.
func (c *Compress) Append(b []byte, _ bool) []byte {
	return append(append(b, "COMPRESS "...), c.Algorithm...)
}
