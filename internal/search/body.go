package search

import (
	"io"

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
	t.head, err = root.ReadHeader(t.content)
	return t.head, err
}

// holds tells whether the decoded text of the message's body, or withHeader of its header, holds needle,
// which is folded. RFC 9051 section 6.4.4.
func (t *bodyText) holds(f *fold.Finder, needle []byte, withHeader bool) (bool, error) {
	root, err := t.parts()
	if err != nil {
		return false, err
	}
	l := looker{f, needle}
	if withHeader {
		head, err := t.header()
		if err != nil || message.LookAtHeader(head, l) {
			return err == nil, err
		}
	}
	return message.LookAtBody(t.content, root, l)
}

// looker looks for text in a message. It implements message.Looker.
type looker struct {
	find   *fold.Finder
	needle []byte // folded
}

// Field implements message.Looker.
func (l looker) Field(text string) bool { return l.find.Contains(text, l.needle) }

// Text implements message.Looker.
func (l looker) Text(r io.Reader) (bool, error) { return l.find.Find(r, l.needle) }
