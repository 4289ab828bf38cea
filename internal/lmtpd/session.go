package lmtpd

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-smtp"

	"github.com/constance-mail/constance/internal/deliver"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// session is one connection, as go-smtp calls it: by one goroutine at a time, but for LMTPData, which runs
// beside the others while BDAT chunks arrive.
type session struct {
	srv    *Server // immutable, as are the next three
	conn   *conn
	remote netip.Addr
	ctx    context.Context // of the deliveries: go-smtp's calls bring none

	slot  wait.Slot
	proto *smtp.Server // of this connection only
	smtp  *smtp.Conn   // set by the first LHLO

	mu    sync.Mutex // guards what follows
	tx    *transaction
	count SessionEvent
	over  bool           // no LMTPData may begin any more
	data  sync.WaitGroup // LMTPData; Add only while not over
}

// transaction is what MAIL began. Its fields change while commands are read, which ends before LMTPData looks
// at more than the spool.
type transaction struct {
	utf8  bool // with SMTPUTF8. RFC 6531
	from  string
	size  int64 // as announced by MAIL SIZE=, 0 unknown
	rcpts []deliver.Recipient

	begun chan struct{} // closed by LMTPData
	ended bool          // the content came to its end; guarded by session.mu
}

// maxPath is how many octets an address can have: more than RFC 5321 section 4.5.3.1.3 allows, since some use
// more.
const maxPath = 512

// Mail implements smtp.Session. RFC 5321 section 4.1.1.2.
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.tx != nil {
		return reply(503, smtp.EnhancedCode{5, 5, 1}, "MAIL was given already")
	}
	if err := checkAddress(from, o.UTF8); err != nil && from != "" {
		return err
	}
	s.begin(&transaction{utf8: o.UTF8, from: from, size: o.Size, begun: make(chan struct{})})
	// From here to Reset the limit is ours: go-smtp refuses a message of just the limit, and the last chunk
	// of a BDAT with one reply for all recipients.
	s.proto.MaxMessageBytes = 0
	return nil
}

// Rcpt implements smtp.Session: it answers for whether there is such a user and whether the account has room.
// RFC 5321 section 4.1.1.3.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	err := checkAddress(to, s.tx.utf8)
	if err == nil {
		err = s.recipient(to)
	}
	if err == nil {
		return nil
	}
	s.counted(0, 0, 1)
	if f := s.srv.opts.Events.Rejected; f != nil {
		f(RejectEvent{Remote: s.remote, From: s.tx.from, Address: to, Err: err})
	}
	var said *smtp.SMTPError
	if errors.As(err, &said) {
		return said
	}
	return status(err)
}

// recipient finds the account of an address and adds it to the transaction.
func (s *session) recipient(to string) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.srv.opts.DeliverTimeout)
	defer cancel()
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	u, detail, err := s.srv.opts.Resolver.Resolve(ctx, to)
	if mail.KindOf(err) == mail.Invalid {
		err = &mail.Error{Op: "rcpt", Kind: mail.NotFound, Item: to, Err: err}
	}
	if err != nil {
		return err
	}
	use, err := s.srv.opts.Store.Account(u.Account).Usage(ctx)
	if err != nil {
		return err
	}
	if isFull(use, s.tx.size) {
		return &mail.Error{Op: "rcpt", Kind: mail.OverQuota, Item: to}
	}
	s.tx.rcpts = append(s.tx.rcpts, deliver.Recipient{Address: to, Account: u.Account, Detail: detail})
	return nil
}

// isFull tells whether there is no room for another message of size octets.
func isFull(u mail.Usage, size int64) bool {
	return u.StorageLimit > 0 && (u.Storage >= u.StorageLimit || u.Storage+size > u.StorageLimit) ||
		u.MessagesLimit > 0 && u.Messages >= u.MessagesLimit
}

// checkAddress refuses what go-smtp lets through and no mail address has. RFC 5321 section 4.1.2, RFC 6531
// section 3.3.
func checkAddress(a string, utf8OK bool) error {
	at := strings.LastIndexByte(a, '@')
	ascii := true
	for _, r := range a {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 {
			return reply(553, smtp.EnhancedCode{5, 1, 3}, "bad characters in the address")
		}
		ascii = ascii && r < utf8.RuneSelf
	}
	switch {
	case len(a) > maxPath:
		return reply(553, smtp.EnhancedCode{5, 1, 3}, "address too long")
	case at <= 0 || at == len(a)-1 || strings.ContainsAny(a[at:], " <>\"\\(),;"):
		return reply(553, smtp.EnhancedCode{5, 1, 3}, "not a mail address")
	case !ascii && !utf8OK:
		return reply(553, smtp.EnhancedCode{5, 6, 7}, "address needs SMTPUTF8")
	}
	return nil
}

// Data implements smtp.Session; in LMTP mode go-smtp calls LMTPData.
func (s *session) Data(io.Reader) error { return reply(502, smtp.EnhancedCode{5, 5, 1}, "LMTP only") }

// LMTPData implements smtp.LMTPSession: it receives the content once, has it delivered and gives each
// recipient its reply. r is the content of a BDAT; that of a DATA comes from conn. RFC 2033 section 4.2.
func (s *session) LMTPData(r io.Reader, replies smtp.StatusCollector) error {
	tx := s.enter()
	if tx == nil {
		return smtp.ErrDataReset
	}
	defer s.data.Done()
	spool := s.srv.opts.Deliverer.NewSpool()
	defer spool.Close() // of a file without a name nothing is left to fail
	err := s.receive(spool, r)
	s.endOf(tx, err)
	if err != nil {
		s.counted(0, 0, 1)
		return status(err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.srv.opts.DeliverTimeout)
	defer cancel()
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	m := &deliver.Message{Spool: spool, From: tx.from, Trace: s.trace(tx)}
	good := 0
	for i, res := range s.srv.opts.Deliverer.Deliver(ctx, m, tx.rcpts) {
		answer := reply(250, smtp.EnhancedCode{2, 1, 5}, "delivered, "+m.Trace.ID)
		if res.Err != nil {
			answer = status(res.Err)
		} else {
			good++
		}
		replies.SetStatus(tx.rcpts[i].Address, answer)
	}
	s.counted(1, good, len(tx.rcpts)-good)
	return nil
}

// receive reads the content into the spool, to its end whatever happens to it on the way.
func (s *session) receive(spool *deliver.Spool, r io.Reader) error {
	most := s.srv.opts.MaxSize
	sink := func(p []byte) error {
		if spool.Size()+int64(len(p)) > most {
			return smtp.ErrDataTooLarge
		}
		_, err := spool.Write(p)
		return err
	}
	// go-smtp gives chunks through a pipe, and the rest of the stream for a DATA
	if _, chunks := r.(*io.PipeReader); !chunks {
		return s.conn.readData(sink, most)
	}
	_, err := io.Copy(sinkWriter(sink), r)
	if err != nil {
		if _, e := io.Copy(io.Discard, r); errors.Is(e, smtp.ErrDataReset) {
			return e
		}
	}
	return err
}

type sinkWriter func([]byte) error

// Write implements io.Writer.
func (w sinkWriter) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *session) trace(tx *transaction) *deliver.Trace {
	with := "LMTP"
	if tx.utf8 {
		with = "UTF8LMTP"
	}
	o := &s.srv.opts
	return &deliver.Trace{
		Helo: s.smtp.Hostname(), Remote: s.remote, By: o.Hostname, With: with, ID: deliver.NewID(), Time: time.Now(),
	}
}

// Reset implements smtp.Session: the transaction is over. One in the middle of a series of BDATs ends the
// connection, too: go-smtp's helper may give its outcome to the next transaction (its send to Conn.dataResult
// is not synchronized).
func (s *session) Reset() {
	if s.begin(nil) {
		s.conn.broken = true
	}
	s.proto.MaxMessageBytes = s.srv.opts.MaxSize
}

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// begin makes tx the transaction and tells whether that cut off another one in its content.
func (s *session) begin(tx *transaction) (cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx != nil {
		select {
		case <-s.tx.begun:
			cut = !s.tx.ended
		default:
		}
	}
	s.tx = tx
	return cut
}

// settle waits for the begin of the LMTPData that a BDAT starts, if it is not refused for want of recipients.
func (s *session) settle() {
	if s.tx != nil && len(s.tx.rcpts) > 0 { // s.tx changes only in the calling goroutine
		<-s.tx.begun
	}
}

// endOf notes that the content of tx came to its end, whether it could be kept or not.
func (s *session) endOf(tx *transaction, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx.ended = !errors.Is(err, smtp.ErrDataReset)
}

// enter is the transaction for an LMTPData that begins, nil if it is too late for it.
func (s *session) enter() *transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.tx == nil {
		return nil
	}
	s.data.Add(1)
	close(s.tx.begun)
	return s.tx
}

// end waits until LMTPData no longer runs, and counts what there was.
func (s *session) end() SessionEvent {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.data.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.smtp != nil {
		s.count.Helo = s.smtp.Hostname()
	}
	return s.count
}

func (s *session) counted(messages, delivered, failed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.Messages += messages
	s.count.Delivered += delivered
	s.count.Failed += failed
}

func reply(code int, enhanced smtp.EnhancedCode, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// replies are what a client is told for each kind. RFC 5321 section 4.2, RFC 3463 section 3.
var replies = [...]*smtp.SMTPError{
	mail.Internal:    reply(451, smtp.EnhancedCode{4, 3, 0}, "internal error, try again later"),
	mail.NotFound:    reply(550, smtp.EnhancedCode{5, 1, 1}, "no such user here"),
	mail.Exists:      reply(451, smtp.EnhancedCode{4, 3, 0}, "internal error, try again later"),
	mail.Denied:      reply(550, smtp.EnhancedCode{5, 7, 1}, "not allowed"),
	mail.ReadOnly:    reply(451, smtp.EnhancedCode{4, 2, 1}, "mailbox takes no mail at present"),
	mail.OverQuota:   reply(452, smtp.EnhancedCode{4, 2, 2}, "mailbox full"),
	mail.Conflict:    reply(451, smtp.EnhancedCode{4, 3, 0}, "try again later"),
	mail.Unavailable: reply(451, smtp.EnhancedCode{4, 3, 0}, "store not available, try again later"),
	mail.Corrupt:     reply(451, smtp.EnhancedCode{4, 3, 0}, "store damaged, try again later"),
	mail.Invalid:     reply(554, smtp.EnhancedCode{5, 6, 0}, "message cannot be stored"),
	mail.Limit:       reply(452, smtp.EnhancedCode{4, 3, 1}, "a limit of the server is reached"),
}

// status is the reply to an error.
func status(err error) *smtp.SMTPError {
	var said *smtp.SMTPError
	if errors.As(err, &said) {
		return said
	}
	return replies[mail.KindOf(err)]
}
