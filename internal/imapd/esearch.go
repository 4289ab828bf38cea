package imapd

import (
	"context"
	"errors"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// eSearch is ESEARCH. RFC 7377 section 2.
func (s *session) eSearch(ctx context.Context, c *imap.ESearch) error {
	if len(c.Sources) == 0 {
		c.Sources = []imap.MailboxFilter{{Kind: imap.FilterSelected}}
	}
	others := 0
	for i := range c.Sources {
		switch {
		case c.Sources[i].Kind != imap.FilterSelected:
			others++
		case s.sel == nil:
			return bad("no mailbox is selected")
		}
	}
	save := c.Search.Return&imap.ReturnSave != 0
	if others > 0 && c.Search.Return&(imap.ReturnSave|imap.ReturnUpdate) != 0 {
		return bad("SAVE and UPDATE are for the selected mailbox alone") // RFC 7377 section 2.2
	}
	if c.Search.Charset != "" && s.features&featUTF8 != 0 {
		return bad("no CHARSET after ENABLE UTF8=ACCEPT") // RFC 6855 section 3
	}
	if c.Search.Return&imap.ReturnUpdate != 0 { // SEARCH and SORT are there for that: RFC 5267 section 4.3.1
		c.Search.Return &^= imap.ReturnUpdate
		b := append(append(s.out.buf, `* NO [NOUPDATE "`...), s.tag...)
		s.out.buf = append(b, "\"] not for ESEARCH\r\n"...)
	}
	prepared := s.prepare(ctx, &c.Search, c.Search.Return&imap.ReturnRelevancy != 0)
	switch {
	case save:
		return s.saving(&c.Search, func() (*results, error) {
			if prepared != nil {
				return nil, prepared
			}
			return s.eSearchSelected(ctx, &c.Search)
		})
	case prepared != nil:
		return prepared
	}
	return s.eSearchAll(ctx, c)
}

// eSearchSelected searches the selected mailbox, if the user has still the right to. Its name is looked up:
// it may have been renamed since it was selected.
func (s *session) eSearchSelected(ctx context.Context, c *imap.Search) (*results, error) {
	if err := s.recheck(ctx); err != nil {
		return nil, err
	}
	if s.sel.may&mail.RightRead == 0 {
		return &results{}, nil
	}
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil {
		return nil, err
	}
	q := s.searchIn(s.sel.acct, snap, &s.sel.view)
	q.in.Recent, q.saved = s.sel.recent, s.sel.saved
	return s.eSearchOne(ctx, c, q, s.sel.full(snap.Mailbox.Name))
}

// eSearchOne searches a mailbox and answers, if anything was found. RFC 7377 section 2.1.
func (s *session) eSearchOne(ctx context.Context, c *imap.Search, q *searcher, name string) (*results, error) {
	if err := s.wholeSearch(q, &c.Key); err != nil {
		return nil, err
	}
	q.ready(&c.Key, c.Return&imap.ReturnRelevancy != 0)
	if err := q.run(ctx); err != nil {
		return nil, err
	}
	r := q.results(c, nil)
	if len(r.set) == 0 || c.Return == imap.ReturnSave {
		return r, nil
	}
	s.out.buf = imap.AppendESearchSource(s.out.buf, s.tag, name, q.in.Snapshot.Mailbox.UIDValidity, s.utf8())
	return r, s.tellResults(c, r)
}

// eSearchAll searches the mailboxes of all sources, each once. RFC 7377 section 2.2.
func (s *session) eSearchAll(ctx context.Context, c *imap.ESearch) error {
	done := make(map[string]bool) // by MAILBOXID
	for i := range c.Sources {
		list, err := s.sourceMailboxes(ctx, &c.Sources[i])
		if err != nil {
			return err
		}
		for k := range list {
			id := list[k].objectID()
			if done[id] {
				continue
			}
			done[id] = true
			if err := s.eSearchIn(ctx, &c.Search, &list[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sourceMailboxes are the mailboxes of a source; names of nothing, and of what the user may not see, are
// ignored.
func (s *session) sourceMailboxes(ctx context.Context, f *imap.MailboxFilter) ([]found, error) {
	var out []found
	if f.Kind == imap.FilterSelected {
		return []found{{place: s.sel.place, box: mail.Mailbox{ID: s.sel.id}}}, nil
	}
	if f.Kind == imap.FilterMailboxes {
		for _, name := range f.Names {
			m, err := s.find(ctx, name)
			switch {
			case err == nil:
				out = append(out, m)
			case !errors.Is(err, errNoRight) && mail.KindOf(err) != mail.NotFound && mail.KindOf(err) != mail.Invalid:
				return nil, err
			}
		}
		return out, nil
	}
	boxes, err := s.mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	filter := newMailboxFilter(f)
	for i := range boxes {
		if m := &boxes[i]; m.ID != 0 && filter.matches(m.Name, m.Subscribed) {
			at := found{place: s.ownPlace(m.Name), box: *m}
			if at.may = at.rights(m); at.may&mail.RightRead != 0 {
				out = append(out, at)
			}
		}
	}
	return out, nil
}

// eSearchIn searches a mailbox that a source names. One that goes meanwhile has no messages. The selected
// one is searched as the client knows it.
func (s *session) eSearchIn(ctx context.Context, c *imap.Search, m *found) error {
	if s.sel != nil && s.sel.id == m.box.ID && s.sel.acct.ID() == m.acct.ID() {
		_, err := s.eSearchSelected(ctx, c)
		return err
	}
	snap, err := m.acct.Snapshot(ctx, m.box.ID)
	if err != nil {
		if mail.KindOf(err) == mail.NotFound {
			return nil
		}
		return err
	}
	v := newView(snap.UIDSet())
	_, err = s.eSearchOne(ctx, c, s.searchIn(m.acct, snap, &v), m.full(m.name))
	return err
}
