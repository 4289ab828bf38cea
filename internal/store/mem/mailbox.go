package mem

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// mailbox is b as its readers see it.
func (a *account) mailbox(b *box) mail.Mailbox {
	m := b.Mailbox
	m.Subscribed = a.subscribed[b.Name]
	return m
}

// Mailboxes implements mail.Mailboxes.
func (h *handle) Mailboxes(ctx context.Context) ([]mail.Mailbox, error) {
	a, err := h.enter(ctx, "list mailboxes")
	if err != nil {
		return nil, err
	}
	defer a.mu.Unlock()
	var out []mail.Mailbox
	for _, b := range a.boxes {
		out = append(out, a.mailbox(b))
	}
	for name := range a.subscribed {
		if a.names[name] == nil {
			out = append(out, mail.Mailbox{Name: name, Subscribed: true})
		}
	}
	slices.SortFunc(out, func(x, y mail.Mailbox) int { return strings.Compare(sortKey(x.Name), sortKey(y.Name)) })
	return out, nil
}

// sortKey puts the separator before every other character; control characters are not in names.
func sortKey(name string) string { return strings.ReplaceAll(name, "/", "\x00") }

// Mailbox implements mail.Mailboxes.
func (h *handle) Mailbox(ctx context.Context, name string) (mail.Mailbox, error) {
	a, err := h.enter(ctx, "find mailbox")
	if err != nil {
		return mail.Mailbox{}, err
	}
	defer a.mu.Unlock()
	b, err := a.find("find mailbox", name)
	if err != nil {
		return mail.Mailbox{}, err
	}
	return h.snapshot(a, b).Mailbox, nil
}

// find is the mailbox of that name. Kinds Invalid, NotFound.
func (a *account) find(op, name string) (*box, error) {
	name, err := mail.CleanName(name)
	if err != nil {
		return nil, err
	}
	if b := a.names[name]; b != nil {
		return b, nil
	}
	return nil, refuse(op, mail.NotFound, name)
}

// CreateMailbox implements mail.Mailboxes.
func (h *handle) CreateMailbox(ctx context.Context, name string, uses []mail.SpecialUse) (mail.Mailbox, error) {
	const op = "create mailbox"
	a, err := h.enter(ctx, op)
	if err != nil {
		return mail.Mailbox{}, err
	}
	defer h.leave(a, a.modSeq)
	if name, err = mail.CleanName(name); err != nil {
		return mail.Mailbox{}, err
	}
	if uses, err = cleanUses(uses); err != nil {
		return mail.Mailbox{}, err
	}
	if a.names[name] != nil {
		return mail.Mailbox{}, refuse(op, mail.Exists, name)
	}
	if err := a.fits(op, name, len(a.missing(name))+1); err != nil {
		return mail.Mailbox{}, err
	}
	a.modSeq++
	var top *box
	if h.who != "" {
		top = a.names[mail.Inbox]
	}
	b := a.create(name, top)
	a.giveUses(b, uses)
	return a.mailbox(b), nil
}

// cleanUses is uses sorted, without doubles. Kind Invalid.
func cleanUses(uses []mail.SpecialUse) ([]mail.SpecialUse, error) {
	for _, u := range uses {
		switch u {
		case mail.UseArchive, mail.UseDrafts, mail.UseJunk, mail.UseSent, mail.UseTrash:
		default:
			return nil, refuse("create mailbox", mail.Invalid, string(u))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(uses))), nil
}

// giveUses makes b the one mailbox with these uses.
func (a *account) giveUses(b *box, uses []mail.SpecialUse) {
	for _, other := range a.boxes {
		kept := slices.DeleteFunc(slices.Clone(other.Uses),
			func(u mail.SpecialUse) bool { return slices.Contains(uses, u) })
		if len(kept) != len(other.Uses) {
			other.Uses = kept
		}
	}
	if uses = slices.Compact(slices.Sorted(slices.Values(uses))); len(uses) > 0 {
		b.Uses = uses
	}
}

// missing are the names above name that are no mailboxes, from the top.
func (a *account) missing(name string) []string {
	var out []string
	for i, c := range name {
		if c == mail.Separator && a.names[name[:i]] == nil {
			out = append(out, name[:i])
		}
	}
	return out
}

// create makes the mailbox, which is not there, and those above it. What is shared of the nearest mailbox above is
// shared of it; top counts as above those of the first level, unless it is nil.
func (a *account) create(name string, top *box) *box {
	for _, above := range a.missing(name) {
		a.create(above, top)
	}
	a.lastMailbox++
	a.lastValidity = max(a.lastValidity+1, mail.UIDValidity(time.Now().Unix()))
	b := &box{
		Mailbox: mail.Mailbox{
			ID: a.lastMailbox, Name: name, UIDValidity: a.lastValidity, UIDNext: 1, HighestMod: a.modSeq,
		},
		recent: 1,
	}
	if i := strings.LastIndexByte(name, mail.Separator); i >= 0 {
		top = a.names[name[:i]]
	}
	if top != nil {
		b.ACL, b.Personal = top.ACL, top.Personal
	}
	a.boxes[b.ID], a.names[name] = b, b
	return b
}

// DeleteMailbox implements mail.Mailboxes.
func (h *handle) DeleteMailbox(ctx context.Context, name string) error {
	const op = "delete mailbox"
	a, err := h.enter(ctx, op)
	if err != nil {
		return err
	}
	defer h.leave(a, a.modSeq)
	b, err := a.find(op, name)
	if err != nil {
		return err
	}
	if b.Name == mail.Inbox {
		return refuse(op, mail.Denied, b.Name)
	}
	a.modSeq++
	a.usage.Storage -= b.Size
	a.usage.Messages -= int64(b.Messages)
	b.remove(b.uids(), a.modSeq)
	a.graves = append(a.graves, b.gone...)
	delete(a.boxes, b.ID)
	delete(a.names, b.Name)
	a.dropAnnotations(b.ID)
	return nil
}

func (b *box) uids() mail.UIDSet { return mail.NewSnapshot(b.Mailbox, b.pages).UIDSet() }

// RenameMailbox implements mail.Mailboxes.
func (h *handle) RenameMailbox(ctx context.Context, from, to string) error {
	const op = "rename mailbox"
	a, err := h.enter(ctx, op)
	if err != nil {
		return err
	}
	defer h.leave(a, a.modSeq)
	if to, err = mail.CleanName(to); err != nil {
		return err
	}
	if from, err = mail.CleanName(from); err != nil {
		return err
	}
	if from != mail.Inbox && strings.HasPrefix(to, from+"/") {
		return refuse(op, mail.Invalid, "below itself")
	}
	b, err := a.find(op, from)
	if err != nil {
		return err
	}
	tree, err := a.tree(b, to)
	if err != nil {
		return err
	}
	for _, name := range tree {
		if a.names[name] != nil {
			return refuse(op, mail.Exists, name)
		}
	}
	more := len(a.missing(to))
	if b.Name == mail.Inbox {
		more++
	}
	if err := a.fits(op, to, more); err != nil {
		return err
	}
	a.modSeq++
	if b.Name == mail.Inbox {
		return a.renameInbox(b, to)
	}
	a.rename(tree, to)
	return nil
}

// tree is b and the mailboxes below it (of INBOX itself alone) with their new names. Kind Invalid.
func (a *account) tree(b *box, to string) (map[*box]string, error) {
	tree := map[*box]string{b: to}
	if b.Name == mail.Inbox {
		return tree, nil
	}
	for _, c := range a.boxes {
		below, ok := strings.CutPrefix(c.Name, b.Name+"/")
		if !ok {
			continue
		}
		name, err := mail.CleanName(to + "/" + below)
		if err != nil {
			return nil, err
		}
		tree[c] = name
	}
	return tree, nil
}

// rename gives each mailbox of tree its name. The names are free; those above to come into being.
func (a *account) rename(tree map[*box]string, to string) {
	var subscribed []string
	for b, name := range tree {
		delete(a.names, b.Name)
		if a.subscribed[b.Name] {
			delete(a.subscribed, b.Name)
			subscribed = append(subscribed, name)
		}
	}
	for b, name := range tree {
		b.Name = name
		a.names[name] = b
	}
	for _, name := range subscribed {
		a.subscribed[name] = true
	}
	for _, above := range a.missing(to) {
		a.create(above, nil)
	}
}

// renameInbox moves the messages of INBOX to a new mailbox. RFC 9051 section 6.3.6.
func (a *account) renameInbox(inbox *box, to string) error {
	b := a.create(to, nil)
	a.copyAnnotations(inbox.ID, b.ID)
	rows := inbox.rows(inbox.uids())
	if len(rows) == 0 {
		return nil
	}
	seen := make([]mail.FlagSet, len(rows))
	for i := range rows {
		seen[i] = rows[i].flags
	}
	t, err := transferOf("rename mailbox", inbox, b, rows, seen)
	if err != nil {
		return err
	}
	(&handle{}).transfer(a, t, true)
	return nil
}

// Subscribe implements mail.Mailboxes.
func (h *handle) Subscribe(ctx context.Context, name string, on bool) error {
	a, err := h.enter(ctx, "subscribe")
	if err != nil {
		return err
	}
	defer h.leave(a, a.modSeq)
	if name, err = mail.CleanName(name); err != nil {
		return err
	}
	if a.subscribed[name] == on {
		return nil
	}
	a.modSeq++
	if on {
		a.subscribed[name] = true
	} else {
		delete(a.subscribed, name)
	}
	return nil
}
