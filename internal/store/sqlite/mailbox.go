package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// box is a row of table mailbox.
type box struct {
	mail.Mailbox
	purged
	gone int64 // when it was deleted, nanoseconds since 1970; 0: it is there
}

// purged is what Purge has taken from a mailbox.
type purged struct {
	forgotten mail.ModSeq // the highest ModSeq of an expunge that was forgotten
	shrunk    mail.ModSeq // the highest ModSeq of an empty page that was deleted
}

// boxes is the list of mailboxes as it was.
type boxes struct {
	asOf   moment
	list   []mail.Mailbox            // in order, with the names that are only subscribed
	purged map[mail.MailboxID]purged // where it is not zero
}

// moment says what of an account was read: after which change, and in which life of `changed`.
type moment struct {
	mod   mail.ModSeq
	birth uint64
}

// box is the mailbox of that id as a row of its table, false if there is none.
func (l *boxes) box(id mail.MailboxID) (box, bool) {
	m := l.find(id)
	if m == nil {
		return box{}, false
	}
	return box{Mailbox: *m, purged: l.purged[id]}, true
}

// with is l after a commit that stored these mailboxes, nil if more than their counters changed.
func (l *boxes) with(stored []box, asOf moment) *boxes {
	out := &boxes{asOf: asOf, list: slices.Clone(l.list), purged: l.purged}
	for i := range stored {
		b := &stored[i]
		m := out.find(b.ID)
		if m == nil || m.Name != b.Name || b.gone != 0 || b.purged != l.purged[b.ID] {
			return nil
		}
		subscribed := m.Subscribed
		*m = b.Mailbox
		m.Subscribed = subscribed
	}
	return out
}

// find is the mailbox of that id, nil if there is none.
func (l *boxes) find(id mail.MailboxID) *mail.Mailbox {
	for i := range l.list {
		if l.list[i].ID == id && id != 0 {
			return &l.list[i]
		}
	}
	return nil
}

const boxColumns = `id, name, uidvalidity, uidnext, highest, messages, unseen, deleted, size, keywords, uses,
	forgotten, shrunk, gone, acl, personal`

// scanBox reads a row of boxColumns.
func scanBox(s stmt) box {
	b := box{
		Mailbox: mail.Mailbox{
			ID: mail.MailboxID(s.ColumnInt64(0)), Name: s.ColumnText(1),
			UIDValidity: mail.UIDValidity(s.ColumnInt64(2)), UIDNext: mail.UID(s.ColumnInt64(3)),
			HighestMod: mail.ModSeq(s.ColumnInt64(4)), Messages: uint32(s.ColumnInt64(5)),
			Unseen: uint32(s.ColumnInt64(6)), Deleted: uint32(s.ColumnInt64(7)), Size: s.ColumnInt64(8),
		},
		purged: purged{mail.ModSeq(s.ColumnInt64(11)), mail.ModSeq(s.ColumnInt64(12))}, gone: s.ColumnInt64(13),
	}
	b.Keywords = splitWords[mail.Flag](s.ColumnText(9))
	b.Uses = splitWords[mail.SpecialUse](s.ColumnText(10))
	b.ACL, b.Personal = mail.ParseACL(s.ColumnText(14)), mail.Personal(s.ColumnInt64(15))
	return b
}

// splitWords undoes joinWords.
func splitWords[T ~string](s string) []T {
	if s == "" {
		return nil
	}
	words := strings.Split(s, " ")
	out := make([]T, len(words))
	for i, w := range words {
		out[i] = T(w)
	}
	return out
}

// joinWords joins atoms, which have no spaces; an empty one is kept.
func joinWords[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// loadBox is the mailbox of that id. Kind NotFound.
func (c *conn) loadBox(id mail.MailboxID) (box, error) {
	s, err := c.prep("SELECT " + boxColumns + " FROM mailbox WHERE id = ? AND gone = 0")
	if err != nil {
		return box{}, err
	}
	defer s.done()
	row, err := s.bind(int64(id)).first()
	if err != nil {
		return box{}, err
	}
	if !row {
		return box{}, refuse("look at mailbox", mail.NotFound, "")
	}
	return scanBox(s), nil
}

// loadBoxes is all mailboxes, in no order.
func (c *conn) loadBoxes() ([]box, error) {
	s, err := c.prep("SELECT " + boxColumns + " FROM mailbox WHERE gone = 0")
	if err != nil {
		return nil, err
	}
	defer s.done()
	var out []box
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		out = append(out, scanBox(s))
	}
}

// loadSubscriptions is the names that are subscribed.
func (c *conn) loadSubscriptions() (map[string]bool, error) {
	s, err := c.prep("SELECT name FROM subscription")
	if err != nil {
		return nil, err
	}
	defer s.done()
	out := make(map[string]bool)
	for {
		row, err := s.Step()
		if err != nil || !row {
			return out, err
		}
		out[s.ColumnText(0)] = true
	}
}

// storeBox writes the mailbox, new or not.
func (t *tx) storeBox(b *box) error {
	s, err := t.c.prep("INSERT OR REPLACE INTO mailbox(" + boxColumns + `)
		VALUES (?1, ?13, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?14, ?15, ?9, ?10, ?11, ?16, ?12)`)
	if err != nil {
		return err
	}
	s.bind(int64(b.ID), int64(b.UIDValidity), int64(b.UIDNext), int64(b.HighestMod), int64(b.Messages), int64(b.Unseen),
		int64(b.Deleted), b.Size, int64(b.forgotten), int64(b.shrunk), b.gone,
		int64(b.Personal))
	t.wrote = true
	t.boxes = append(t.boxes, *b)
	s.text(13, b.Name).text(14, joinWords(b.Keywords)).text(15, joinWords(b.Uses)).text(16, b.ACL.String())
	return s.run()
}

// addMailbox adds a mailbox of a clean name that is not taken, with the ACL of the one above it (nil: none).
func (t *tx) addMailbox(name string, uses []mail.SpecialUse, above *box, mod mail.ModSeq) (box, error) {
	t.st.mailbox++
	t.st.usage.Mailboxes++
	t.st.uidValidity = max(t.st.uidValidity+1, mail.UIDValidity(t.now))
	b := box{Mailbox: mail.Mailbox{
		ID: t.st.mailbox, Name: name, UIDValidity: t.st.uidValidity, UIDNext: 1, HighestMod: mod, Uses: uses,
	}}
	if above != nil {
		b.ACL, b.Personal = above.ACL, above.Personal
	}
	return b, t.storeBox(&b)
}

// subscribe sets or takes away a subscription.
func (t *tx) subscribe(name string, on bool) error {
	t.base = nil
	query := "DELETE FROM subscription WHERE name = ?"
	if on {
		query = "INSERT OR IGNORE INTO subscription(name) VALUES (?)"
	}
	s, err := t.c.prep(query)
	if err != nil {
		return err
	}
	return s.text(1, name).run()
}

// boxes is the list of mailboxes as it is now.
func (a *account) boxes(ctx context.Context) (*boxes, error) {
	f, err := a.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	now, ok := a.now(f)
	f.mu.Lock()
	l := f.boxes
	f.mu.Unlock()
	if ok && l != nil && l.asOf == now {
		return l, nil
	}
	l, _, err = a.look(ctx, "list mailboxes", now.birth)
	return l, err
}

// look reads the mailboxes and the use, which are kept. The birth was read before: what is too old then is looked up
// again, what is too new is not known.
func (a *account) look(ctx context.Context, op string, birth uint64) (l *boxes, last stateAt, err error) {
	err = a.view(ctx, op, string(a.id), func(f *files, c *conn) error {
		st, err := c.loadState()
		if err != nil {
			return err
		}
		last = stateAt{moment{st.modseq, birth}, st}
		if l, err = c.loadList(last.asOf); err != nil {
			return err
		}
		f.mu.Lock()
		f.boxes, f.last = l, last
		f.mu.Unlock()
		return nil
	})
	return l, last, err
}

// now is the account as `changed` has it, false if only the database can tell.
func (a *account) now(f *files) (moment, bool) {
	birth := f.changed.birth()
	m, ok := a.current(f)
	return moment{m, birth}, ok
}

// loadList reads the list of mailboxes. It needs a transaction.
func (c *conn) loadList(asOf moment) (*boxes, error) {
	all, err := c.loadBoxes()
	if err != nil {
		return nil, err
	}
	subscribed, err := c.loadSubscriptions()
	if err != nil {
		return nil, err
	}
	l := &boxes{asOf: asOf, list: make([]mail.Mailbox, 0, len(all)+len(subscribed))}
	for i := range all {
		m := all[i].Mailbox
		m.Subscribed = subscribed[m.Name]
		delete(subscribed, m.Name)
		if all[i].purged != (purged{}) {
			if l.purged == nil {
				l.purged = make(map[mail.MailboxID]purged)
			}
			l.purged[m.ID] = all[i].purged
		}
		l.list = append(l.list, m)
	}
	for name := range subscribed {
		l.list = append(l.list, mail.Mailbox{Name: name, Subscribed: true})
	}
	slices.SortFunc(l.list, func(x, y mail.Mailbox) int { return mail.CompareNames(x.Name, y.Name) })
	return l, nil
}

// Mailboxes implements mail.Mailboxes.
func (a *account) Mailboxes(ctx context.Context) ([]mail.Mailbox, error) {
	l, err := a.boxes(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Clone(l.list), nil
}

// Mailbox implements mail.Mailboxes.
func (a *account) Mailbox(ctx context.Context, name string) (mail.Mailbox, error) {
	name, err := mail.CleanName(name)
	if err != nil {
		return mail.Mailbox{}, err
	}
	l, err := a.boxes(ctx)
	if err != nil {
		return mail.Mailbox{}, err
	}
	i, ok := slices.BinarySearchFunc(l.list, name, func(m mail.Mailbox, n string) int { return mail.CompareNames(m.Name, n) })
	if !ok || l.list[i].ID == 0 {
		return mail.Mailbox{}, refuse("look at mailbox", mail.NotFound, name)
	}
	return l.list[i], nil
}
