package storetest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"time"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

var textCases = []testCase{
	{"a content that holds the text is never left out", testTextNeverLost},
	{"also one that arrived just now", testTextJustNow},
	{"each text has an answer of its own", testTextAnswers},
	{"two index at a time", testTextTwoIndex},
	{"what is wrong with the call", testTextRefused},
}

// looked are the folded texts of a message, one after the other. It implements message.Looker.
type looked struct{ texts [][]byte }

func (l *looked) Field(text string) bool {
	l.texts = append(l.texts, fold.Append(nil, text))
	return false
}

func (l *looked) Text(r io.Reader) (bool, error) {
	b, err := io.ReadAll(r)
	l.texts = append(l.texts, fold.Append(nil, b))
	return false, err
}

func (l *looked) hold(needle []byte) bool {
	for _, text := range l.texts {
		if bytes.Contains(text, needle) {
			return true
		}
	}
	return false
}

// lookInto is the texts of a message.
func lookInto(octets []byte) (*looked, error) {
	r := bytes.NewReader(octets)
	d, err := message.Digest(r, r.Size())
	if err != nil {
		return nil, err
	}
	root, err := message.DecodeParts(d.Parts)
	if err != nil {
		return nil, err
	}
	l := &looked{}
	header, err := root.ReadHeader(r)
	if err != nil {
		return nil, err
	}
	message.LookAtHeader(header, l)
	_, err = message.LookAtBody(r, root, l)
	return l, err
}

// textCheck compares an index with the texts of all contents.
type textCheck struct {
	texts map[mail.ContentID]*looked // of what is there
	last  mail.ContentID
}

// add appends messages to a mailbox.
func (c *textCheck) add(e *env, r *rand.Rand, n int) {
	e.Helper()
	var msgs []mail.NewMessage
	var texts []*looked
	for range n {
		octets := TextMessage(r.Uint64())
		l, err := lookInto(octets)
		e.ok(err)
		texts, msgs = append(texts, l), append(msgs, e.upload(octets))
	}
	for i, id := range e.append(e.box("INBOX").ID, msgs...).Contents {
		c.texts[id], c.last = texts[i], id
	}
}

// needle is a string that is likely to be in some content: a piece of a text, cut also in the middle of a character.
func (c *textCheck) needle(r *rand.Rand) []byte {
	for range 50 {
		l := c.texts[mail.ContentID(r.Uint64N(uint64(c.last)+1))]
		if l == nil || r.IntN(10) == 0 {
			continue
		}
		text := l.texts[r.IntN(len(l.texts))]
		if len(text) > 0 {
			from := r.IntN(len(text))
			return text[from:min(len(text), from+1+r.IntN(12))]
		}
	}
	return fold.Append(nil, pick(r, textWords[:])+pick(r, textWords[:]))
}

// check asks for some texts at a time, of some of the contents.
func (c *textCheck) check(e *env, a mail.Account, r *rand.Rand) {
	e.Helper()
	texts := [][]byte{c.needle(r), c.needle(r), c.needle(r)}
	first := mail.ContentID(r.Uint64N(uint64(c.last) + 1))
	last := first + mail.ContentID(r.Uint64N(uint64(c.last)+2))
	got, err := a.TextCandidates(e.ctx, first, last, texts)
	e.ok(err)
	if len(got) != len(texts) {
		e.Fatalf("%d answers for %d texts", len(got), len(texts))
	}
	for i, text := range texts {
		for id, l := range c.texts {
			if l.hold(text) && !got[i].MayHold(id) {
				e.Fatalf("content %d of %d to %d holds %q and is left out", id, first, last, text)
			}
		}
	}
}

// purge expunges some messages and purges.
func (c *textCheck) purge(e *env, r *rand.Rand) {
	e.Helper()
	box := e.box("INBOX").ID
	snap := e.snapshot(box)
	var gone mail.UIDSet
	for _, p := range snap.Pages {
		for row, u := range p.UIDs {
			if r.IntN(3) == 0 {
				gone.Add(u)
				delete(c.texts, p.Contents[row])
			}
		}
	}
	e.addFlags(box, gone, mail.Deleted)
	_, _, err := e.acc.Expunge(e.ctx, box, nil)
	e.ok(err)
	_, err = e.acc.Purge(e.ctx, time.Now().Add(time.Hour))
	e.ok(err)
}

func testTextNeverLost(e *env) {
	r := rand.New(rand.NewPCG(5, 5))
	c := textCheck{texts: make(map[mail.ContentID]*looked)}
	for range 25 {
		switch r.IntN(6) {
		case 0, 1:
			c.add(e, r, 1+r.IntN(20))
		case 2, 3:
			_, err := e.acc.IndexText(e.ctx, pick(r, []mail.Indexing{mail.IndexMake, mail.IndexUpdate, mail.IndexAnew}))
			e.ok(err)
		case 4:
			c.purge(e, r)
		case 5:
			e.reopen()
		}
		for range 10 {
			c.check(e, e.acc, r)
		}
	}
}

func testTextJustNow(e *env) {
	r := rand.New(rand.NewPCG(6, 6))
	c := textCheck{texts: make(map[mail.ContentID]*looked)}
	c.add(e, r, 30)
	_, err := e.acc.IndexText(e.ctx, mail.IndexMake)
	e.ok(err)
	other := e.second()
	for range 10 {
		c.add(e, r, 1)
		c.check(e, e.acc, r)
		c.check(e, other.Account("alice"), r)
	}
}

func testTextAnswers(e *env) {
	var msgs []mail.NewMessage
	for _, word := range []string{"apple", "banana", "apple banana"} {
		msgs = append(msgs, e.upload([]byte("Subject: fruit\r\n\r\n"+word+"\r\n")))
	}
	ids := e.append(e.box("INBOX").ID, msgs...).Contents
	sum, err := e.acc.IndexText(e.ctx, mail.IndexMake)
	e.ok(err)
	got, err := e.acc.TextCandidates(e.ctx, ids[0], ids[2], [][]byte{[]byte("APPLE"), []byte("BANANA"), []byte("CHERRY"), []byte("X")})
	e.ok(err)
	for i, want := range []string{"101", "011", "000", "111"} {
		for j, id := range ids {
			holds := want[j] == '1'
			if may := got[i].MayHold(id); holds && !may || may != holds && sum.Contents > 0 {
				e.Errorf("text %d, content %d: may hold %v", i, id, may)
			}
		}
	}
	if sum.Contents > 0 && (sum.Contents != 3 || sum.Indexed != 3 || sum.Passed != 0 || sum.Octets == 0) {
		e.Errorf("got %+v", sum)
	}
	again, err := e.acc.IndexText(e.ctx, mail.IndexMake)
	e.ok(err)
	if again.Indexed != 0 || again.Contents != sum.Contents {
		e.Errorf("again: got %+v", again)
	}
	anew, err := e.acc.IndexText(e.ctx, mail.IndexAnew)
	e.ok(err)
	if anew.Indexed != sum.Indexed {
		e.Errorf("anew: got %+v", anew)
	}
}

func testTextTwoIndex(e *env) {
	r := rand.New(rand.NewPCG(7, 7))
	c := textCheck{texts: make(map[mail.ContentID]*looked)}
	other := e.second().Account("alice")
	for range 3 {
		c.add(e, r, 40)
		done := make(chan error, 2)
		for _, a := range []mail.Account{e.acc, other} {
			go func() {
				_, err := a.IndexText(e.ctx, mail.IndexMake)
				done <- err
			}()
		}
		for range 5 {
			c.check(e, e.acc, r)
		}
		for range 2 {
			if err := <-done; err != nil && mail.KindOf(err) != mail.Unavailable {
				e.Error(err)
			}
		}
		c.check(e, other, r)
	}
}

func testTextRefused(e *env) {
	over, cancel := context.WithCancel(e.ctx)
	cancel()
	if _, err := e.acc.TextCandidates(over, 1, 2, [][]byte{[]byte("ABC")}); err != context.Canceled {
		e.Errorf("after the end of ctx: %v", err)
	}
	if _, err := e.store.Unindexed(over); err != context.Canceled {
		e.Errorf("after the end of ctx: %v", err)
	}
	got, err := e.acc.TextCandidates(e.ctx, 1, 2, nil)
	if err != nil || len(got) != 0 {
		e.Errorf("of no text: %v, %v", got, err)
	}
	s := e.open(e, e.dir)
	a := s.Account("alice")
	e.ok(s.Close())
	_, err = a.TextCandidates(e.ctx, 1, 2, nil)
	e.kind(err, mail.Unavailable)
	_, err = a.IndexText(e.ctx, mail.IndexMake)
	e.kind(err, mail.Unavailable)
}
