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
	out.Preview = bytes.Clone(d.Preview)
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
	if columns&mail.ColPreview != 0 &&
		(!bytes.Equal(got.Preview, want.Preview) || (got.Preview == nil) != (want.Preview == nil)) {
		return fmt.Sprintf("preview %q, want %q", got.Preview, want.Preview)
	}
	if columns&mail.ColKeys == 0 {
		return ""
	}
	if got.Sent != want.Sent || got.SentDay != want.SentDay || got.Thread != want.Thread {
		return fmt.Sprintf("sent %d %d, thread %d, want %d %d, %d", got.Sent, got.SentDay, got.Thread, want.Sent,
			want.SentDay, want.Thread)
	}
	if columns&mail.ColReferences != 0 && !slices.Equal(got.References, want.References) {
		return fmt.Sprintf("references %q, want %q", got.References, want.References)
	}
	texts := want.Texts()
	for i, t := range got.Texts() {
		if columns&(mail.ColMessageID<<i) != 0 && *t != *texts[i] {
			return fmt.Sprintf("text %d %q, want %q", i, *t, *texts[i])
		}
	}
	return ""
}
