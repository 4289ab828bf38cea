package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// UIDBatches is UIDBATCHES: which ranges of UIDs hold so many messages each, the newest first. RFC 10022.
type UIDBatches struct {
	Size        uint32 // messages of a batch
	First, Last uint32 // which batches, 1 the newest; 0 for all
}

// Verb is "UIDBATCHES".
func (*UIDBatches) Verb() string { return "UIDBATCHES" }

// uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]; RFC 10022.
func parseUIDBatches(d *wire.Decoder) Command {
	var c UIDBatches
	if !d.MustSP() || !d.MustNZNumber(&c.Size) {
		return nil
	}
	if d.SP() && (!d.MustNZNumber(&c.First) || !d.MustSpecial(':') || !d.MustNZNumber(&c.Last)) {
		return nil
	}
	return end(d, &c)
}

// Append appends the command.
func (c *UIDBatches) Append(b []byte, _ bool) []byte {
	b = strconv.AppendUint(append(b, "UIDBATCHES "...), uint64(c.Size), 10)
	if c.First == 0 {
		return b
	}
	b = strconv.AppendUint(append(b, ' '), uint64(c.First), 10)
	return strconv.AppendUint(append(b, ':'), uint64(c.Last), 10)
}

// AppendUIDBatchesStart appends the start of the UIDBATCHES response to the command with that tag; ranges, by
// AppendUIDBatch, and CRLF follow. RFC 10022.
func AppendUIDBatchesStart(b []byte, tag string) []byte {
	return append(append(append(b, `* UIDBATCHES (TAG "`...), tag...), `")`...)
}

// AppendUIDBatch appends a batch from the highest to the lowest UID; first says that none precedes it.
func AppendUIDBatch(b []byte, highest, lowest mail.UID, first bool) []byte {
	if first {
		b = append(b, ' ')
	} else {
		b = append(b, ',')
	}
	b = append(strconv.AppendUint(b, uint64(highest), 10), ':')
	return strconv.AppendUint(b, uint64(lowest), 10)
}
