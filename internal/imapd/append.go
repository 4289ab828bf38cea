package imapd

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/wait"
)

// The bounds of an APPEND: how many messages, how many parts of each, octets of all in multiples of
// AppendLimit. RFC 3502, RFC 4469.
const (
	maxAppend      = 1000
	maxParts       = 500
	maxAppendTotal = 4
)

// append is APPEND. The octets go to the store as they come, never into memory as a whole. All messages are
// stored, or none. RFC 9051 section 6.3.12, RFC 3502, RFC 4469, RFC 7889.
func (s *session) append(ctx context.Context, c *imap.Append) error {
	a := appender{s: s, c: c}
	defer a.close()
	if err := a.receive(ctx); err != nil {
		return err
	}
	return s.appendAll(ctx, a.target, a.msgs)
}

// appender receives the messages of an APPEND or REPLACE.
type appender struct {
	s      *session
	c      *imap.Append
	target found
	msgs   []mail.NewMessage
	size   int64 // octets of the last of msgs so far
	total  int64 // of all
	parts  int   // of the last of msgs
}

// close closes what was received. Of messages that were appended nothing is left to close.
func (a *appender) close() {
	for _, m := range a.msgs {
		if err := m.Upload.Close(); err != nil {
			a.s.srv.opts.Log.Warn("closing an upload", "error", err)
		}
	}
}

// receive reads the command to its end.
func (a *appender) receive(ctx context.Context) (err error) {
	if a.target, err = a.s.appendTarget(ctx, a.c); err != nil {
		return a.passOver(err)
	}
	for next := imap.AppendMoreMessage; next != imap.AppendEnd; {
		if err := a.part(ctx, next); err != nil {
			return err
		}
		if next, err = a.c.Next(a.s.dec); err != nil {
			return connectionOr(err)
		}
		if next != imap.AppendMorePart {
			if err := a.digest(); err != nil && next == imap.AppendEnd {
				return err
			} else if err != nil {
				return a.passOver(err)
			}
		}
	}
	return nil
}

// part takes the octets of a part. After an error the command was passed over.
func (a *appender) part(ctx context.Context, next imap.AppendNext) error {
	if err := a.allowed(next); err != nil {
		return a.passOver(err)
	}
	if next == imap.AppendMoreMessage {
		if err := a.begin(ctx); err != nil {
			return a.passOver(err)
		}
	}
	up, p := a.msgs[len(a.msgs)-1].Upload, &a.c.Message.Part
	if p.URL != "" {
		if err := a.catenate(ctx, up, p.URL); err != nil {
			return a.passOver(err)
		}
		return nil
	}
	a.grow(p.Size)
	r, err := a.s.dec.Literal()
	if err != nil {
		return &brokenError{err}
	}
	if err := receive(up, r, p.Binary); err != nil {
		return a.s.skip(err)
	}
	return nil
}

func (a *appender) grow(octets int64) { a.size, a.total = a.size+octets, a.total+octets }

// begin begins a message.
func (a *appender) begin(ctx context.Context) error {
	m := &a.c.Message
	size := m.Part.Size
	if m.Catenate {
		size = -1
	}
	up, err := a.target.acct.NewUpload(ctx, size)
	if err != nil {
		return err
	}
	flags := permitted(m.Flags, a.target.may)
	a.msgs = append(a.msgs, mail.NewMessage{Upload: up, Flags: flags, Internal: m.Date})
	return nil
}

// digest ends a message.
func (a *appender) digest() (err error) {
	m := &a.msgs[len(a.msgs)-1]
	if m.Upload.Size() == 0 {
		return refuse(imap.CodeCannot, "the message is empty") // RFC 3502 section 6.3.11
	}
	m.Digest, err = message.Digest(m.Upload, m.Upload.Size())
	return err
}

// allowed tells whether the next part may come. RFC 7889 section 4, RFC 4469 section 4.2.
func (a *appender) allowed(next imap.AppendNext) error {
	if next == imap.AppendMoreMessage {
		a.size, a.parts = 0, 0
		if err := a.s.appendable(len(a.msgs) + 1); err != nil {
			return err
		}
	}
	a.parts++
	m := &a.c.Message
	switch {
	case !a.fits(m.Part.Size):
		return refuse(imap.CodeTooBig, "the message is too large")
	case len(a.msgs) == maxAppend && next == imap.AppendMoreMessage, a.parts > maxParts:
		return refuse(imap.CodeLimit, "too many messages or parts at once")
	case m.Part.Size == 0 && !m.Catenate: // before the client sends others: RFC 3502 section 6.3.11
		return refuse(imap.CodeCannot, "the message is empty")
	}
	return nil
}

// fits tells whether the message may grow by so many octets.
func (a *appender) fits(octets int64) bool {
	limit := a.s.srv.opts.AppendLimit
	return octets <= limit-a.size && octets <= maxAppendTotal*limit-a.total
}

// passOver gets past the rest of a command that is refused with err, from a part on whose octets were not
// read: literals that come unasked are passed over if they are no more than APPEND takes, so that the client
// gets to know err. One that waits to be asked learns it at once. RFC 7888 section 4.
func (a *appender) passOver(err error) error {
	s, left := a.s, maxAppendTotal*a.s.srv.opts.AppendLimit
	for {
		p := &a.c.Message.Part
		if p.URL == "" && (p.Sync || p.Size > min(left, s.srv.opts.AppendLimit)) {
			return s.skip(err)
		}
		if p.URL == "" {
			left -= p.Size
			if e := s.discard(); e != nil {
				return e
			}
		}
		switch next, e := a.c.Next(s.dec); {
		case e != nil && errors.As(connectionOr(e), new(*brokenError)):
			return connectionOr(e)
		case e != nil || next == imap.AppendEnd: // what the first error says matters more than bad syntax behind it
			return err
		}
	}
}

// discard reads a literal for nothing.
func (s *session) discard() error {
	r, err := s.dec.Literal()
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return &brokenError{err}
	}
	return nil
}

// connectionOr makes an error that is not the client's bad syntax one that ends the connection.
func connectionOr(err error) error {
	var se *wire.SyntaxError
	if errors.As(err, &se) && !se.Fatal {
		return err
	}
	return &brokenError{err}
}

// appendTarget finds the mailbox before the client sends a message for nothing.
func (s *session) appendTarget(ctx context.Context, c *imap.Append) (found, error) {
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	m, err := s.find(ctx, c.Mailbox)
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return m, refuse(imap.CodeTryCreate, "no such mailbox")
	}
	if size := c.Message.Part.Size; err == nil && size >= 1<<20 {
		var u mail.Usage
		if u, err = m.acct.Usage(ctx); err == nil && !u.Holds(1, size) {
			return m, refuse(imap.CodeOverQuota, "over quota")
		}
	}
	return m, err
}

// receive copies a literal. NUL octets need a literal8. RFC 9051 section 9 (CHAR8), RFC 3516 section 4.4.
func receive(up mail.Upload, r io.Reader, binary bool) error {
	buf := getBuffer()
	defer func() { putBuffer(buf) }()
	buf = buf[:flushSize]
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if !binary && bytes.IndexByte(buf[:n], 0) >= 0 {
				return bad("NUL octets need a literal8")
			}
			if _, err := up.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &brokenError{err}
		}
	}
}

// appendAll puts the messages into the mailbox. RFC 4315 section 3.
func (s *session) appendAll(ctx context.Context, target found, msgs []mail.NewMessage) error {
	var done mail.Appended
	err := s.during(ctx, len(msgs), func(ctx context.Context) (err error) {
		done, err = target.acct.Append(ctx, target.box.ID, msgs)
		return err
	})
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return refuse(imap.CodeTryCreate, "no such mailbox")
	}
	if err != nil {
		return err
	}
	s.made(target.acct, done.ModSeq)
	if target.discloses() {
		s.okCode(imap.AppendAppendUIDCode(nil, done.UIDValidity, mail.SetOf(done.UIDs...)))
	}
	return nil
}
