package search

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/store/storetest"
)

// RFC 6203 section 8: what is more than a search may look for is exact.
func TestFuzzyWords(t *testing.T) {
	m := newMailboxTest(t, []string{"Subject: Hello world\r\n\r\nx\r\n", "Subject: World, hello\r\n\r\nx\r\n", "Subject: Helo\r\n\r\nx\r\n"})
	many := strings.Repeat("OR SUBJECT \"a1 b1 c1 d1 e1 f1 g1 h1\" ", fuzzyWords/8)
	m.expect("SEARCH FUZZY ("+many+"SUBJECT helo)", "3")
	m.expect("SEARCH FUZZY (OR SUBJECT helo "+many+"SUBJECT x)", "1:3")
	m.expect("SEARCH FUZZY SUBJECT \""+strings.Repeat("helo ", 17)+"\"", "")
}

// What is found without FUZZY is found with it, with the same scores from every store; nothing depends on
// whether scores are asked for.
func TestFuzzyHoldsExact(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 25
	}
	r := rand.New(rand.NewPCG(3, 6203))
	var looked texts
	var messages []string
	for range 60 {
		text := string(storetest.TextMessage(r.Uint64()))
		looked.add(t, text)
		messages = append(messages, text)
	}
	memory := newMailboxTest(t, messages)
	disk := mailboxTestOf(t, sqliteAccount(t), messages)
	for range rounds {
		op := [...]string{"BODY", "TEXT", "HEADER X-Note", "SUBJECT", "FROM"}[r.IntN(5)]
		key := op + " «" + looked.needle(r) + "»"
		exact, fuzzy := memory.uids(key), memory.uids("FUZZY "+key)
		if more := exact.Minus(fuzzy); len(more) > 0 {
			t.Errorf("%s: %s are found without FUZZY only", key, more)
		}
		line := "SEARCH RETURN (RELEVANCY) FUZZY (OR " + key + " SUBJECT hello)"
		got, err1 := memory.do(line)
		want, err2 := disk.do(line)
		if got != want || err1 != nil || err2 != nil {
			t.Errorf("%s: %q, %v in memory, %q, %v on disk", key, got, err1, want, err2)
		}
		if all := memory.uids("FUZZY (OR " + key + " SUBJECT hello)"); len(all) > 0 && !strings.HasPrefix(got, all.String()+" ") {
			t.Errorf("%s: %s without scores, %q with", key, all, got)
		}
	}
}
