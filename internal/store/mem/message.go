package mem

import (
	"context"
	"math"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Snapshot implements mail.Messages.
func (h *handle) Snapshot(ctx context.Context, mailbox mail.MailboxID) (*mail.Snapshot, error) {
	a, err := h.enter(ctx, "snapshot")
	if err != nil {
		return nil, err
	}
	defer a.mu.Unlock()
	b, err := a.box("snapshot", mailbox)
	if err != nil {
		return nil, err
	}
	return h.snapshot(a, b), nil
}

// Outline implements mail.Messages.
func (h *handle) Outline(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (*mail.Outline, error) {
	s, err := h.Snapshot(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	return s.Outline(since), nil
}

// Vanished implements mail.Messages.
func (h *handle) Vanished(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.UIDSet, bool, error) {
	a, err := h.enter(ctx, "vanished")
	if err != nil {
		return nil, false, err
	}
	defer a.mu.Unlock()
	b, err := a.box("vanished", mailbox)
	if err != nil {
		return nil, false, err
	}
	var uids mail.UIDSet
	for _, g := range b.gone {
		if g.modSeq > since {
			uids.Add(g.uid)
		}
	}
	return uids, since >= b.horizon, nil
}

// ClaimRecent implements mail.Messages.
func (h *handle) ClaimRecent(ctx context.Context, mailbox mail.MailboxID) (mail.UID, error) {
	a, err := h.enter(ctx, "claim recent")
	if err != nil {
		return 0, err
	}
	defer a.mu.Unlock()
	b, err := a.box("claim recent", mailbox)
	if err != nil {
		return 0, err
	}
	if h.who != "" {
		return 0, nil
	}
	first := b.recent
	b.recent = b.UIDNext
	return first, nil
}

// Append implements mail.Messages.
func (h *handle) Append(ctx context.Context, mailbox mail.MailboxID, msgs []mail.NewMessage) (mail.Appended, error) {
	const op = "append"
	a, err := h.enter(ctx, op)
	if err != nil {
		return mail.Appended{}, err
	}
	defer h.leave(a, a.modSeq)
	in, err := h.check(msgs)
	if err != nil {
		return mail.Appended{}, err
	}
	b, err := a.box(op, mailbox)
	if err != nil {
		return mail.Appended{}, err
	}
	done, err := h.put(a, b, in)
	mail.ProgressOf(ctx).Add(len(done.UIDs))
	return done, err
}

// incoming are messages that are to be stored.
type incoming struct {
	msgs   []mail.NewMessage
	lists  []flagList // of each
	octets int64      // of all
}

// put puts messages into a mailbox.
func (h *handle) put(a *account, b *box, in incoming) (mail.Appended, error) {
	const op = "append"
	msgs, lists, octets := in.msgs, in.lists, in.octets
	if err := a.room(op, int64(len(msgs)), octets); err != nil && len(msgs) > 0 {
		return mail.Appended{}, err
	}
	var wanted flagList
	for _, l := range lists {
		_ = wanted.add(op, l.keywords) // checked already
	}
	table, err := b.learn(op, wanted.keywords)
	if err != nil {
		return mail.Appended{}, err
	}
	if err := b.numbers(op, len(msgs)); err != nil {
		return mail.Appended{}, err
	}
	done := mail.Appended{UIDValidity: b.UIDValidity}
	if len(msgs) == 0 {
		return done, nil
	}
	a.modSeq++
	a.usage.Messages += int64(len(msgs))
	a.usage.Storage += octets
	b.Keywords = table
	rows := make([]row, len(msgs))
	now := time.Now()
	for i, m := range msgs {
		rows[i] = a.newRow(m, now)
		rows[i].flags = lists[i].set(table) &^ h.mask(b)
		done.Contents = append(done.Contents, rows[i].content)
		done.UIDs = append(done.UIDs, b.UIDNext+mail.UID(i))
	}
	b.add(rows, a.modSeq)
	for i, u := range done.UIDs {
		h.keep(b, u, lists[i].set(table), a.modSeq)
	}
	done.ModSeq = a.modSeq
	return done, nil
}

// Replace implements mail.Messages.
func (h *handle) Replace(ctx context.Context, r mail.Replacement) (mail.Appended, error) {
	const op = "replace"
	a, err := h.enter(ctx, op)
	if err != nil {
		return mail.Appended{}, err
	}
	defer h.leave(a, a.modSeq)
	in, err := h.check([]mail.NewMessage{r.Message})
	if err != nil {
		return mail.Appended{}, err
	}
	from, err := a.box(op, r.Mailbox)
	if err != nil {
		return mail.Appended{}, err
	}
	to, err := a.box(op, r.To)
	if err != nil {
		return mail.Appended{}, err
	}
	old := from.rows(mail.SetOf(r.UID))
	if len(old) == 0 {
		return mail.Appended{}, refuse(op, mail.Conflict, "")
	}
	before := a.usage
	a.usage.Messages--
	a.usage.Storage -= old[0].size
	done, err := h.put(a, to, in)
	if err != nil {
		a.usage = before
		return done, err
	}
	from.remove(mail.SetOf(r.UID), a.modSeq)
	return done, nil
}

// check looks at messages before anything else is. Kind Invalid.
func (h *handle) check(msgs []mail.NewMessage) (incoming, error) {
	in := incoming{msgs: msgs, lists: make([]flagList, len(msgs))}
	seen := make(map[*upload]bool)
	for i, m := range msgs {
		u, ok := m.Upload.(*upload)
		if !ok || u == nil || u.over || u.disk != h.store.disk || u.id != h.id || seen[u] {
			return in, refuse("append", mail.Invalid, "upload")
		}
		if m.Digest == nil {
			return in, refuse("append", mail.Invalid, "no digest")
		}
		if err := in.lists[i].add("append", m.Flags); err != nil {
			return in, err
		}
		seen[u] = true
		in.octets += u.Size()
	}
	return in, nil
}

// newRow takes the upload of m and makes a message of it.
func (a *account) newRow(m mail.NewMessage, now time.Time) row {
	u := m.Upload.(*upload)
	u.over = true
	internal := m.Internal
	if internal.IsZero() {
		internal = now
	}
	id := a.addContent(u.octets, m.Digest)
	a.contents[id].refs++
	return row{content: id, size: u.Size(), internal: internal.Unix(), saved: now.Unix()}
}

// numbers refuses more messages than there are UIDs. Kind Limit.
func (b *box) numbers(op string, n int) error {
	if uint64(b.UIDNext)+uint64(n) > math.MaxUint32 {
		return refuse(op, mail.Limit, "UIDs")
	}
	return nil
}

// transfer is a copy that nothing stands against any more.
type transfer struct {
	from, to *box
	rows     []row          // with the flags as bits of the target's table
	seen     []mail.FlagSet // what the user sees of each, too
	table    []mail.Flag
}

// transferOf prepares rows of from, of which the user sees these flags, for to. Kind Limit.
func transferOf(op string, from, to *box, rows []row, seen []mail.FlagSet) (*transfer, error) {
	used := mail.FlagSet(0)
	for i, r := range rows {
		used |= r.flags | seen[i]
	}
	var list flagList
	_ = list.add(op, used.Flags(from.Keywords)) // they are in a table already
	table, err := to.learn(op, list.keywords)
	if err == nil {
		err = to.numbers(op, len(rows))
	}
	if err != nil {
		return nil, err
	}
	t := &transfer{from: from, to: to, table: table}
	for i, r := range rows {
		r.flags = translate(r.flags, from.Keywords, table)
		t.rows = append(t.rows, r)
		t.seen = append(t.seen, translate(seen[i], from.Keywords, table))
	}
	return t, nil
}

// translate is flags of a mailbox with these keywords as bits of another one, which has them all.
func translate(flags mail.FlagSet, from, to []mail.Flag) mail.FlagSet {
	var l flagList
	_ = l.add("copy", flags.Flags(from)) // they are in a table already
	return l.set(to)
}

// transfer carries out a copy, or (move) one with the expunge of the originals, under the account's ModSeq.
func (h *handle) transfer(a *account, t *transfer, move bool) mail.Copied {
	done := mail.Copied{UIDValidity: t.to.UIDValidity, ModSeq: a.modSeq}
	now := time.Now().Unix()
	for i := range t.rows {
		r := &t.rows[i]
		done.From.Add(r.uid)
		r.saved = now
		mask := h.mask(t.to)
		r.flags = r.flags&mask | t.seen[i]&^mask
		a.contents[r.content].refs++
		a.usage.Messages++
		a.usage.Storage += r.size
	}
	t.to.Keywords = t.table
	done.To = t.to.add(t.rows, a.modSeq)
	i := 0
	for u := range done.To.All() {
		h.keep(t.to, u, t.seen[i], a.modSeq)
		i++
	}
	if move {
		t.from.remove(done.From, a.modSeq)
		for _, r := range t.rows {
			a.usage.Messages--
			a.usage.Storage -= r.size
		}
	}
	return done
}

// Copy implements mail.Messages.
func (h *handle) Copy(
	ctx context.Context, from mail.MailboxID, uids mail.UIDSet, to mail.MailboxID,
) (mail.Copied, error) {
	return h.copy(ctx, from, uids, to, false)
}

// Move implements mail.Messages.
func (h *handle) Move(
	ctx context.Context, from mail.MailboxID, uids mail.UIDSet, to mail.MailboxID,
) (mail.Copied, error) {
	return h.copy(ctx, from, uids, to, true)
}

func (h *handle) copy(
	ctx context.Context, from mail.MailboxID, uids mail.UIDSet, to mail.MailboxID, move bool,
) (mail.Copied, error) {
	op := "copy"
	if move {
		op = "move"
	}
	a, err := h.enter(ctx, op)
	if err != nil {
		return mail.Copied{}, err
	}
	defer h.leave(a, a.modSeq)
	source, err := a.box(op, from)
	if err != nil {
		return mail.Copied{}, err
	}
	target, err := a.box(op, to)
	if err != nil {
		return mail.Copied{}, err
	}
	rows := source.rows(uids)
	if len(rows) == 0 {
		return mail.Copied{UIDValidity: target.UIDValidity}, nil
	}
	octets := int64(0)
	seen := make([]mail.FlagSet, len(rows))
	for i, r := range rows {
		octets += r.size
		seen[i] = h.see(source, r).flags
	}
	if !move {
		if err := a.room(op, int64(len(rows)), octets); err != nil {
			return mail.Copied{}, err
		}
	}
	t, err := transferOf(op, source, target, rows, seen)
	if err != nil {
		return mail.Copied{}, err
	}
	a.modSeq++
	mail.ProgressOf(ctx).Add(len(rows))
	return h.transfer(a, t, move), nil
}
