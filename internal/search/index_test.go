package search

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
)

// indexedAccount has an index of text that names some wrong candidates, and counts what is read.
type indexedAccount struct {
	mail.Account
	t     *testing.T
	asked [][]byte // the texts of the last question
	calls int
	read  int // contents
}

func (a *indexedAccount) TextCandidates(
	ctx context.Context, first, last mail.ContentID, texts [][]byte,
) ([]mail.Candidates, error) {
	a.asked = texts
	a.calls++
	out := make([]mail.Candidates, len(texts))
	for i, text := range texts {
		out[i] = mail.NewCandidates(first, last)
		for id := first; id <= last; id++ {
			c, err := a.Account.OpenContent(ctx, id)
			if err != nil {
				return nil, err
			}
			b := make([]byte, c.Size())
			if _, err := c.ReadAt(b, 0); err != nil {
				a.t.Error(err)
			}
			if id%50 == 0 || bytes.Contains(fold.Append(nil, b), text) {
				out[i].Add(id)
			}
		}
	}
	return out, nil
}

func (a *indexedAccount) OpenContents(ctx context.Context, ids []mail.ContentID, octets int64) ([]mail.Content, error) {
	got, err := a.Account.OpenContents(ctx, ids, octets)
	a.read += len(got)
	return got, err
}

// indexedMessages are enough messages that the index is asked.
func indexedMessages() []string {
	var out []string
	for i := range 400 {
		out = append(out, fmt.Sprintf("From: a%d@example.org\r\nSubject: number %d\r\nX-Trace: hop%03d\r\n\r\nword%03d and every%d\r\n", i, i, i, i, i%4))
	}
	return out
}

var indexedKeys = []struct {
	keys string
	most int // contents that may be read
}{
	{"BODY word123", 9}, {"TEXT word123", 9}, {"HEADER X-Trace hop123", 9}, {"BODY WORD123 FROM a", 9}, {"NOT BODY word123", 9},
	{"OR BODY word123 TEXT hop321", 20}, {"NOT (OR BODY word123 NOT TEXT every1)", 120}, {"BODY word123 NOT BODY word123", 9},
	{"BODY nowhere", 8}, {"BODY word001 BODY every1", 9}, {"NOT (BODY word001 BODY every1)", 9}, {"UID 1:60 BODY word", 60}, {"BODY every2", 108},
	{"OR SUBJECT 300 BODY word007", 9}, {"BODY \"\"", 400},
	{"OR OR OR OR OR OR OR OR OR OR OR OR OR OR OR OR BODY a BODY b BODY c BODY e BODY f BODY g BODY h BODY i BODY j BODY k BODY l " +
		"BODY m BODY n BODY o BODY p BODY q BODY word399", 400}, // the last one is one too many to be asked
}

func TestSearchIndexed(t *testing.T) {
	m := newMailboxTest(t, indexedMessages())
	plain := m.acct
	a := &indexedAccount{Account: plain, t: t}
	for _, c := range indexedKeys {
		want, err := m.do("SEARCH " + c.keys)
		m.check(err)
		a.read, a.calls = 0, 0
		m.in.Account = a
		got, err := m.do("SEARCH " + c.keys)
		m.check(err)
		m.in.Account = plain
		if got != want {
			t.Errorf("%s: got %q, want %q", c.keys, got, want)
		}
		if a.read > c.most || a.calls > 1 || len(a.asked) > indexTexts {
			t.Errorf("%s: %d contents are read, %d questions asked, of %d texts", c.keys, a.read, a.calls, len(a.asked))
		}
	}
}
