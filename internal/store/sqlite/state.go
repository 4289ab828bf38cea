package sqlite

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// state is the row of table account.
type state struct {
	modseq      mail.ModSeq
	content     mail.ContentID // the last given out, as are mailbox, thread, uidValidity
	mailbox     mail.MailboxID
	thread      mail.ThreadID
	uidValidity mail.UIDValidity
	usage       mail.Usage
	annotations int64       // octets, see mail.Annotation.Octets
	annotated   mail.ModSeq // of the last change of an annotation
}

func (c *conn) loadState() (st state, err error) {
	s, err := c.prep(`SELECT modseq, content, mailbox, thread, uidvalidity, storage, storage_limit, messages,
		messages_limit, mailboxes, mailboxes_limit, annotations, annotated FROM account WHERE id = 1`)
	if err != nil {
		return st, err
	}
	defer s.done()
	row, err := s.first()
	if err != nil {
		return st, err
	}
	if !row {
		return st, corrupt("account", "its row is missing")
	}
	return state{
		modseq: mail.ModSeq(s.ColumnInt64(0)), content: mail.ContentID(s.ColumnInt64(1)),
		mailbox: mail.MailboxID(s.ColumnInt64(2)), thread: mail.ThreadID(s.ColumnInt64(3)),
		uidValidity: mail.UIDValidity(s.ColumnInt64(4)),
		usage: mail.Usage{
			Storage: s.ColumnInt64(5), Messages: s.ColumnInt64(7), Mailboxes: s.ColumnInt64(9),
			Limit: mail.Quota{
				Storage: s.ColumnInt64(6), Messages: s.ColumnInt64(8), Mailboxes: s.ColumnInt64(10),
			},
		},
		annotations: s.ColumnInt64(11), annotated: mail.ModSeq(s.ColumnInt64(12)),
	}, nil
}

// begin takes the state of the account, and the mailboxes if they are at hand: as they were after the last commit, if this
// process knows of that one. The caller holds the account's lock.
func (t *tx) begin() (err error) {
	f := t.files
	birth := f.changed.birth()
	m, ok := f.changed.load()
	now := moment{m, birth}
	f.mu.Lock()
	last, l := f.last, f.boxes
	f.mu.Unlock()
	t.st = last.state
	if !ok || last.asOf != now {
		t.st, err = t.c.loadState()
	}
	if ok && t.st.modseq == m && l != nil && l.asOf == now {
		t.base = l
	}
	return err
}

func (t *tx) storeState() error {
	s, err := t.c.prep(`UPDATE account SET modseq = ?, content = ?, mailbox = ?, thread = ?, uidvalidity = ?, storage = ?,
		storage_limit = ?, messages = ?, messages_limit = ?, mailboxes = ?, mailboxes_limit = ?, annotations = ?,
		annotated = ? WHERE id = 1`)
	if err != nil {
		return err
	}
	st, u := &t.st, &t.st.usage
	return s.bind(int64(st.modseq), int64(st.content), int64(st.mailbox), int64(st.thread), int64(st.uidValidity),
		u.Storage, u.Limit.Storage, u.Messages, u.Limit.Messages, u.Mailboxes, u.Limit.Mailboxes,
		st.annotations, int64(st.annotated)).run()
}

// stateAt is the state of an account as it was.
type stateAt struct {
	asOf moment
	state
}

// Usage implements mail.Account.
func (a *account) Usage(ctx context.Context) (mail.Usage, error) {
	st, err := a.stateNow(ctx)
	return st.usage, err
}

// stateNow is the state of the account as it is now.
func (a *account) stateNow(ctx context.Context) (state, error) {
	if err := ctx.Err(); err != nil {
		return state{}, err
	}
	f, err := a.acquire()
	if err != nil {
		return state{}, err
	}
	defer f.release()
	now, ok := a.now(f)
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if ok && last.asOf == now {
		return last.state, nil
	}
	_, last, err = a.look(ctx, "look at quota", now.birth) // who asks, as a delivery does, opens a mailbox next
	return last.state, err
}

// SetQuota implements mail.Account.
func (a *account) SetQuota(ctx context.Context, q mail.Quota) error {
	if !q.Valid() {
		return refuse("set quota", mail.Invalid, string(a.id))
	}
	return a.update(ctx, "set quota", string(a.id), func(t *tx) error {
		t.st.usage.Limit, t.wrote = q, true
		return nil
	})
}
