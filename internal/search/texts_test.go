package search

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// TestHolding: one pass finds the texts that hold a string, and none that holds it only with the next one.
func TestHolding(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 400 {
		var all keptTexts
		var each [][]byte
		for i := range r.IntN(80) {
			text := make([]byte, r.IntN(6))
			for i := range text {
				text[i] = "ab"[r.IntN(2)]
			}
			each = append(each, text)
			all.join(&keptTexts{uids: []mail.UID{mail.UID(i + 1)}, all: text, ends: []uint32{uint32(len(text))}}, r.IntN(90), r.IntN(300))
		}
		needle := []byte("abbaab")[:r.IntN(5)]
		found := all.holding(needle)
		for i, text := range each {
			if got, want := found[i/64]>>(i%64)&1 != 0, bytes.Contains(text, needle); got != want {
				t.Fatalf("%q in the %d-th of %q: got %v, want %v", needle, i, each, got, want)
			}
		}
	}
}

// textLines are searches of texts that can be kept.
var textLines = []string{
	"FROM sender12", "NOT SUBJECT meeting", "SUBJECT «ZÜRICH»", "SUBJECT \"\"", "CC x", "OR FROM 7@ SUBJECT 7", "SUBJECT 1 SUBJECT 2 TO someone",
	"UNSEEN FROM 3", "NOT (OR FROM 3 SUBJECT invoice)", "SUBJECT report BODY quetzal", "OR BODY quetzal FROM 45", "UID 900:1400 FROM 1",
}

// TestKeptTexts: texts that are kept find what the digests do, also after messages came and went, in any
// collation, and if some are too many to be kept.
func TestKeptTexts(t *testing.T) {
	m := newMailboxTest(t, nil)
	kept := newColumnCache(columnCacheSize)
	for step, count := range []int{1400, 1, 300, 700} {
		for i := range count {
			text := storetest.Letter(i + 5000*step)
			if i%100 == 99 {
				text = strings.Replace(text, "Sender", strings.Repeat("Sender ", 1000), 1)
			}
			m.append(text)
		}
		first := mail.UID(300*step + 1)
		m.flag([]mail.Flag{mail.Seen}, mail.UIDSet{{Start: first, Stop: first + 89}})
		m.expunge(mail.UIDSet{{Start: first, Stop: first + 79}})
		m.open()
		m.checkTexts(kept)
	}
	if kept.used.Len() < 4 {
		t.Errorf("%d kinds of texts are kept", kept.used.Len())
	}
	few := newColumnCache(2 * 1700 * usualText * 2)
	m.checkTexts(few)
	if many, _ := few.get(columnKeyOf(m, mail.ColFrom)).(*keptTexts); many == nil || !many.many {
		t.Errorf("texts of %d octets are kept: %v", few.most(), many)
	}
}

// checkTexts compares searches that have texts kept with such that do not, in every collation.
func (m *mailboxTest) checkTexts(kept *columnCache) {
	m.t.Helper()
	for i := range 2 * len(textLines) {
		line := "SEARCH " + textLines[i/2]
		m.in.Collation = []fold.Collation{fold.UnicodeCasemap, fold.ASCIICasemap, fold.Octet}[i%3]
		m.in.Resources.columns = newColumnCache(0)
		want, err := m.do(line)
		m.check(err)
		m.in.Resources.columns = kept
		for range 2 {
			if got, err := m.do(line); err != nil || got != want {
				m.t.Fatalf("%v: %s: %v, got %.300q, want %.300q", m.in.Collation, line, err, got, want)
			}
		}
	}
	m.in.Collation = fold.UnicodeCasemap
}

// columnKeyOf is the name of the texts of a column of the digests.
func columnKeyOf(m *mailboxTest, c mail.Columns) columnKey {
	m.t.Helper()
	q := New(&m.in, &imap.SearchKey{Op: imap.SearchAll}, false)
	for i := range mail.TextCount {
		if mail.ColMessageID<<i == c {
			return q.textsKey(i)
		}
	}
	return columnKey{}
}
