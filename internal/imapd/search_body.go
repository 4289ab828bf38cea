package imapd

import (
	"io"
	"strings"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// bodyText is the content of a message while a search looks into it.
type bodyText struct {
	content mail.Content
	digest  *mail.Digest // with its Parts
	root    *message.Part
	head    []byte // the message's header, nil until it is asked for
}

// parts is the tree of the message.
func (t *bodyText) parts() (*message.Part, error) {
	if t.root == nil {
		root, err := message.DecodeParts(t.digest.Parts)
		if err != nil {
			return nil, err
		}
		t.root = root
	}
	return t.root, nil
}

// header is the message's own header.
func (t *bodyText) header() ([]byte, error) {
	if t.head != nil {
		return t.head, nil
	}
	root, err := t.parts()
	if err != nil {
		return nil, err
	}
	t.head, err = t.octets(root.Header)
	return t.head, err
}

// octets reads a header; how long one can be is bounded by package message.
func (t *bodyText) octets(e message.Extent) ([]byte, error) {
	b := make([]byte, e.Length)
	n, err := t.content.ReadAt(b, e.Offset)
	if n == len(b) {
		err = nil
	}
	return b[:n], err
}

// holds tells whether the decoded text of the message's body, or withHeader of its header, holds needle, which is
// folded. Text is what text parts hold, and the headers of parts and of messages in messages. RFC 9051 section 6.4.4.
func (t *bodyText) holds(f *fold.Finder, needle []byte, withHeader bool) (bool, error) {
	root, err := t.parts()
	if err != nil {
		return false, err
	}
	if withHeader {
		head, err := t.header()
		if err != nil || headerHolds(f, head, needle) {
			return err == nil, err
		}
	}
	return t.bodyHolds(f, root, needle)
}

// bodyHolds looks into what a part is made of, its own header left out.
func (t *bodyText) bodyHolds(f *fold.Finder, p *message.Part, needle []byte) (bool, error) {
	if isText, _ := p.IsText(); isText {
		return t.textHolds(f, p, needle)
	}
	for i := range p.Parts() {
		part := &p.Parts()[i]
		head, err := t.octets(part.Header)
		if err != nil || headerHolds(f, head, needle) {
			return err == nil, err
		}
		if found, err := t.bodyHolds(f, part, needle); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// textHolds looks into a text part, in its charset; text of an unknown encoding or charset is looked at as it stands.
func (t *bodyText) textHolds(f *fold.Finder, p *message.Part, needle []byte) (bool, error) {
	r, err := p.Decoded(t.content)
	if err != nil {
		r = io.NewSectionReader(t.content, p.Body.Offset, p.Body.Length)
	}
	if enc, ok := message.Charset(p.Charset); ok && !isUnicode(p.Charset) {
		r = enc.NewDecoder().Reader(r)
	}
	return f.Find(r, needle)
}

// isUnicode tells whether text of that charset is looked at as it stands: UTF-8, and ASCII, which is part of it.
func isUnicode(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii")
}

// headerHolds looks into each field of a header, decoded.
func headerHolds(f *fold.Finder, header, needle []byte) bool {
	for len(header) > 0 {
		var field []byte
		field, header = cutField(header)
		name, value, _ := strings.Cut(string(field), ":")
		if f.Contains(name+": "+message.DecodeHeader(value), needle) {
			return true
		}
	}
	return false
}
