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

// The bounds of an APPEND of many messages: how many, octets of all in multiples of AppendLimit. RFC 3502.
const (
	maxAppend      = 500
	maxAppendTotal = 4
)

// append is APPEND. The octets go to the store as they come, never into memory as a whole. All messages are stored, or
// none. RFC 9051 section 6.3.12, RFC 3502, RFC 7889.
func (s *session) append(ctx context.Context, c *imap.Append) (err error) {
	target, err := s.appendTarget(ctx, c)
	if err != nil {
		return s.refuseMessage(&c.Message, err)
	}
	var msgs []mail.NewMessage
	defer func() {
		for _, m := range msgs {
			if e := m.Upload.Close(); e != nil && err == nil {
				s.srv.opts.Log.Warn("closing an upload", "error", e)
			}
		}
	}()
	total := int64(0)
	for more := true; more; {
		total += c.Message.Size
		if err := s.appendAllowed(&c.Message, len(msgs), total); err != nil {
			return s.refuseMessage(&c.Message, err)
		}
		m, err := s.upload(ctx, target.acct, &c.Message)
		if m.Upload != nil {
			msgs = append(msgs, m)
		}
		if err != nil {
			return s.skip(err)
		}
		if more, err = c.Next(s.dec); err != nil {
			return connectionOr(err)
		}
	}
	return s.appendAll(ctx, target, msgs)
}

// refuseMessage is skip before the octets of m: those that come unasked are passed over if they are no more than APPEND
// takes, so that the client gets to know err. RFC 7888 section 4.
func (s *session) refuseMessage(m *imap.AppendMessage, err error) error {
	if !m.Sync && m.Size <= s.srv.opts.AppendLimit {
		if _, e := s.dec.Literal(); e != nil {
			return &brokenError{e}
		}
	}
	return s.skip(err)
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
	if err != nil || c.Message.Size < 1<<20 {
		return m, err
	}
	u, err := m.acct.Usage(ctx)
	if err == nil && !u.Holds(1, c.Message.Size) {
		return m, refuse(imap.CodeOverQuota, "over quota")
	}
	return m, err
}

// appendAllowed tells whether the next message may come. RFC 7889 section 4.
func (s *session) appendAllowed(m *imap.AppendMessage, before int, total int64) error {
	limit := s.srv.opts.AppendLimit
	switch {
	case m.Size > limit || total > maxAppendTotal*limit:
		return refuse(imap.CodeTooBig, "the message is too large")
	case before == maxAppend:
		return refuse(imap.CodeLimit, "too many messages at once")
	case m.Size == 0:
		return refuse(imap.CodeCannot, "the message is empty") // RFC 3502 section 6.3.11
	}
	return nil
}

// upload takes the octets of one message and computes its digest. The caller closes the upload, also after an error.
func (s *session) upload(ctx context.Context, to mail.Account, m *imap.AppendMessage) (mail.NewMessage, error) {
	out := mail.NewMessage{Flags: m.Flags, Internal: m.Date}
	up, err := to.NewUpload(ctx, m.Size)
	if err != nil {
		return out, err
	}
	out.Upload = up
	r, err := s.dec.Literal()
	if err != nil {
		return out, &brokenError{err}
	}
	if err := s.receive(up, r, m.Binary); err != nil {
		return out, err
	}
	out.Digest, err = message.Digest(up, up.Size())
	return out, err
}

// receive copies the literal. NUL octets need a literal8. RFC 9051 section 9 (CHAR8), RFC 3516 section 4.4.
func (s *session) receive(up mail.Upload, r io.Reader, binary bool) error {
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
	err := s.during(func() (err error) {
		done, err = target.acct.Append(ctx, target.box.ID, msgs)
		return err
	})
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return refuse(imap.CodeTryCreate, "no such mailbox")
	}
	if err != nil {
		return err
	}
	s.okCode(imap.AppendAppendUIDCode(nil, done.UIDValidity, mail.SetOf(done.UIDs...)))
	return nil
}
