package storetest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// cloneDigest is a copy that outlives the call of yield.
func cloneDigest(d *mail.Digest) mail.Digest {
	out := *d
	out.Envelope, out.BodyStructure = bytes.Clone(d.Envelope), bytes.Clone(d.BodyStructure)
	out.Parts, out.Headers = bytes.Clone(d.Parts), bytes.Clone(d.Headers)
	out.References = slices.Clone(d.References)
	return out
}

// diffDigest says what is different in these columns, "" if nothing is.
func diffDigest(got, want *mail.Digest, columns mail.Columns) string {
	for _, c := range []struct {
		column    mail.Columns
		name      string
		got, want []byte
	}{
		{mail.ColEnvelope, "envelope", got.Envelope, want.Envelope},
		{mail.ColBodyStructure, "body structure", got.BodyStructure, want.BodyStructure},
		{mail.ColParts, "parts", got.Parts, want.Parts},
		{mail.ColHeaders, "headers", got.Headers, want.Headers},
	} {
		if columns&c.column != 0 && !bytes.Equal(c.got, c.want) {
			return fmt.Sprintf("%s %q, want %q", c.name, c.got, c.want)
		}
	}
	if columns&mail.ColParts != 0 && got.HeaderSize != want.HeaderSize {
		return fmt.Sprintf("header size %d, want %d", got.HeaderSize, want.HeaderSize)
	}
	if columns&mail.ColKeys == 0 {
		return ""
	}
	if got.Keys != want.Keys {
		return fmt.Sprintf("keys %+v, want %+v", got.Keys, want.Keys)
	}
	if got.MessageID != want.MessageID || !slices.Equal(got.References, want.References) {
		return fmt.Sprintf("message id %q, references %q, want %q, %q", got.MessageID, got.References,
			want.MessageID, want.References)
	}
	return ""
}
