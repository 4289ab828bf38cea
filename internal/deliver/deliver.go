// Package deliver is the one way in: it takes a message that was received once (a Spool) and puts a copy with
// trace fields of its own into the account of each recipient. LMTP, the command line and imports use it.
//
//	s := d.NewSpool()
//	defer s.Close()
//	io.Copy(s, r)
//	results := d.Deliver(ctx, &deliver.Message{Spool: s, From: from, Trace: trace}, recipients)
package deliver

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// Options are the bounds of a Deliverer; zero fields get the defaults.
type Options struct {
	SpoolDir string // for messages above Memory, in files without a name, created if missing; default: the system's
	Memory   int    // octets of a message kept in memory while it is received; default 1 MiB
	Parallel int    // recipients of one message delivered to at a time; default 8
	Events   Events
}

// Events are called after what they name, from the delivering goroutine; each may be nil.
type Events struct {
	Delivered func(DeliveryEvent)
}

// DeliveryEvent is what became of one recipient of a message.
type DeliveryEvent struct {
	Recipient Recipient
	Result    Result
	Octets    int64 // of the message as received, without the fields that were put before it
	Duration  time.Duration
}

// Deliverer puts messages into accounts. Safe for any goroutine.
type Deliverer struct {
	store   mail.Store
	opts    Options
	spools  sync.Pool // of *[]byte: the memory of closed spools
	headers sync.Pool // of *[]byte: the trace fields
}

// New is a Deliverer into store, which stays the caller's to close.
func New(store mail.Store, o Options) *Deliverer {
	if o.SpoolDir == "" {
		o.SpoolDir = os.TempDir()
	}
	if o.Memory <= 0 {
		o.Memory = 1 << 20
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	d := &Deliverer{store: store, opts: o}
	d.spools.New = func() any { b := make([]byte, 0, min(o.Memory, 32<<10)); return &b }
	d.headers.New = func() any { b := make([]byte, 0, 1024); return &b }
	return d
}

// Message is a message to be delivered, received once for all recipients.
type Message struct {
	Spool    *Spool
	From     string // reverse path without <>; "" is the null sender
	Trace    *Trace // how it came here; nil: no fields are put before the message, as in an import
	Flags    []mail.Flag
	Internal time.Time // internal date, zero for now
}

// Recipient is one address and whose mail it is.
type Recipient struct {
	Address string // as it was given, for Delivered-To
	Account mail.AccountID
	Detail  string // user+detail: a mailbox of that name is preferred to INBOX, if anyone may post to it. RFC 5233
	Shared  bool   // a shared account: nobody may post to its mailboxes but INBOX unless their ACL allows it
	Mailbox string // where else than Detail or INBOX, for imports; kind NotFound if it is not there
}

// Result is what became of one recipient.
type Result struct {
	Err     error // with a mail.Kind; nil: the message is durable in Mailbox
	Mailbox string
	UID     mail.UID
}

// Deliver puts the message into all accounts, each for itself, and returns when each has it durably or not at
// all. The i-th result is that of to[i]; kinds are those of mail.Messages.Append, Unavailable if ctx ended.
func (d *Deliverer) Deliver(ctx context.Context, m *Message, to []Recipient) []Result {
	out := make([]Result, len(to))
	if len(to) == 1 {
		out[0] = d.one(ctx, m, &to[0], to[0].Address)
		return out
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(to), d.opts.Parallel) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(to)); i = next.Add(1) - 1 {
				out[i] = d.one(ctx, m, &to[i], "")
			}
		})
	}
	wg.Wait()
	return out
}

// one delivers to one recipient. A panic costs this delivery only, not the others and the process.
func (d *Deliverer) one(ctx context.Context, m *Message, to *Recipient, forAddress string) (res Result) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			res.Err = &mail.Error{Op: "deliver", Item: string(to.Account), Err: fmt.Errorf("panic: %v", p)}
		}
		if f := d.opts.Events.Delivered; f != nil {
			f(DeliveryEvent{Recipient: *to, Result: res, Octets: m.Spool.Size(), Duration: time.Since(start)})
		}
	}()
	acct := d.store.Account(to.Account)
	box, err := mailboxOf(ctx, acct, to)
	if err == nil {
		res.UID, err = d.put(ctx, acct, box.ID, d.job(m, to, forAddress))
	}
	if err != nil && mail.KindOf(err) == mail.NotFound && to.Mailbox == "" && box.ID != 0 {
		// the mailbox was deleted or renamed since: INBOX is always there
		if box, err = acct.Mailbox(ctx, mail.Inbox); err == nil {
			res.UID, err = d.put(ctx, acct, box.ID, d.job(m, to, forAddress))
		}
	}
	if err != nil {
		res.Err = deliveryError(ctx, to, err)
		return res
	}
	res.Mailbox = box.Name
	return res
}

// mailboxOf is where a message for the recipient belongs.
func mailboxOf(ctx context.Context, acct mail.Account, to *Recipient) (mail.Mailbox, error) {
	if to.Mailbox != "" {
		return acct.Mailbox(ctx, to.Mailbox)
	}
	if to.Detail != "" {
		box, err := acct.Mailbox(ctx, to.Detail)
		if err == nil && mayPost(box.ACL, to.Shared) {
			return box, nil
		}
		if k := mail.KindOf(err); err != nil && k != mail.NotFound && k != mail.Invalid {
			return box, err
		}
	}
	return acct.Mailbox(ctx, mail.Inbox)
}

// mayPost tells whether a message that comes from anywhere may be put into a mailbox besides INBOX. Users may be written
// to there unless they deny it; in shared accounts it has to be allowed. RFC 4314 section 2.1 (p).
func mayPost(acl mail.ACL, shared bool) bool {
	if !shared {
		acl = append(mail.ACL{{Identifier: mail.Anyone, Rights: mail.RightPost}}, acl...)
	}
	return acl.Of([]string{mail.Anyone, mail.Anonymous})&mail.RightPost != 0
}

// job is a message for one recipient.
type job struct {
	m      *Message
	to     *Recipient
	forOne string // for the `for` of Received; "" none
}

func (d *Deliverer) job(m *Message, to *Recipient, forOne string) job { return job{m, to, forOne} }

// put writes the fields and the message to an upload, and appends that.
func (d *Deliverer) put(ctx context.Context, acct mail.Account, box mail.MailboxID, j job) (mail.UID, error) {
	hp := d.headers.Get().(*[]byte)
	defer d.headers.Put(hp)
	h := (*hp)[:0]
	if j.m.Trace != nil {
		h = j.m.Trace.append(h, j.m.From, j.to.Address, j.forOne)
	}
	*hp = h
	up, err := acct.NewUpload(ctx, int64(len(h))+j.m.Spool.Size())
	if err != nil {
		return 0, err
	}
	defer up.Close() // after an Append nothing is left to fail
	if _, err := up.Write(h); err != nil {
		return 0, err
	}
	if err := j.m.Spool.copyTo(up); err != nil {
		return 0, err
	}
	digest, err := message.Digest(up, up.Size())
	if err != nil {
		return 0, err
	}
	msg := mail.NewMessage{Upload: up, Digest: digest, Flags: j.m.Flags, Internal: j.m.Internal}
	got, err := acct.Append(ctx, box, []mail.NewMessage{msg})
	if err != nil {
		return 0, err
	}
	return got.UIDs[0], nil
}

func deliveryError(ctx context.Context, to *Recipient, err error) error {
	kind := mail.KindOf(err)
	if ctx.Err() != nil {
		kind = mail.Unavailable
	}
	return &mail.Error{Op: "deliver", Kind: kind, Item: string(to.Account), Err: err}
}

// CRLF is r with CRLF for each line end that is only an LF: for files of this system. What arrives by a
// protocol is never changed.
func CRLF(r io.Reader) io.Reader { return &crlfReader{r: r} }

type crlfReader struct {
	r    io.Reader
	buf  [8 << 10]byte
	n, i int
	last byte // the octet given last
	err  error
}

// Read implements io.Reader.
func (c *crlfReader) Read(p []byte) (int, error) {
	for c.i == c.n {
		if c.err != nil {
			return 0, c.err
		}
		c.i = 0
		c.n, c.err = c.r.Read(c.buf[:])
	}
	n := 0
	for n < len(p) && c.i < c.n {
		b := c.buf[c.i]
		if b == '\n' && c.last != '\r' {
			p[n], c.last = '\r', '\r'
			n++
			continue // the LF itself comes in the next round, or the next call
		}
		p[n], c.last = b, b
		n, c.i = n+1, c.i+1
	}
	return n, nil
}
