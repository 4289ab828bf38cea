package mem

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// flagList is flags as asked for: bits of the system flags, and keywords without doubles.
type flagList struct {
	system   mail.FlagSet
	keywords []mail.Flag
}

// add takes in flags. Kind Invalid.
func (l *flagList) add(op string, flags []mail.Flag) error {
	for _, f := range flags {
		if strings.EqualFold(string(f), `\Recent`) {
			continue
		}
		if bit := f.Bit(nil); bit != 0 {
			l.system |= bit
			continue
		}
		if !validKeyword(f) {
			return refuse(op, mail.Invalid, string(f))
		}
		if f.Bit(l.keywords) == 0 {
			l.keywords = append(l.keywords, f)
		}
	}
	return nil
}

// validKeyword tells whether f is an atom of bearable length. RFC 9051 section 9 (flag-keyword, ATOM-CHAR).
func validKeyword(f mail.Flag) bool {
	for i := range len(f) {
		if c := f[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return len(f) > 0 && len(f) <= 255
}

// set is the flags as bits of a mailbox with these keywords.
func (l *flagList) set(keywords []mail.Flag) mail.FlagSet {
	s := l.system
	for _, k := range l.keywords {
		s |= k.Bit(keywords)
	}
	return s
}

// learn is the mailbox's table of keywords with all of want in it. Kind Limit.
func (b *box) learn(op string, want []mail.Flag) ([]mail.Flag, error) {
	var missing []mail.Flag
	for _, k := range want {
		if k.Bit(b.Keywords) == 0 {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return b.Keywords, nil
	}
	table := slices.Clone(b.Keywords)
	if free(table) < len(missing) {
		b.giveUp(table, want)
	}
	if free(table) < len(missing) {
		return nil, refuse(op, mail.Limit, "keywords")
	}
	for _, k := range missing {
		if i := slices.Index(table, ""); i >= 0 {
			table[i] = k
		} else {
			table = append(table, k)
		}
	}
	return table, nil
}

// free is how many keywords the table has room for.
func free(table []mail.Flag) int {
	n := mail.MaxKeywords
	for _, k := range table {
		if k != "" {
			n--
		}
	}
	return n
}

// giveUp empties the places of the keywords that neither a message has nor want.
func (b *box) giveUp(table, want []mail.Flag) {
	used := mail.FlagSet(0)
	for _, p := range b.pages {
		for _, f := range p.Flags {
			used |= f
		}
	}
	for _, who := range b.viewed {
		for _, o := range who {
			used |= o.flags
		}
	}
	for _, k := range want {
		used |= k.Bit(table)
	}
	for i := range table {
		if used&(1<<(len(mail.SystemFlags)+i)) == 0 {
			table[i] = ""
		}
	}
}

// SetFlags implements mail.Messages.
func (h *handle) SetFlags(ctx context.Context, mailbox mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	const op = "set flags"
	a, err := h.enter(ctx, op)
	if err != nil {
		return mail.FlagsChanged{}, err
	}
	defer h.leave(a, a.modSeq)
	var list flagList
	if err := list.add(op, c.Flags); err != nil {
		return mail.FlagsChanged{}, err
	}
	if c.Op > mail.RemoveFlags {
		return mail.FlagsChanged{}, refuse(op, mail.Invalid, "operation")
	}
	b, err := a.box(op, mailbox)
	if err != nil {
		return mail.FlagsChanged{}, err
	}
	mail.ProgressOf(ctx).Add(len(b.rows(c.UIDs)))
	return h.setFlags(a, b, c, &list)
}

func (h *handle) setFlags(a *account, b *box, c mail.FlagChange, list *flagList) (mail.FlagsChanged, error) {
	var done mail.FlagsChanged
	var rows []row
	for _, r := range b.rows(c.UIDs) {
		r = h.see(b, r)
		if c.Conditional && r.modSeq > c.UnchangedSince {
			done.Failed.Add(r.uid)
		} else {
			rows = append(rows, r)
		}
	}
	table := b.Keywords
	if c.Op != mail.RemoveFlags && len(rows) > 0 {
		var err error
		if table, err = b.learn("set flags", list.keywords); err != nil {
			return mail.FlagsChanged{}, err
		}
	}
	set, changes := list.set(table), make(map[mail.UID]mail.FlagSet)
	for _, r := range rows {
		if f := applied(&c, r.flags, set); f != r.flags {
			changes[r.uid] = f
			done.Changed.Add(r.uid)
		}
	}
	if len(changes) > 0 {
		a.modSeq++
		done.ModSeq = a.modSeq
		b.Keywords = table
		for u, f := range changes {
			h.keep(b, u, f, a.modSeq)
		}
		b.setFlags(changes, h.mask(b), a.modSeq)
	}
	return done, nil
}

func applied(c *mail.FlagChange, old, set mail.FlagSet) mail.FlagSet {
	mask := c.Mask
	if mask == 0 {
		mask = ^mask
	}
	switch c.Op {
	case mail.AddFlags:
		return old | set&mask
	case mail.RemoveFlags:
		return old &^ (set & mask)
	default:
		return old&^mask | set&mask
	}
}

// Expunge implements mail.Messages.
func (h *handle) Expunge(
	ctx context.Context, mailbox mail.MailboxID, uids mail.UIDSet,
) (mail.UIDSet, mail.ModSeq, error) {
	a, err := h.enter(ctx, "expunge")
	if err != nil {
		return nil, 0, err
	}
	defer h.leave(a, a.modSeq)
	b, err := a.box("expunge", mailbox)
	if err != nil {
		return nil, 0, err
	}
	if uids == nil {
		uids = mail.UIDSet{{Start: 1, Stop: 1<<32 - 1}}
	}
	rows := b.rows(uids)
	mail.ProgressOf(ctx).Add(len(rows))
	var gone mail.UIDSet
	var octets int64
	for _, r := range rows {
		if r.flags&mail.BitDeleted != 0 {
			gone.Add(r.uid)
			octets += r.size
		}
	}
	if gone == nil {
		return nil, 0, nil
	}
	a.modSeq++
	b.remove(gone, a.modSeq)
	a.usage.Storage -= octets
	a.usage.Messages -= int64(gone.Len())
	return gone, a.modSeq, nil
}
