package imapd

import (
	"context"
	"strings"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// listEntry is a name in the tree of mailboxes.
type listEntry struct {
	name       string
	box        *mail.Mailbox // nil for a name that is only above others; with the client's name
	at         *place        // nil: in the user's own account
	exists     bool
	implied    bool // there is a mailbox below it
	subscribed bool
}

// tree is the names of all mailboxes with those above them, each before what is below it; at says where each mailbox is,
// nil for all in the user's own account.
func tree(boxes []mail.Mailbox, at []*place) []listEntry {
	out := make([]listEntry, 0, len(boxes))
	var above []int // the entries above the current one, in out
	for i := range boxes {
		m := &boxes[i]
		for len(above) > 0 && !below(m.Name, out[above[len(above)-1]].name) {
			above = above[:len(above)-1]
		}
		start := 0
		if len(above) > 0 {
			start = len(out[above[len(above)-1]].name) + 1
		}
		for {
			at := strings.IndexByte(m.Name[start:], mail.Separator)
			if at < 0 {
				break
			}
			above = append(above, len(out))
			out = append(out, listEntry{name: m.Name[:start+at]})
			start += at + 1
		}
		exists := m.ID != 0
		if exists {
			for _, a := range above {
				out[a].implied = true
			}
		}
		above = append(above, len(out))
		e := listEntry{name: m.Name, box: m, exists: exists, subscribed: m.Subscribed || !exists}
		if at != nil {
			e.at = at[i]
		}
		out = append(out, e)
	}
	return out
}

// below tells whether a name is below another one.
func below(name, above string) bool {
	return len(name) > len(above) && name[len(above)] == mail.Separator && name[:len(above)] == above
}

// lister answers one LIST.
type lister struct {
	s       *session
	c       *imap.List
	entries []listEntry
	match   []*matcher
}

// list is LIST. RFC 9051 section 6.3.9, RFC 5258, RFC 6154 section 2, RFC 5819, RFC 9590.
func (s *session) list(ctx context.Context, c *imap.List) error {
	if len(c.Patterns) == 1 && c.Patterns[0] == "" && !c.Extended { // asks for the separator
		s.out.buf = imap.AppendList(s.out.buf, &imap.ListData{Attrs: imap.AttrNoSelect, Root: true}, s.utf8())
		return nil
	}
	l := lister{s: s, c: c}
	for _, p := range c.Patterns {
		l.match = append(l.match, newMatcher(c.Reference, p))
	}
	boxes, at, err := s.listed(ctx, &l)
	if err != nil {
		return err
	}
	if err := l.run(ctx, tree(boxes, at)); err != nil || !s.admin {
		return err
	}
	return l.administered(ctx)
}

// run answers for the names of a tree.
func (l *lister) run(ctx context.Context, entries []listEntry) error {
	l.entries = entries
	for i := range l.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.entry(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) mailboxes(ctx context.Context) ([]mail.Mailbox, error) {
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	return s.acct.Mailboxes(ctx)
}

// listed are the user's own mailboxes and, if the patterns let them through, those that others share with him.
func (s *session) listed(ctx context.Context, l *lister) ([]mail.Mailbox, []*place, error) {
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	boxes, err := s.acct.Mailboxes(ctx)
	if err != nil || !l.wantsShared(boxes) {
		return boxes, nil, err
	}
	return s.withShared(ctx, boxes)
}

func (l *lister) matches(name string) bool {
	for _, m := range l.match {
		if m.match(name) {
			return true
		}
	}
	return false
}

// entry answers for one name, if it is to be listed.
func (l *lister) entry(ctx context.Context, i int) error {
	e := &l.entries[i]
	if !l.matches(e.name) {
		return nil
	}
	chosen := l.chosen(e)
	childInfo := false
	if l.c.Select&imap.ListRecursiveMatch != 0 {
		childInfo = l.chosenBelow(i, chosen)
	}
	if !chosen && !childInfo {
		return nil
	}
	d := imap.ListData{Name: e.name, Attrs: l.attrs(e), ChildInfo: childInfo && l.c.Select&imap.ListSubscribed != 0}
	if e.box != nil {
		d.Uses = e.box.Uses
	}
	s := l.s
	s.out.buf = imap.AppendList(s.out.buf, &d, s.utf8())
	if e.exists && chosen { // one that only stands above others is told by CHILDINFO: RFC 5819 section 3
		if err := l.more(ctx, e); err != nil {
			return err
		}
	}
	return s.out.flushLarge()
}

// chosen tells whether the selection options choose e: by default what exists, or is above what exists.
func (l *lister) chosen(e *listEntry) bool {
	o := l.c.Select
	switch {
	case o&imap.ListSubscribed != 0 && !e.subscribed:
		return false
	case o&imap.ListSpecialUse != 0 && (e.box == nil || len(e.box.Uses) == 0):
		return false
	case o&(imap.ListSubscribed|imap.ListSpecialUse) != 0:
		return true
	}
	return e.exists || e.implied
}

// chosenBelow tells whether something below the i-th entry is chosen; for an entry that is not chosen itself it must be
// something that does not match a pattern, as the others speak for themselves. RFC 9051 section 6.3.9.1.
func (l *lister) chosenBelow(i int, alsoMatching bool) bool {
	name := l.entries[i].name
	for j := i + 1; j < len(l.entries) && below(l.entries[j].name, name); j++ {
		e := &l.entries[j]
		if l.chosen(e) && (alsoMatching || !l.matches(e.name)) {
			return true
		}
	}
	return false
}

// attrs are the attributes of a name. RFC 9051 section 7.3.1.
func (l *lister) attrs(e *listEntry) imap.ListAttrs {
	a := imap.AttrHasNoChildren
	if e.implied {
		a = imap.AttrHasChildren
	}
	if !e.exists || l.unreadable(e) {
		a |= imap.AttrNoSelect
	}
	if !e.exists && (l.c.Extended || l.s.features&featRev2 != 0) {
		a |= imap.AttrNonExistent
	}
	if e.subscribed && (l.c.Select|l.c.Return)&imap.ListSubscribed != 0 {
		a |= imap.AttrSubscribed
	}
	return a
}

// unreadable tells whether a client must be told that a mailbox cannot be selected, as the user may only see it: in
// revision 1 just who asks for STATUS, as others would not offer it as a place to put messages either. RFC 5819 section 2,
// RFC 9051 section 7.3.1.
func (l *lister) unreadable(e *listEntry) bool {
	return (l.c.Return&imap.ListStatus != 0 || l.s.features&featRev2 != 0) && l.found(e).may&mail.RightRead == 0
}

// lsub is LSUB. With "%" a name above a subscribed one that does not match stands for it, as \Noselect. RFC 3501
// section 6.3.9.
func (s *session) lsub(ctx context.Context, c *imap.LSub) error {
	l := lister{s: s, c: &imap.List{Select: imap.ListSubscribed}, match: []*matcher{newMatcher(c.Reference, c.Pattern)}}
	boxes, at, err := s.listed(ctx, &l)
	if err != nil {
		return err
	}
	l.entries = tree(boxes, at)
	for i := range l.entries {
		e := &l.entries[i]
		if !l.matches(e.name) {
			continue
		}
		d := imap.ListData{Name: e.name}
		switch {
		case e.subscribed:
		case strings.HasSuffix(c.Pattern, "%") && l.chosenBelow(i, false):
			d.Attrs = imap.AttrNoSelect
		default:
			continue
		}
		s.out.buf = imap.AppendLSub(s.out.buf, &d, s.utf8())
		if err := s.out.flushLarge(); err != nil {
			return err
		}
	}
	return nil
}
