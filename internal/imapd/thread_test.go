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
)

// reply is a message of a thread: its id, the ids it refers to and its subject, sent on that day of January 2026.
func reply(id, refs, subject string, day int) string {
	var b strings.Builder
	if id != "" {
		fmt.Fprintf(&b, "Message-ID: <%s@x>\r\n", id)
	}
	if refs != "" {
		b.WriteString("References:")
		for r := range strings.FieldsSeq(refs) {
			fmt.Fprintf(&b, " <%s@x>", r)
		}
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "Subject: %s\r\nDate: %s\r\n\r\nx\r\n", subject, time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC).Format(time.RFC1123Z))
	return b.String()
}

func TestThread(t *testing.T) {
	for _, c := range []struct {
		name      string
		messages  []string
		algorithm string
		want      string
	}{
		{"nothing", nil, "REFERENCES", ""},
		{"the tree of RFC 5256 section 4", []string{reply("2", "", "a", 1), reply("3", "", "b", 2), reply("6", "3", "c", 3),
			reply("4", "3 6", "d", 4), reply("23", "3 6 4", "e", 5), reply("44", "6", "f", 6), reply("7", "44", "g", 7), reply("96", "7", "h", 8)},
			"REFERENCES", "(1)(2 3 (4 5)(6 7 8))"},
		{"siblings of what is not there, RFC 5256 section 4", []string{reply("a", "z", "x", 1), reply("b", "z", "y", 2)}, "REFERENCES", "((1)(2))"},
		{"one child of what is not there", []string{reply("a", "y z", "x", 1)}, "REFERENCES", "(1)"},
		{"dummies in each other", []string{reply("a", "y z", "x", 1), reply("b", "y z", "x2", 2), reply("c", "y w", "x3", 3), reply("d", "a", "x4", 4)},
			"REFERENCES", "((1 4)(2)(3))"},
		{"a dummy between", []string{reply("a", "", "x", 1), reply("b", "a q", "y", 2), reply("c", "a q", "z", 3)}, "REFERENCES", "(1 (2)(3))"},
		{"by sent date, not by place", []string{reply("c", "a", "x", 3), reply("b", "a", "x", 2), reply("a", "", "x", 4), reply("d", "", "y", 1)},
			"REFERENCES", "(4)(3 (2)(1))"},
		{"a dummy is where its first child is", []string{reply("d", "", "y", 2), reply("a", "z", "q", 3), reply("b", "z", "w", 1)},
			"REFERENCES", "((3)(2))(1)"},
		{"no id, and the same id twice", []string{reply("", "", "a", 1), reply("i", "", "b", 2), reply("i", "", "c", 3), reply("k", "i", "d", 4)},
			"REFERENCES", "(1)(2 4)(3)"},
		{"ids differ in case", []string{reply("I", "", "a", 1), reply("k", "i", "b", 2)}, "REFERENCES", "(1)(2)"},
		{"a loop", []string{reply("a", "b", "x", 1), reply("b", "a", "y", 2)}, "REFERENCES", "(2 1)"},
		{"itself", []string{reply("a", "a", "x", 1), reply("b", "b a b", "y", 2)}, "REFERENCES", "(2 1)"}, // a is the child of b for b says so
		{"an own parent prevails over what others say", []string{reply("c", "a b", "x", 3), reply("b", "z", "y", 2), reply("a", "", "w", 1)},
			"REFERENCES", "(3)(2 1)"},
		{"without references, whatever others say", []string{reply("c", "a b", "x", 3), reply("b", "", "y", 2), reply("a", "", "w", 1)},
			"REFERENCES", "(3)(2 1)"},
		{"others do not change a parent", []string{reply("b", "a", "y", 2), reply("c", "z b", "x", 3), reply("a", "", "w", 1)},
			"REFERENCES", "(3 1 2)"},

		{"5.C: a reply goes below", []string{reply("a", "", "Re: s", 1), reply("b", "", "S", 2)}, "REFERENCES", "(2 1)"},
		{"5.C: neither is a reply", []string{reply("a", "", "s", 1), reply("b", "", "[x] s", 2)}, "REFERENCES", "((1)(2))"},
		{"5.C: both are replies", []string{reply("a", "", "Re: s", 1), reply("b", "", "Fwd: s", 2), reply("c", "", "s (fwd)", 3)}, "REFERENCES", "((1)(2)(3))"},
		{"5.C: a dummy takes a message", []string{reply("a", "z", "s", 1), reply("b", "z", "t", 2), reply("c", "", "s", 3)}, "REFERENCES", "((1)(2)(3))"},
		{"5.C: a dummy that is later", []string{reply("c", "", "s", 1), reply("a", "z", "s", 2), reply("b", "z", "t", 3)}, "REFERENCES", "((1)(2)(3))"},
		{"5.C: two dummies", []string{reply("a", "z", "s", 1), reply("b", "z", "t", 2), reply("c", "w", "s", 3), reply("d", "w", "v", 4)},
			"REFERENCES", "((1)(2)(3)(4))"},
		{"5.C: empty subjects", []string{reply("a", "", "", 1), reply("b", "", "Re:", 2)}, "REFERENCES", "(1)(2)"},
		{"5.C: only threads", []string{reply("a", "", "s", 1), reply("b", "a", "t", 2), reply("c", "", "t", 3)}, "REFERENCES", "(1 2)(3)"},

		{"REFS: not by subject", []string{reply("a", "", "s", 1), reply("b", "", "Re: s", 2)}, "REFS", "(1)(2)"},
		{"REFS: the latest arrival is last", []string{reply("a", "", "s", 1), reply("b", "", "t", 2), reply("c", "a", "u", 3), reply("d", "z", "v", 1)},
			"REFS", "(2)(1 3)(4)"},
		{"REFS: a dummy", []string{reply("a", "z", "s", 1), reply("b", "", "t", 2), reply("c", "z", "u", 3)}, "REFS", "(2)((1)(3))"},

		{"ORDEREDSUBJECT", []string{reply("a", "", "s", 3), reply("b", "a", "t", 2), reply("c", "", "Re: S", 4), reply("d", "", "s (fwd)", 5), reply("e", "", "Fw: t", 1)},
			"ORDEREDSUBJECT", "(5 2)(1 (3)(4))"},
		{"ORDEREDSUBJECT: empty subjects", []string{reply("a", "", "", 1), reply("b", "", "Re:", 2), reply("c", "", "x", 1)}, "ORDEREDSUBJECT", "(1 2)(3)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMessagesTest(t, c.messages)
			want := "* THREAD"
			if c.want != "" {
				want += " "
			}
			m.expect("THREAD "+c.algorithm+" UTF-8 ALL", want+c.want+"\n")
			m.expect("THREAD "+c.algorithm+" US-ASCII SUBJECT nowhere", "* THREAD\n")
		})
	}
}

func TestThreadNumbers(t *testing.T) {
	m := newMessagesTest(t, []string{reply("q", "", "q", 1), reply("a", "", "s", 1), reply("b", "a", "t", 2), reply("c", "a b", "t", 2)})
	m.expungeElsewhere(1)
	m.open()
	m.expect("THREAD REFERENCES UTF-8 ALL", "* THREAD (1 2 3)\n")
	m.expect("UID THREAD REFERENCES UTF-8 ALL", "* THREAD (2 3 4)\n")
	m.expect("UID THREAD REFERENCES UTF-8 NOT UID 3", "* THREAD (2 4)\n") // its id is that of a dummy now
	m.refused("THREAD REFERENCES X-NONE ALL", imap.CodeBadCharset+" (US-ASCII UTF-8)", "")
	m.append(mail.Inbox, reply("d", "c", "u", 3), time.Now(), nil)
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
			messages = append(messages, reply(fmt.Sprint(r.IntN(n)), strings.Join(refs, " "), fmt.Sprintf("Re: %d", r.IntN(n)), 1+r.IntN(9)))
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
