package imapd

import (
	"context"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// thread is THREAD and UID THREAD. RFC 5256 section 3.
func (s *session) thread(ctx context.Context, c *imap.Thread) error {
	if err := s.onlyUTF8(&c.Search); err != nil {
		return err
	}
	q, err := s.searched(ctx, &c.Search, true, false)
	if err != nil {
		return err
	}
	uids := make([]mail.UID, 0, q.found.Len())
	for u := range q.found.All() {
		uids = append(uids, u)
	}
	d, err := q.threadData(ctx, c.Algorithm, uids)
	if err != nil {
		return err
	}
	number := (&results{q: q}).numbers(c.Search.UID)
	for i, u := range uids {
		uids[i] = mail.UID(number(u))
	}
	return s.tellThreads(threadAlgorithms[c.Algorithm](d), uids)
}

// threadAlgorithms are the algorithms of THREAD.
var threadAlgorithms = [...]func(*threadData) *forest{
	imap.ThreadOrderedSubject: orderedSubject,
	imap.ThreadReferences:     references,
	imap.ThreadRefs:           refs,
}

// none stands for no node.
const none = -1

// forest is threads: messages, numbered from 0 on, and behind them dummies, which have two children or more.
type forest struct {
	messages int
	root     int32   // the first thread
	child    []int32 // of each node: its first child
	next     []int32 // of each node: its next sibling
}

// planter makes a forest of the nodes' parents.
type planter struct {
	forest
	last     []int32 // of each node: its last child
	lastRoot int32
}

// plant makes a forest of nodes with these parents. The siblings are as by has them; a dummy comes where its first
// child does.
func plant(messages int, parent []int32, by []uint32) *forest {
	p := planter{forest: forest{messages: messages, root: none, child: filled(len(parent)), next: filled(len(parent))},
		last: filled(len(parent)), lastRoot: none}
	for _, i := range by {
		up := parent[i]
		if up >= int32(messages) && p.child[up] == none {
			p.add(none, up)
		}
		p.add(up, int32(i))
	}
	return &p.forest
}

func filled(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}

// add appends a node to the children of another, or to the roots.
func (p *planter) add(up, i int32) {
	first, last := &p.root, &p.lastRoot
	if up != none {
		first, last = &p.child[up], &p.last[up]
	}
	if *first == none {
		*first = i
	} else {
		p.next[*last] = i
	}
	*last = i
}

// byDate is the order of the messages by sent date. RFC 5256 section 2.2.
func (d *threadData) byDate() []uint32 {
	p := newPermutation(len(d.sent))
	p.by(d.sent)
	return p.at
}

// bySubject is a table with a place for each subject, none in all of them. Subjects are ranks, so that it is no larger
// than the mailbox.
func (d *threadData) bySubject() []int32 {
	most := uint64(0)
	for _, s := range d.subject {
		most = max(most, s)
	}
	return filled(int(most) + 1)
}

// orderedSubject threads by base subjects: the oldest message of each is the parent of the others. RFC 5256 section 3.
func orderedSubject(d *threadData) *forest {
	parent, order := filled(len(d.sent)), d.byDate()
	first := d.bySubject()
	for _, i := range order {
		if f := first[d.subject[i]]; f != none {
			parent[i] = f
		} else {
			first[d.subject[i]] = int32(i)
		}
	}
	return plant(len(d.sent), parent, order)
}

// tellThreads answers with a forest whose messages have these numbers. RFC 5256 sections 4 and 5 (thread-data).
func (s *session) tellThreads(f *forest, numbers []mail.UID) error {
	s.out.buf = append(s.out.buf, "* THREAD"...)
	if f.root != none {
		s.out.buf = append(s.out.buf, ' ')
	}
	open := []int32{f.root} // of each thread-nested that is begun: the next thread-list
	for len(open) > 0 {
		i := open[len(open)-1]
		if i == none {
			if open = open[:len(open)-1]; len(open) > 0 {
				s.out.buf = append(s.out.buf, ')')
			}
			continue
		}
		open[len(open)-1] = f.next[i]
		s.out.buf = append(s.out.buf, '(')
		if nested := s.appendMembers(f, i, numbers); nested != none {
			open = append(open, nested)
		} else {
			s.out.buf = append(s.out.buf, ')')
		}
		if err := s.out.flushLarge(); err != nil {
			return err
		}
	}
	s.out.buf = append(s.out.buf, "\r\n"...)
	return s.out.flushLarge()
}

// appendMembers appends a node and those below it as long as each has one child, and returns the first of several
// children. RFC 5256 section 5 (thread-members).
func (s *session) appendMembers(f *forest, i int32, numbers []mail.UID) (nested int32) {
	for {
		child := f.child[i]
		if i < int32(f.messages) {
			s.out.buf = strconv.AppendUint(s.out.buf, uint64(numbers[i]), 10)
			if child != none {
				s.out.buf = append(s.out.buf, ' ')
			}
		}
		if child == none || f.next[child] != none {
			return child
		}
		i = child
		_ = s.out.flushLarge() // the error sticks and ends the command
	}
}
