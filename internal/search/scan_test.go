package search

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/store/mem"
	"github.com/constance-mail/constance/internal/store/sqlite"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// texts collects what a search is shown of messages. It implements message.Looker.
type texts []string

func (l *texts) Field(text string) bool {
	*l = append(*l, text)
	return false
}

func (l *texts) Text(r io.Reader) (bool, error) {
	b, err := io.ReadAll(r)
	*l = append(*l, string(b))
	return false, err
}

func (l *texts) add(t *testing.T, text string) {
	t.Helper()
	r := strings.NewReader(text)
	d, err := message.Digest(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	root, err := message.DecodeParts(d.Parts)
	if err != nil {
		t.Fatal(err)
	}
	header, err := root.ReadHeader(r)
	if err == nil {
		message.LookAtHeader(header, l)
		_, err = message.LookAtBody(r, root, l)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// key is a random search key that looks at text, at depth levels at most.
func (l texts) key(r *rand.Rand, depth int) string {
	if depth > 0 {
		switch r.IntN(6) {
		case 0:
			return "NOT " + l.key(r, depth-1)
		case 1:
			return "OR " + l.key(r, depth-1) + " " + l.key(r, depth-1)
		case 2:
			return "(" + l.key(r, depth-1) + " " + l.key(r, depth-1) + ")"
		}
	}
	keys := [...]string{"BODY", "BODY", "TEXT", "TEXT", "HEADER X-Note", "HEADER X-Trace", "SUBJECT"}
	return keys[r.IntN(len(keys))] + " «" + l.needle(r) + "»"
}

// needle is a piece of some text, or of two.
func (l texts) needle(r *rand.Rand) string {
	text := l[r.IntN(len(l))]
	if r.IntN(8) == 0 {
		text = text[:min(len(text), 2)] + l[r.IntN(len(l))]
	}
	from := r.IntN(len(text) + 1)
	text = text[from:min(len(text), from+1+r.IntN(14))]
	return strings.NewReplacer("\x00", "", "«", "", "»", "").Replace(text)
}

// TestSearchEqualsScan: with an index that knows some of the messages a search finds what a scan of all
// finds, whatever they are and whatever is asked.
func TestSearchEqualsScan(t *testing.T) {
	rounds, queries := 3, 300
	if testing.Short() {
		rounds, queries = 1, 150
	}
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 21))
		var looked texts
		var messages []string
		for range 130 {
			text := string(storetest.TextMessage(r.Uint64()))
			looked.add(t, text)
			messages = append(messages, text)
		}
		acct := sqliteAccount(t)
		indexed := mailboxTestOf(t, acct, messages[:100])
		if sum, err := acct.IndexText(context.Background(), mail.IndexMake); err != nil || sum.Contents != 100 {
			t.Fatalf("%+v, %v", sum, err)
		}
		for _, text := range messages[100:] {
			indexed.append(text)
		}
		indexed.open()
		scanned := mailboxTestOf(t, mem.New(mail.Options{}).Account("test"), messages)
		for range queries {
			line := "SEARCH " + looked.key(r, 3)
			want, err1 := scanned.do(line)
			got, err2 := indexed.do(line)
			if got != want || fmt.Sprint(err1) != fmt.Sprint(err2) {
				t.Fatalf("round %d: %q: got %q, %v, want %q, %v", round, line, got, err2, want, err1)
			}
		}
	}
}

func sqliteAccount(t *testing.T) mail.Account {
	t.Helper()
	s, err := sqlite.Open(t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Account("test")
}
