package search

// maxClimb bounds the steps upwards that one THREAD makes to find out whether links would be a loop: millions
// of links between ids that only a forger would write. Beyond it such links are not made.
const maxClimb = 50_000_000

// family is the messages and what they refer to as nodes: 1 to the number of message ids for these, then
// those messages that have none of their own. RFC 5256 section 3 (REFERENCES), step 1.
type family struct {
	node    []uint32 // of messages: where they are
	message []int32  // of nodes: which message is there, None for a dummy
	parent  []uint32 // of nodes, 0 for none
	up      []bool   // of nodes: they are a parent, or were one
	climbed int
}

// newFamily links the messages by their references.
func newFamily(d *threadData) *family {
	ids := len(d.links.hashes)
	f := &family{node: make([]uint32, len(d.at)), message: filled(ids + len(d.at))}
	next := uint32(ids)
	for i, at := range d.at {
		n := d.links.own[at]
		if n == 0 || f.message[n] != None { // no message id, or one that an earlier message has
			n = next
			next++
		}
		f.node[i], f.message[n] = n, int32(i)
	}
	f.parent, f.up = make([]uint32, next), make([]bool, next)
	for i, at := range d.at {
		f.link(f.node[i], d.links.references(int(at)))
	}
	return f
}

// link makes a node the child of its last reference, and each reference that of the one before it unless it
// has a parent already. Steps 1.A and 1.B.
func (f *family) link(n uint32, refs []uint32) {
	for i := 1; i < len(refs); i++ {
		if f.parent[refs[i]] == 0 && !f.loop(refs[i-1], refs[i]) {
			f.parent[refs[i]] = refs[i-1]
			f.up[refs[i-1]] = true
		}
	}
	last := uint32(0)
	if len(refs) > 0 {
		last = refs[len(refs)-1]
	}
	if f.parent[n] == last {
		return
	}
	f.parent[n] = 0
	if last != 0 && !f.loop(last, n) {
		f.parent[n] = last
		f.up[last] = true
	}
}

// loop tells whether up is a descendant of n, or n itself, so that it cannot be its parent.
func (f *family) loop(up, n uint32) bool {
	if !f.up[n] {
		return up == n
	}
	for ; up != 0; up = f.parent[up] {
		if up == n || f.climbed == maxClimb {
			return true
		}
		f.climbed++
	}
	return false
}

// prune takes the dummies out: the parent of each message becomes the message above it, and where there is
// none but others have the same dummy as head, a dummy behind the messages. Steps 2 and 3.
func (f *family) prune() []int32 {
	above := f.nearest()
	parent := filled(len(f.node))
	heads := filled(len(f.parent)) // of dummies at the head: their only message, or their node
	for i, n := range f.node {
		head := above[n]
		if head == 0 {
			continue
		}
		if m := f.message[head]; m != None {
			parent[i] = m
			continue
		}
		one := heads[head]
		switch {
		case one == None:
			heads[head] = int32(i)
		case one < int32(len(f.node)):
			dummy := int32(len(parent))
			parent = append(parent, None)
			parent[one], parent[i], heads[head] = dummy, dummy, dummy
		default:
			parent[i] = one
		}
	}
	return parent
}

// nearest is for each node the message above it that is nearest, or the dummy at its head, or 0 for a head.
func (f *family) nearest() []uint32 {
	above := make([]uint32, len(f.parent))
	done := make([]bool, len(f.parent))
	var path []uint32
	for n := range f.parent {
		path = path[:0]
		at := uint32(n)
		for !done[at] && f.parent[at] != 0 {
			path = append(path, at)
			at = f.parent[at]
		}
		done[at] = true
		for i := len(path) - 1; i >= 0; i-- { // at is the parent of path[i], and is done
			if f.message[at] != None || above[at] == 0 {
				above[path[i]] = at
			} else {
				above[path[i]] = above[at]
			}
			at = path[i]
			done[at] = true
		}
	}
	return above
}

// references threads by references and subjects. RFC 5256 section 3.
func references(d *threadData) *Forest {
	parent, order := newFamily(d).prune(), d.byDate()
	g := gatherer{d: d, parent: parent, messages: int32(len(d.at)), table: d.bySubject()}
	g.gather(order)
	return plant(len(d.at), g.parent, order)
}

// gatherer puts threads with the same subject together. RFC 5256 section 3 (REFERENCES), step 5.
type gatherer struct {
	d        *threadData
	messages int32
	parent   []int32 // of messages and of dummies
	first    []int32 // of dummies, from messages on: the oldest child
	table    []int32 // of subjects: the node that the others are put to
	merged   []int32 // of dummies, from messages on: where their children are, if they were deleted
}

func (g *gatherer) gather(order []uint32) {
	roots := g.roots(order)
	for _, n := range roots {
		g.enter(n)
	}
	g.merged = filled(len(g.first))
	for _, n := range roots {
		g.merge(n)
	}
	for i, up := range g.parent[:g.messages] {
		if k := int(up - g.messages); up != None && k >= 0 && k < len(g.merged) && g.merged[k] != None {
			g.parent[i] = g.merged[k]
		}
	}
}

// roots are the threads in the order of their sent dates. Step 4.
func (g *gatherer) roots(order []uint32) []int32 {
	g.first = filled(len(g.parent) - int(g.messages))
	var roots []int32
	for _, i := range order {
		n := int32(i)
		if up := g.parent[n]; up >= g.messages {
			if g.first[up-g.messages] != None {
				continue
			}
			g.first[up-g.messages] = n
			n = up
		} else if up != None {
			continue
		}
		roots = append(roots, n)
	}
	return roots
}

func (g *gatherer) dummy(n int32) bool { return n >= g.messages }

// subject is that of a thread, and whether it is the subject of a reply or forward. A dummy has its first
// child's, but is no reply.
func (g *gatherer) subject(n int32) (subject uint64, reply bool) {
	if g.dummy(n) {
		return g.d.subject[g.first[n-g.messages]], false
	}
	return g.d.subject[n], g.d.links.reply[g.d.at[n]]
}

// enter puts a thread into the table if it is the better one for its subject. Step 5.B.
func (g *gatherer) enter(n int32) {
	subject, reply := g.subject(n)
	if subject == 0 {
		return
	}
	old := g.table[subject]
	if old == None {
		g.table[subject] = n
		return
	}
	_, oldReply := g.subject(old)
	if !g.dummy(old) && (g.dummy(n) || oldReply && !reply) {
		g.table[subject] = n
	}
}

// merge puts a thread to the one in the table. Step 5.C.
func (g *gatherer) merge(n int32) {
	subject, reply := g.subject(n)
	to := g.table[subject]
	if to == None || to == n {
		return
	}
	_, toReply := g.subject(to)
	switch {
	case g.dummy(to) && g.dummy(n):
		g.merged[n-g.messages] = to
	case g.dummy(to), reply && !toReply:
		g.parent[n] = to
	default:
		dummy := int32(len(g.parent))
		g.parent = append(g.parent, None)
		g.first = append(g.first, to)
		g.parent[to], g.parent[n] = dummy, dummy
		g.table[subject] = dummy
	}
}

// refs threads by references only; the thread in which a message arrived last is the last.
func refs(d *threadData) *Forest {
	parent := newFamily(d).prune()
	f := plant(len(d.at), parent, d.byDate())
	f.sortRoots(latest(parent, d.arrived))
	return f
}

// latest is the place of the latest arrival of each thread among all arrivals, by the thread's head.
func latest(parent []int32, arrived []uint64) []uint64 {
	p := newPermutation(len(arrived))
	p.by(arrived)
	head := heads(parent)
	out := make([]uint64, len(parent))
	for place, i := range p.at {
		out[head[i]] = uint64(place)
	}
	return out
}

// heads is the head of each node's thread.
func heads(parent []int32) []int32 {
	head := filled(len(parent))
	var path []int32
	for n := range parent {
		path = path[:0]
		at := int32(n)
		for ; head[at] == None && parent[at] != None; at = parent[at] {
			path = append(path, at)
		}
		top := at
		if head[at] != None {
			top = head[at]
		}
		head[at] = top
		for _, i := range path {
			head[i] = top
		}
	}
	return head
}

// sortRoots orders the threads by the values of their heads.
func (f *Forest) sortRoots(values []uint64) {
	var roots []int32
	var by []uint64
	for n := f.Root; n != None; n = f.Next[n] {
		roots, by = append(roots, n), append(by, values[n])
	}
	p := newPermutation(len(roots))
	p.by(by)
	last := &f.Root
	for _, i := range p.at {
		*last = roots[i]
		last = &f.Next[roots[i]]
	}
	*last = None
}
