package lmtpd

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/constance-mail/constance/internal/deliver"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// session is one connection, in one goroutine, but for slot, which anybody may look at.
type session struct {
	srv     *Server         // immutable, as are the next four
	ctx     context.Context // of the deliveries, which outlive a stop of the server
	conn    *conn
	remote  netip.Addr
	started time.Time

	slot     wait.Slot
	helo     string // of LHLO, "" before it
	mistakes int    // since the last message that came to its end
	tx       transaction
	count    SessionEvent
}

// transaction is what MAIL began. RFC 5321 section 3.3.
type transaction struct {
	open  bool
	from  string
	param mailParams
	rcpts []deliver.Recipient
	spool *deliver.Spool // of the content; nil before the first octet
	err   error          // why the content cannot be kept
}

// run carries out commands until the session ends; nil after a QUIT.
func (s *session) run() error {
	defer s.reset()
	s.conn.say(answer{code: "220", text: s.srv.opts.Hostname, item: " Constance LMTP ready"})
	for {
		line, ok, err := s.conn.line()
		if err != nil {
			return err
		}
		a := badLine
		if ok {
			a, err = s.command(line)
		}
		if a.isSet() {
			s.conn.say(a)
		}
		if errors.Is(err, errQuit) {
			return nil
		}
		if err != nil {
			return err
		}
		if a.isMistake() {
			s.mistakes++
		}
		if s.mistakes > s.srv.opts.MaxMistakes {
			return errMistakes
		}
	}
}

// command carries out one command. Without an answer it has given its own; an error ends the session.
func (s *session) command(line []byte) (answer, error) {
	var buf [8]byte
	name, args := verb(line, &buf)
	switch string(name) {
	case "MAIL":
		return s.mail(args), nil
	case "RCPT":
		return s.rcpt(args), nil
	case "DATA":
		return s.data(args)
	case "BDAT":
		return s.bdat(args)
	case "LHLO":
		return s.lhlo(args), nil
	}
	switch string(name) {
	case "RSET", "QUIT":
		if len(args) > 0 {
			return badArgument, nil
		}
		if name[0] == 'Q' {
			return answer{code: "221 2.0.0", text: s.srv.opts.Hostname, item: " bye"}, errQuit
		}
		s.reset()
		return done, nil
	case "NOOP":
		return done, nil
	case "VRFY":
		return answer{code: "252 2.5.0", text: "send mail and see"}, nil
	case "HELP":
		return answer{code: "214 2.0.0", text: "LHLO MAIL RCPT DATA BDAT RSET VRFY NOOP HELP QUIT: RFC 2033, RFC 3030"}, nil
	case "HELO", "EHLO":
		return notSMTP, nil
	case "EXPN", "STARTTLS", "AUTH", "TURN", "ETRN":
		return notImplemented, nil
	}
	return unknownCommand, nil
}

// lhlo begins the session, and ends a transaction. RFC 2033 section 4.1.
func (s *session) lhlo(args []byte) answer {
	if len(args) == 0 || len(args) > maxHello || domain(args) != len(args) {
		return badArgument
	}
	s.reset()
	s.helo = string(args)
	s.conn.out = append(s.conn.out, s.srv.hello...)
	return answer{}
}

// mail is RFC 5321 section 4.1.1.2.
func (s *session) mail(args []byte) answer {
	switch {
	case s.helo == "":
		return helloFirst
	case s.tx.open:
		return nestedMail
	}
	from, param, fault := parseMail(args)
	if fault.isSet() {
		return fault
	}
	if param.size > s.srv.opts.MaxSize {
		return tooLarge
	}
	s.tx.open, s.tx.from, s.tx.param = true, from, param
	return done
}

// rcpt answers for whether there is such a user and whether the account has room. RFC 5321 section 4.1.1.3.
func (s *session) rcpt(args []byte) answer {
	switch {
	case s.helo == "":
		return helloFirst
	case !s.tx.open:
		return mailFirst
	case s.tx.spool != nil:
		return inChunks
	case len(s.tx.rcpts) >= s.srv.opts.MaxRecipients:
		return tooManyRcpts
	}
	to, fault := parseRcpt(args, s.tx.param.utf8)
	var err error
	if fault.isSet() {
		err = &mail.Error{Op: "rcpt", Kind: mail.Invalid, Item: fault.text}
	} else if err = s.recipient(to); err == nil {
		return done
	} else {
		fault = status(err)
	}
	s.count.Failed++
	if f := s.srv.opts.Events.Rejected; f != nil {
		f(RejectEvent{Remote: s.remote, From: s.tx.from, Address: to, Err: err})
	}
	return fault
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
	if isFull(use, s.tx.param.size) {
		return &mail.Error{Op: "rcpt", Kind: mail.OverQuota, Item: to}
	}
	s.tx.rcpts = append(s.tx.rcpts, deliver.Recipient{Address: to, Account: u.Account, Detail: detail, Shared: u.Shared})
	return nil
}

// isFull tells whether there is no room for another message of size octets.
func isFull(u mail.Usage, size int64) bool {
	return !u.Holds(1, max(size, 1))
}

// ready tells why there can be no content now. RFC 2033 section 4.2: 503 without recipients.
func (s *session) ready() answer {
	switch {
	case s.helo == "":
		return helloFirst
	case !s.tx.open:
		return mailFirst
	case len(s.tx.rcpts) == 0:
		return noRecipients
	}
	return answer{}
}

// data receives a message and delivers it. RFC 5321 section 4.1.1.4.
func (s *session) data(args []byte) (answer, error) {
	if len(args) > 0 {
		return badArgument, nil
	}
	if a := s.ready(); a.isSet() {
		return a, nil
	}
	switch {
	case s.tx.spool != nil:
		return inChunks, nil
	case s.tx.param.binary:
		return onlyChunks, nil
	}
	s.conn.say(begin)
	s.begin()
	var err error
	s.tx.err, err = s.conn.readData(s.most(), s.keep)
	return answer{}, s.ended(err)
}

// most is how many octets of content are read, most of them for nothing, so that the session stays in step.
func (s *session) most() int64 { return 2*s.srv.opts.MaxSize + bufSize }

// bdat receives one piece of a message, and delivers the message with the last. RFC 3030 section 2.
func (s *session) bdat(args []byte) (answer, error) {
	size, last, ok := parseBDAT(args)
	if !ok {
		return badArgument, nil
	}
	fault := s.ready()
	if fault.isSet() {
		if size > s.most() {
			return fault, errFlood
		}
		_, err := s.conn.readChunk(size, func([]byte) error { return nil })
		return fault, err
	}
	s.begin()
	if size > s.most() {
		return answer{}, s.ended(errFlood)
	}
	sunk, err := s.conn.readChunk(size, s.keep)
	if s.tx.err == nil {
		s.tx.err = sunk
	}
	if last || err != nil {
		return answer{}, s.ended(err)
	}
	if s.tx.err != nil {
		return status(s.tx.err), nil
	}
	return answer{code: "250 2.0.0", text: strconv.FormatInt(size, 10), item: " octets received"}, nil
}

// begin makes ready for content, if that has not begun.
func (s *session) begin() {
	s.conn.inData = true
	if s.tx.spool == nil {
		s.tx.spool = s.srv.opts.Deliverer.NewSpool()
	}
}

// keep takes a piece of content, up to the first that is too much.
func (s *session) keep(p []byte) error {
	if s.tx.err != nil {
		return s.tx.err
	}
	if s.tx.spool.Size()+int64(len(p)) > s.srv.opts.MaxSize {
		return errTooLarge
	}
	_, err := s.tx.spool.Write(p)
	return err
}

// ended is the end of a message's content, whole, or cut off by err: then nobody gets it. Each recipient gets a
// reply, if somebody may still read it. RFC 2033 section 4.2.
func (s *session) ended(err error) error {
	defer s.reset()
	tx := &s.tx
	if errors.Is(err, errFlood) {
		tx.err = errTooLarge
	} else if err != nil {
		s.count.Failed += len(tx.rcpts)
		return err
	}
	if tx.err == nil {
		s.deliver()
		return nil
	}
	s.count.Failed += len(tx.rcpts)
	for i := range tx.rcpts {
		s.conn.sayTo(status(tx.err), tx.rcpts[i].Address)
	}
	return err
}

// deliver gives each recipient its copy, and then its reply.
func (s *session) deliver() {
	ctx, cancel := context.WithTimeout(s.ctx, s.srv.opts.DeliverTimeout)
	defer cancel()
	defer s.slot.Enter(s.slot.Enter(wait.StoreWrite))
	m := deliver.Message{Spool: s.tx.spool, From: s.tx.from, Trace: s.trace()}
	good := 0
	for i, res := range s.srv.opts.Deliverer.Deliver(ctx, &m, s.tx.rcpts) {
		a := delivered
		a.item = m.Trace.ID
		if res.Err != nil {
			a = status(res.Err)
		} else {
			good++
		}
		s.conn.sayTo(a, s.tx.rcpts[i].Address)
	}
	s.count.Messages++
	s.count.Delivered += good
	s.count.Failed += len(s.tx.rcpts) - good
	s.mistakes = 0
}

func (s *session) trace() *deliver.Trace {
	with := "LMTP"
	if s.tx.param.utf8 {
		with = "UTF8LMTP"
	}
	return &deliver.Trace{
		Helo: s.helo, Remote: s.remote, By: s.srv.opts.Hostname, With: with, ID: deliver.NewID(), Time: time.Now(),
	}
}

// reset ends the transaction, and forgets what of its content came.
func (s *session) reset() {
	s.conn.inData = false
	if s.tx.spool != nil {
		_ = s.tx.spool.Close() // of a file without a name nothing is left to fail
	}
	clear(s.tx.rcpts)
	s.tx = transaction{rcpts: s.tx.rcpts[:0]}
}

// farewell is the reply to a client whose session ends by err; none if it has gone.
func (s *session) farewell(err error) answer {
	a := answer{text: s.srv.opts.Hostname}
	switch {
	case errors.Is(err, errStopping):
		a.code, a.item = "421 4.3.2", " is shutting down"
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.code, a.item = "421 4.4.2", " waited too long"
	case errors.Is(err, errFlood):
		a.code, a.item = "421 4.3.0", " does not read that much"
	case errors.Is(err, errMistakes):
		a.code, a.item = "421 4.7.0", " saw too many mistakes"
	case errors.Is(err, errPanic):
		a.code, a.item = "421 4.3.0", " had an internal error"
	}
	return a
}
