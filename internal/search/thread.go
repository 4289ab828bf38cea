package search

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// threadAlgorithms are the algorithms of THREAD.
var threadAlgorithms = [...]func(*threadData) *Forest{
	imap.ThreadOrderedSubject: orderedSubject,
	imap.ThreadReferences:     references,
	imap.ThreadRefs:           refs,
}

// None stands for no node of a Forest.
const None int32 = -1

// Forest is threads: nodes, of which the first are messages, in the order of the mailbox, and those behind
// them dummies, which have two children or more. RFC 5256 section 3.
type Forest struct {
	UIDs  []mail.UID // of the messages
	Root  int32      // the first thread
	Child []int32    // of each node: its first child
	Next  []int32    // of each node: its next sibling
}

// Thread puts messages of the mailbox into threads. An error is that of the store or of the context. RFC 5256
// section 3.
func (q *Query) Thread(ctx context.Context, found mail.UIDSet, a imap.ThreadAlgorithm) (*Forest, error) {
	uids := listed(found)
	d, err := q.threadData(ctx, a, uids)
	if err != nil {
		return nil, err
	}
	f := threadAlgorithms[a](d)
	f.UIDs = uids
	return f, nil
}

// planter makes a forest of the nodes' parents.
type planter struct {
	Forest
	last     []int32 // of each node: its last child
	lastRoot int32
}

// plant makes a forest of nodes with these parents. The siblings are as by has them; a dummy comes where its
// first child does.
func plant(messages int, parent []int32, by []uint32) *Forest {
	p := planter{Forest: Forest{Root: None, Child: filled(len(parent)), Next: filled(len(parent))},
		last: filled(len(parent)), lastRoot: None}
	for _, i := range by {
		up := parent[i]
		if up >= int32(messages) && p.Child[up] == None {
			p.add(None, up)
		}
		p.add(up, int32(i))
	}
	return &p.Forest
}

func filled(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = None
	}
	return s
}

// add appends a node to the children of another, or to the roots.
func (p *planter) add(up, i int32) {
	first, last := &p.Root, &p.lastRoot
	if up != None {
		first, last = &p.Child[up], &p.last[up]
	}
	if *first == None {
		*first = i
	} else {
		p.Next[*last] = i
	}
	*last = i
}

// byDate is the order of the messages by sent date. RFC 5256 section 2.2.
func (d *threadData) byDate() []uint32 {
	p := newPermutation(len(d.sent))
	p.by(d.sent)
	return p.at
}

// bySubject is a table with a place for each subject, None in all of them. Subjects are ranks, so that it is
// no larger than the mailbox.
func (d *threadData) bySubject() []int32 {
	most := uint64(0)
	for _, s := range d.subject {
		most = max(most, s)
	}
	return filled(int(most) + 1)
}

// orderedSubject threads by base subjects: the oldest message of each is the parent of the others. RFC 5256
// section 3.
func orderedSubject(d *threadData) *Forest {
	parent, order := filled(len(d.sent)), d.byDate()
	first := d.bySubject()
	for _, i := range order {
		if f := first[d.subject[i]]; f != None {
			parent[i] = f
		} else {
			first[d.subject[i]] = int32(i)
		}
	}
	return plant(len(d.sent), parent, order)
}
