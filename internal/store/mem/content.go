package mem

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// content is the octets of a message and their digest. Never changed, but for refs.
type content struct {
	octets []byte
	digest mail.Digest
	refs   int // messages and remembered expunges
}

// threadRef is what a message id belongs to.
type threadRef struct {
	thread mail.ThreadID
	uses   int // contents that have the id
}

// ids are the message ids that tie a message to others, without doubles.
func ids(d *mail.Digest) []string {
	var out []string
	for _, id := range append(slices.Clone(d.References), d.MessageID) {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// addContent stores a message's octets, without a reference yet, and finds its thread.
func (a *account) addContent(octets []byte, d *mail.Digest) mail.ContentID {
	c := &content{octets: octets, digest: *d}
	c.digest.Envelope, c.digest.BodyStructure = bytes.Clone(d.Envelope), bytes.Clone(d.BodyStructure)
	c.digest.Parts, c.digest.Headers = bytes.Clone(d.Parts), bytes.Clone(d.Headers)
	c.digest.Preview = bytes.Clone(d.Preview)
	c.digest.References = slices.Clone(d.References)
	c.digest.Thread = 0
	ids := ids(d)
	for _, id := range ids {
		if t := a.threads[id]; t != nil {
			c.digest.Thread = t.thread
			break
		}
	}
	if c.digest.Thread == 0 {
		a.lastThread++
		c.digest.Thread = a.lastThread
	}
	for _, id := range ids {
		if a.threads[id] == nil {
			a.threads[id] = &threadRef{thread: c.digest.Thread}
		}
		a.threads[id].uses++
	}
	a.lastContent++
	a.contents[a.lastContent] = c
	return a.lastContent
}

// release takes away a reference, and the content with its last one.
func (a *account) release(id mail.ContentID) (size int64, last bool) {
	c := a.contents[id]
	c.refs--
	if c.refs > 0 {
		return 0, false
	}
	delete(a.contents, id)
	for _, m := range ids(&c.digest) {
		if t := a.threads[m]; t.uses > 1 {
			t.uses--
		} else {
			delete(a.threads, m)
		}
	}
	return int64(len(c.octets)), true
}

// Digests implements mail.Messages.
func (h *handle) Digests(
	ctx context.Context, ids []mail.ContentID, want mail.Columns, yield func(i int, d *mail.Digest) error,
) error {
	a, err := h.enter(ctx, "read digests")
	if err != nil {
		return err
	}
	found := make([]*content, len(ids))
	for i, id := range ids {
		found[i] = a.contents[id]
	}
	a.mu.Unlock()
	for i, c := range found {
		if c == nil {
			continue
		}
		d := columns(&c.digest, want)
		if err := yield(i, &d); err != nil {
			return err
		}
	}
	return nil
}

// columns is the wanted part of a digest.
func columns(d *mail.Digest, want mail.Columns) mail.Digest {
	var out mail.Digest
	if want&mail.ColEnvelope != 0 {
		out.Envelope = d.Envelope
	}
	if want&mail.ColBodyStructure != 0 {
		out.BodyStructure = d.BodyStructure
	}
	if want&mail.ColParts != 0 {
		out.Parts, out.HeaderSize = d.Parts, d.HeaderSize
	}
	if want&mail.ColHeaders != 0 {
		out.Headers = d.Headers
	}
	if want&mail.ColPreview != 0 {
		out.Preview = d.Preview
	}
	if want&mail.ColKeys != 0 {
		out.Sent, out.SentDay, out.Thread = d.Sent, d.SentDay, d.Thread
	}
	if want&mail.ColReferences != 0 {
		out.References = d.References
	}
	from := d.Texts()
	for i, t := range out.Texts() {
		if want&(mail.ColMessageID<<i) != 0 {
			*t = *from[i]
		}
	}
	return out
}

// OpenContent implements mail.Messages.
func (h *handle) OpenContent(ctx context.Context, id mail.ContentID) (mail.Content, error) {
	one, err := h.OpenContents(ctx, []mail.ContentID{id}, 0)
	if err == nil && one[0] == nil {
		err = refuse("open content", mail.NotFound, "")
	}
	if err != nil {
		return nil, err
	}
	return one[0], nil
}

// OpenContents implements mail.Messages.
func (h *handle) OpenContents(ctx context.Context, ids []mail.ContentID, most int64) ([]mail.Content, error) {
	a, err := h.enter(ctx, "open content")
	if err != nil {
		return nil, err
	}
	defer a.mu.Unlock()
	var out []mail.Content
	for _, id := range ids {
		if len(out) > 0 && most <= 0 {
			break
		}
		c := a.contents[id]
		if c == nil {
			out = append(out, nil)
			continue
		}
		out = append(out, octets{bytes.NewReader(c.octets)})
		most -= int64(len(c.octets))
	}
	return out, nil
}

// octets implements mail.Content.
type octets struct{ *bytes.Reader }

// Close implements mail.Content.
func (octets) Close() error { return nil }

// upload implements mail.Upload.
type upload struct {
	disk   *Disk
	id     mail.AccountID
	octets []byte
	over   bool // closed or taken
}

var errUploadOver = errors.New("the upload is over")

// NewUpload implements mail.Messages.
func (h *handle) NewUpload(ctx context.Context, _ int64) (mail.Upload, error) {
	a, err := h.enter(ctx, "upload")
	if err != nil {
		return nil, err
	}
	a.mu.Unlock()
	return &upload{disk: h.store.disk, id: h.id}, nil
}

// Write implements mail.Upload.
func (u *upload) Write(p []byte) (int, error) {
	if u.over {
		return 0, &mail.Error{Op: "upload", Kind: mail.Invalid, Err: errUploadOver}
	}
	u.octets = append(u.octets, p...)
	return len(p), nil
}

// ReadAt implements mail.Upload.
func (u *upload) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(u.octets).ReadAt(p, off)
}

// Size implements mail.Upload.
func (u *upload) Size() int64 { return int64(len(u.octets)) }

// Close implements mail.Upload.
func (u *upload) Close() error {
	u.over = true
	return nil
}
