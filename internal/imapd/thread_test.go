package imapd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// RFC 5256 section 4.
func TestThread(t *testing.T) {
	tree := []string{storetest.Reply("2", "", "a", 1), storetest.Reply("3", "", "b", 2), storetest.Reply("6", "3", "c", 3), storetest.Reply("4", "3 6", "d", 4),
		storetest.Reply("23", "3 6 4", "e", 5), storetest.Reply("44", "6", "f", 6), storetest.Reply("7", "44", "g", 7), storetest.Reply("96", "7", "h", 8)}
	for _, c := range []struct {
		messages []string
		want     string
	}{
		{nil, ""}, {tree[:1], " (1)"}, {tree, " (1)(2 3 (4 5)(6 7 8))"},
		{[]string{storetest.Reply("a", "z", "x", 1), storetest.Reply("b", "z", "y", 2)}, " ((1)(2))"},
	} {
		m := newMessagesTest(t, c.messages)
		m.expect("THREAD REFERENCES UTF-8 ALL", "* THREAD"+c.want+"\n")
		m.expect("THREAD REFS US-ASCII SUBJECT nowhere", "* THREAD\n")
	}
}

func TestThreadNumbers(t *testing.T) {
	m := newMessagesTest(t, []string{storetest.Reply("q", "", "q", 1), storetest.Reply("a", "", "s", 1), storetest.Reply("b", "a", "t", 2), storetest.Reply("c", "a b", "t", 2)})
	m.expungeElsewhere(1)
	m.open()
	m.expect("THREAD REFERENCES UTF-8 ALL", "* THREAD (1 2 3)\n")
	m.expect("UID THREAD REFERENCES UTF-8 ALL", "* THREAD (2 3 4)\n")
	m.expect("UID THREAD REFERENCES UTF-8 NOT UID 3", "* THREAD (2 4)\n") // its id is that of a dummy now
	m.refused("THREAD REFERENCES X-NONE ALL", imap.CodeBadCharset+" (US-ASCII UTF-8)", "")
	m.append(mail.Inbox, storetest.Reply("d", "c", "u", 3), time.Now(), nil)
	m.open()
	m.expect("UID THREAD REFERENCES UTF-8 ALL", "* THREAD (2 3 4 5)\n") // the links that are kept grow
}

// Every message comes exactly once, whatever they refer to, and so does it in the order of dates among siblings.
func TestThreadRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		n := 1 + r.IntN(40)
		var messages []string
		for range n {
			var refs []string
			for range r.IntN(4) {
				refs = append(refs, fmt.Sprint(r.IntN(n)))
			}
			messages = append(messages, storetest.Reply(fmt.Sprint(r.IntN(n)), strings.Join(refs, " "), fmt.Sprintf("Re: %d", r.IntN(n)), 1+r.IntN(9)))
		}
		m := newMessagesTest(t, messages)
		for _, algorithm := range []string{"REFERENCES", "REFS", "ORDEREDSUBJECT"} {
			got, err := m.do("THREAD " + algorithm + " UTF-8 ALL")
			m.check(err)
			if all := numbersIn(got); len(all) != n || slices.Compact(all)[n-1] != n {
				t.Fatalf("%s of %q: got %s", algorithm, messages, got)
			}
			if strings.Count(got, "(") != strings.Count(got, ")") || strings.Contains(got, "()") || strings.Contains(got, " )") {
				t.Fatalf("%s: got %s", algorithm, got)
			}
		}
	}
}

// numbersIn are the numbers in s, ascending.
func numbersIn(s string) []int {
	var out []int
	for f := range strings.FieldsFuncSeq(s, func(r rune) bool { return r < '0' || r > '9' }) {
		var n int
		if _, err := fmt.Sscan(f, &n); err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
