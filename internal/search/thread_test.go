package search

import (
	"testing"

	"github.com/constance-mail/constance/internal/store/storetest"
)

func TestThread(t *testing.T) {
	for _, c := range []struct {
		name      string
		messages  []string
		algorithm string
		want      string
	}{
		{"nothing", nil, "REFERENCES", ""},
		{"the tree of RFC 5256 section 4", []string{storetest.Reply("2", "", "a", 1), storetest.Reply("3", "", "b", 2), storetest.Reply("6", "3", "c", 3),
			storetest.Reply("4", "3 6", "d", 4), storetest.Reply("23", "3 6 4", "e", 5), storetest.Reply("44", "6", "f", 6), storetest.Reply("7", "44", "g", 7), storetest.Reply("96", "7", "h", 8)},
			"REFERENCES", "(1)(2 3 (4 5)(6 7 8))"},
		{"siblings of what is not there, RFC 5256 section 4", []string{storetest.Reply("a", "z", "x", 1), storetest.Reply("b", "z", "y", 2)}, "REFERENCES", "((1)(2))"},
		{"one child of what is not there", []string{storetest.Reply("a", "y z", "x", 1)}, "REFERENCES", "(1)"},
		{"dummies in each other", []string{storetest.Reply("a", "y z", "x", 1), storetest.Reply("b", "y z", "x2", 2), storetest.Reply("c", "y w", "x3", 3), storetest.Reply("d", "a", "x4", 4)},
			"REFERENCES", "((1 4)(2)(3))"},
		{"a dummy between", []string{storetest.Reply("a", "", "x", 1), storetest.Reply("b", "a q", "y", 2), storetest.Reply("c", "a q", "z", 3)}, "REFERENCES", "(1 (2)(3))"},
		{"by sent date, not by place", []string{storetest.Reply("c", "a", "x", 3), storetest.Reply("b", "a", "x", 2), storetest.Reply("a", "", "x", 4), storetest.Reply("d", "", "y", 1)},
			"REFERENCES", "(4)(3 (2)(1))"},
		{"a dummy is where its first child is", []string{storetest.Reply("d", "", "y", 2), storetest.Reply("a", "z", "q", 3), storetest.Reply("b", "z", "w", 1)},
			"REFERENCES", "((3)(2))(1)"},
		{"no id, and the same id twice", []string{storetest.Reply("", "", "a", 1), storetest.Reply("i", "", "b", 2), storetest.Reply("i", "", "c", 3), storetest.Reply("k", "i", "d", 4)},
			"REFERENCES", "(1)(2 4)(3)"},
		{"ids differ in case", []string{storetest.Reply("I", "", "a", 1), storetest.Reply("k", "i", "b", 2)}, "REFERENCES", "(1)(2)"},
		{"a loop", []string{storetest.Reply("a", "b", "x", 1), storetest.Reply("b", "a", "y", 2)}, "REFERENCES", "(2 1)"},
		{"itself", []string{storetest.Reply("a", "a", "x", 1), storetest.Reply("b", "b a b", "y", 2)}, "REFERENCES", "(2 1)"}, // a is the child of b for b says so
		{"an own parent prevails over what others say", []string{storetest.Reply("c", "a b", "x", 3), storetest.Reply("b", "z", "y", 2), storetest.Reply("a", "", "w", 1)},
			"REFERENCES", "(3)(2 1)"},
		{"without references, whatever others say", []string{storetest.Reply("c", "a b", "x", 3), storetest.Reply("b", "", "y", 2), storetest.Reply("a", "", "w", 1)},
			"REFERENCES", "(3)(2 1)"},
		{"others do not change a parent", []string{storetest.Reply("b", "a", "y", 2), storetest.Reply("c", "z b", "x", 3), storetest.Reply("a", "", "w", 1)},
			"REFERENCES", "(3 1 2)"},

		{"5.C: a reply goes below", []string{storetest.Reply("a", "", "Re: s", 1), storetest.Reply("b", "", "S", 2)}, "REFERENCES", "(2 1)"},
		{"5.C: neither is a reply", []string{storetest.Reply("a", "", "s", 1), storetest.Reply("b", "", "[x] s", 2)}, "REFERENCES", "((1)(2))"},
		{"5.C: both are replies", []string{storetest.Reply("a", "", "Re: s", 1), storetest.Reply("b", "", "Fwd: s", 2), storetest.Reply("c", "", "s (fwd)", 3)}, "REFERENCES", "((1)(2)(3))"},
		{"5.C: a dummy takes a message", []string{storetest.Reply("a", "z", "s", 1), storetest.Reply("b", "z", "t", 2), storetest.Reply("c", "", "s", 3)}, "REFERENCES", "((1)(2)(3))"},
		{"5.C: a dummy that is later", []string{storetest.Reply("c", "", "s", 1), storetest.Reply("a", "z", "s", 2), storetest.Reply("b", "z", "t", 3)}, "REFERENCES", "((1)(2)(3))"},
		{"5.C: two dummies", []string{storetest.Reply("a", "z", "s", 1), storetest.Reply("b", "z", "t", 2), storetest.Reply("c", "w", "s", 3), storetest.Reply("d", "w", "v", 4)},
			"REFERENCES", "((1)(2)(3)(4))"},
		{"5.C: empty subjects", []string{storetest.Reply("a", "", "", 1), storetest.Reply("b", "", "Re:", 2)}, "REFERENCES", "(1)(2)"},
		{"5.C: only threads", []string{storetest.Reply("a", "", "s", 1), storetest.Reply("b", "a", "t", 2), storetest.Reply("c", "", "t", 3)}, "REFERENCES", "(1 2)(3)"},

		{"REFS: not by subject", []string{storetest.Reply("a", "", "s", 1), storetest.Reply("b", "", "Re: s", 2)}, "REFS", "(1)(2)"},
		{"REFS: the latest arrival is last", []string{storetest.Reply("a", "", "s", 1), storetest.Reply("b", "", "t", 2), storetest.Reply("c", "a", "u", 3), storetest.Reply("d", "z", "v", 1)},
			"REFS", "(2)(1 3)(4)"},
		{"REFS: a dummy", []string{storetest.Reply("a", "z", "s", 1), storetest.Reply("b", "", "t", 2), storetest.Reply("c", "z", "u", 3)}, "REFS", "(2)((1)(3))"},

		{"ORDEREDSUBJECT", []string{storetest.Reply("a", "", "s", 3), storetest.Reply("b", "a", "t", 2), storetest.Reply("c", "", "Re: S", 4), storetest.Reply("d", "", "s (fwd)", 5), storetest.Reply("e", "", "Fw: t", 1)},
			"ORDEREDSUBJECT", "(5 2)(1 (3)(4))"},
		{"ORDEREDSUBJECT: empty subjects", []string{storetest.Reply("a", "", "", 1), storetest.Reply("b", "", "Re:", 2), storetest.Reply("c", "", "x", 1)}, "ORDEREDSUBJECT", "(1 2)(3)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMailboxTest(t, c.messages)
			m.expect("THREAD "+c.algorithm+" UTF-8 ALL", c.want)
			m.expect("THREAD "+c.algorithm+" US-ASCII SUBJECT nowhere", "")
		})
	}
}
