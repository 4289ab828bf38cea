package imapd

import (
	"context"
	"slices"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/search"
)

// The bounds of the contexts of a session: how many, and how many messages one of a SORT may hold.
const (
	maxContexts = 8
	maxSorted   = 200_000
)

// updating is a search of whose changes the client is told. It ends with the mailbox being selected. RFC 5267 section
// 4.3.
type updating struct {
	tag      string
	uid      bool
	key      imap.SearchKey // its message numbers and "$" stand for what they stood for at first
	criteria []imap.SortCriterion
	fetch    []imap.FetchItem // of new messages among the results
	set      mail.UIDSet      // what the client knows of
	order    []mail.UID       // set in the order of criteria, if there are any
	scores   scoresByUID      // of set, if they are sorted by
	told     mail.ModSeq      // every change up to this one is in set
	last     mail.UID         // and every message up to this one
}

// updateByUID has results told by UID that were asked for by number: there are no numbers any more. RFC 9586 section 3.
func (m *selected) updateByUID() {
	for _, u := range m.contexts {
		u.uid = true
	}
}

// mayUpdate refuses UPDATE with a tag in use. RFC 5267 section 4.3.
func (s *session) mayUpdate(c *imap.Search) error {
	if c.Return&imap.ReturnUpdate != 0 && slices.ContainsFunc(s.sel.contexts, hasTag(s.tag)) {
		return bad("this tag is in use by an updated search")
	}
	return nil
}

func hasTag(tag string) func(*updating) bool { return func(u *updating) bool { return u.tag == tag } }

// keepUpdated makes a search one whose changes are told, or tells that it will not be. RFC 5267 section 4.3.1.
func (s *session) keepUpdated(c *imap.Search, criteria []imap.SortCriterion, r *results) {
	if c.Return&imap.ReturnUpdate == 0 {
		return
	}
	if len(s.sel.contexts) == maxContexts || len(r.order) > maxSorted || s.bound.lowest != 0 {
		b := append(append(s.out.buf, `* NO [NOUPDATE "`...), s.tag...)
		s.out.buf = append(b, "\"] too many updated searches, or too large\r\n"...)
		return
	}
	u := &updating{tag: s.tag, uid: c.UID, key: r.q.again, criteria: criteria, fetch: c.Fetch, set: r.set, order: r.order,
		told: r.q.in.Snapshot.Mailbox.HighestMod, last: s.sel.view.max()}
	if sortsByRelevancy(criteria) {
		u.scores = r.q.scoresByUID()
	}
	s.sel.contexts = append(s.sel.contexts, u)
}

// cancelUpdate is CANCELUPDATE. RFC 5267 section 4.3.5.
func (s *session) cancelUpdate(_ context.Context, c *imap.CancelUpdate) error {
	for _, tag := range c.Tags {
		if !slices.ContainsFunc(s.sel.contexts, hasTag(tag)) {
			return bad("there is no updated search with that tag")
		}
	}
	s.sel.contexts = slices.DeleteFunc(s.sel.contexts, func(u *updating) bool { return slices.Contains(c.Tags, u.tag) })
	return nil
}

// behind tells whether some context does not know of every change yet.
func (m *selected) behind(now mail.ModSeq) bool {
	return slices.ContainsFunc(m.contexts, func(u *updating) bool { return u.told < now })
}

// updateGone tells of results that are expunged, before their numbers are taken away. RFC 5267 section 4.3.4.
func (s *session) updateGone(gone mail.UIDSet) {
	for _, u := range s.sel.contexts {
		if removed := u.set.Intersect(gone); len(removed) > 0 {
			s.tellRemoved(u, removed)
		}
	}
}

// updateContexts tells what changed messages, and those that arrived, mean for the results. RFC 5267 section 4.3.
func (s *session) updateContexts(ctx context.Context, snap *mail.Snapshot) error {
	for _, u := range s.sel.contexts {
		if u.told < snap.Mailbox.HighestMod || u.last != s.sel.view.max() {
			if err := s.updateContext(ctx, snap, u); err != nil {
				return err
			}
		}
		u.told, u.last = s.sel.told, s.sel.view.max() // the account's ModSeq: see behind
	}
	return nil
}

func (s *session) updateContext(ctx context.Context, snap *mail.Snapshot, u *updating) error {
	q := s.searchIn(s.sel.acct, snap, &s.sel.view)
	q.in.Recent, q.in.Tell = s.sel.recent, nil // it is no command that makes progress
	key := u.key
	q.ready(&key, sortsByRelevancy(u.criteria))
	found, examined, err := q.query.Changed(ctx, u.told, u.last)
	if err != nil {
		return err
	}
	q.found = found
	matched := q.found.UIDs.Intersect(examined)
	removed, added := u.set.Intersect(examined).Minus(matched), matched.Minus(u.set)
	if len(removed) > 0 {
		s.tellRemoved(u, removed)
	}
	if len(added) == 0 {
		return s.out.flushLarge()
	}
	if err := s.fetchNew(ctx, snap, added.Minus(mail.UIDSet{{Start: 1, Stop: u.last}}), u.fetch); err != nil {
		return err
	}
	if err := s.tellAdded(ctx, u, q, added); err != nil {
		return err
	}
	return s.out.flushLarge()
}

// tellRemoved tells of results that are results no more: those of a SEARCH wherever they are, those of a SORT by their
// places, the last ones first so that the others' hold. RFC 5267 section 4.3.4.
func (s *session) tellRemoved(u *updating, removed mail.UIDSet) {
	before := u.order
	u.set = u.set.Minus(removed)
	s.out.buf = append(appendESearchStart(s.out.buf, u.tag, u.uid), " REMOVEFROM ("...)
	if u.criteria == nil {
		s.tellPlace(u, 0, &results{view: &s.sel.view, set: removed})
	}
	for to := len(before); to > 0; {
		if to--; !removed.Contains(before[to]) {
			continue
		}
		from := to
		for from > 0 && removed.Contains(before[from-1]) {
			from--
		}
		s.tellPlace(u, from+1, s.placed(before[from:to+1]))
		to = from
	}
	s.endPlaces()
	u.order = slices.DeleteFunc(slices.Clone(before), removed.Contains)
}

// tellAdded tells of new results: those of a SEARCH by number, those of a SORT by their places in the new order, the
// first ones first. RFC 5267 section 4.3.3.
func (s *session) tellAdded(ctx context.Context, u *updating, q *searcher, added mail.UIDSet) (err error) {
	for _, r := range added {
		u.set.AddRange(r.Start, r.Stop)
	}
	if u.criteria != nil {
		all := search.Found{UIDs: u.set.Intersect(q.in.Snapshot.UIDSet())}
		if sortsByRelevancy(u.criteria) {
			all.Scores = u.rescore(q, added, all.UIDs)
		}
		if u.order, err = q.query.Sort(ctx, all, u.criteria); err != nil {
			return err
		}
	}
	s.out.buf = append(appendESearchStart(s.out.buf, u.tag, u.uid), " ADDTO ("...)
	if u.criteria == nil {
		s.tellPlace(u, 0, &results{view: q.view, set: added})
	}
	for from := 0; from < len(u.order); from++ {
		to := from
		for to < len(u.order) && added.Contains(u.order[to]) {
			to++
		}
		if to > from {
			s.tellPlace(u, from+1, s.placed(u.order[from:to]))
			from = to
		}
	}
	s.endPlaces()
	return nil
}

// placed is a run of sorted messages as results.
func (s *session) placed(order []mail.UID) *results {
	return &results{view: &s.sel.view, order: order, set: mail.SetOf(order...)}
}

// tellPlace appends a context position and the results there, with a space behind. RFC 5267 section 5.
func (s *session) tellPlace(u *updating, place int, r *results) {
	s.out.buf = append(strconv.AppendInt(s.out.buf, int64(place), 10), ' ')
	s.tellSet(&imap.Search{UID: u.uid}, r)
	s.out.buf = append(s.out.buf, ' ')
}

// endPlaces ends the list of places: the space behind the last one becomes the parenthesis.
func (s *session) endPlaces() {
	s.out.buf[len(s.out.buf)-1] = ')'
	s.out.buf = append(s.out.buf, "\r\n"...)
}
