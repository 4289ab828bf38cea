package imapd

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"time"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// command says how a command is carried out.
type command struct {
	run func(*session, context.Context, imap.Command) error
	in  state // where it is allowed
	// noExpunge: expunges may not be told while it runs: its numbers must hold. Its UID form knows no such bound.
	// RFC 9051 section 7.5.1.
	noExpunge bool
	changes   bool // the selected mailbox, so that it is refused after EXAMINE
	// The rights that it needs: on the mailbox that it names (see session.find), on the selected one. RFC 4314 section 4.
	named, selected mail.Rights
}

// on makes a method for one type of command one for any.
func on[C imap.Command](f func(*session, context.Context, C) error) func(*session, context.Context, imap.Command) error {
	return func(s *session, ctx context.Context, c imap.Command) error { return f(s, ctx, c.(C)) }
}

// commandTable is the table of all commands.
func commandTable() map[string]command {
	all := sessionCommands()
	maps.Copy(all, mailboxCommands())
	maps.Copy(all, messageCommands())
	return all
}

// sessionCommands are about the connection and who is at its other end.
func sessionCommands() map[string]command {
	return map[string]command{
		"CAPABILITY": {run: on((*session).capability), in: anyState},
		"NOOP":       {run: on((*session).noop), in: anyState},
		"LOGOUT":     {run: on((*session).logout), in: anyState},
		"ID":         {run: on((*session).identify), in: anyState},

		"STARTTLS":     {run: on((*session).upgrade), in: notAuthenticated},
		"AUTHENTICATE": {run: on((*session).authenticate), in: notAuthenticated},
		"LOGIN":        {run: on((*session).login), in: notAuthenticated},

		"COMPRESS":       {run: on((*session).compress), in: loggedIn},
		"UNAUTHENTICATE": {run: on((*session).unauthenticate), in: loggedIn},
	}
}

// mailboxCommands are those after login, for which no mailbox need be selected.
func mailboxCommands() map[string]command {
	return map[string]command{
		"COMPARATOR":  {run: on((*session).comparator), in: loggedIn},
		"ENABLE":      {run: on((*session).enableAll), in: loggedIn},
		"SELECT":      {run: on((*session).selectMailbox), in: loggedIn, named: mail.RightRead},
		"EXAMINE":     {run: on((*session).selectMailbox), in: loggedIn, named: mail.RightRead},
		"CREATE":      {run: on((*session).create), in: loggedIn},
		"DELETE":      {run: on((*session).deleteMailbox), in: loggedIn, named: mail.RightDelete},
		"RENAME":      {run: on((*session).rename), in: loggedIn, named: mail.RightDelete},
		"SUBSCRIBE":   {run: on((*session).subscribe), in: loggedIn},
		"UNSUBSCRIBE": {run: on((*session).unsubscribe), in: loggedIn},
		"LIST":        {run: on((*session).list), in: loggedIn},
		"LSUB":        {run: on((*session).lsub), in: loggedIn},
		"NAMESPACE":   {run: on((*session).namespace), in: loggedIn},
		"STATUS":      {run: on((*session).status), in: loggedIn, named: mail.RightRead},
		"APPEND":      {run: on((*session).append), in: loggedIn, named: mail.RightInsert},
		"IDLE":        {run: on((*session).idle), in: loggedIn},
		"NOTIFY":      {run: on((*session).setNotify), in: loggedIn},
		"ESEARCH":     {run: on((*session).eSearch), in: loggedIn, named: mail.RightRead, noExpunge: true},

		"GETQUOTA":     {run: on((*session).getQuota), in: loggedIn},
		"GETQUOTAROOT": {run: on((*session).getQuotaRoot), in: loggedIn, named: mail.RightRead},
		"SETQUOTA":     {run: on((*session).setQuota), in: loggedIn},
		"GETMETADATA":  {run: on((*session).getMetadata), in: loggedIn, named: mail.RightLookup},
		"SETMETADATA":  {run: on((*session).setMetadata), in: loggedIn, named: mail.RightLookup},

		"SETACL":     {run: on((*session).setACL), in: loggedIn, named: mail.RightAdmin},
		"DELETEACL":  {run: on((*session).deleteACL), in: loggedIn, named: mail.RightAdmin},
		"GETACL":     {run: on((*session).getACL), in: loggedIn, named: mail.RightAdmin},
		"LISTRIGHTS": {run: on((*session).listRights), in: loggedIn, named: mail.RightAdmin},
		"MYRIGHTS":   {run: on((*session).myRights), in: loggedIn},
	}
}

// messageCommands work on the selected mailbox.
func messageCommands() map[string]command {
	return map[string]command{
		"CHECK":        {run: on((*session).check), in: inSelected},
		"CLOSE":        {run: on((*session).closeMailbox), in: inSelected},
		"UNSELECT":     {run: on((*session).unselect), in: inSelected},
		"EXPUNGE":      {run: on((*session).expunge), in: inSelected, changes: true, selected: mail.RightExpunge},
		"CANCELUPDATE": {run: on((*session).cancelUpdate), in: inSelected, noExpunge: true},
		"SEARCH":       {run: on((*session).search), in: inSelected, selected: mail.RightRead, noExpunge: true},
		"SORT":         {run: on((*session).sort), in: inSelected, selected: mail.RightRead, noExpunge: true},
		"THREAD":       {run: on((*session).thread), in: inSelected, selected: mail.RightRead, noExpunge: true},
		"FETCH":        {run: on((*session).fetch), in: inSelected, selected: mail.RightRead, noExpunge: true},
		"STORE":        {run: on((*session).store), in: inSelected, selected: mail.RightRead, noExpunge: true, changes: true},
		"COPY":         {run: on((*session).copy), in: inSelected, named: mail.RightInsert, selected: mail.RightRead},
		"MOVE": {run: on((*session).move), in: inSelected, changes: true, named: mail.RightInsert,
			selected: mail.RightRead | mail.RightDeleteMessages | mail.RightExpunge},
		"REPLACE": {run: on((*session).replace), in: inSelected, changes: true, named: mail.RightInsert,
			selected: mail.RightDeleteMessages | mail.RightExpunge},

		"UIDBATCHES": {run: on((*session).uidBatches), in: inSelected, selected: mail.RightRead},
	}
}

// commands is never changed. A function makes it, because the methods lead back to it.
var commands = commandTable()

// byUID tells whether a command of the kind that must not disturb message numbers uses none.
func byUID(c imap.Command) bool {
	switch c := c.(type) {
	case *imap.Fetch:
		return c.UID
	case *imap.Store:
		return c.UID
	case *imap.Search:
		return c.UID && !c.Key.Has(imap.SearchSeq) // RFC 7162 section 3.2.10.2
	case *imap.ESearch:
		return !c.Search.Key.Has(imap.SearchSeq)
	case *imap.Sort:
		return byUID(&c.Search)
	case *imap.Thread:
		return byUID(&c.Search)
	}
	return false
}

// byNumber tells whether a command names messages by number. RFC 9586 section 3.
func byNumber(c imap.Command) bool {
	switch c := c.(type) {
	case *imap.Fetch:
		return !c.UID
	case *imap.Store:
		return !c.UID
	case *imap.Copy:
		return !c.UID
	case *imap.Move:
		return !c.UID
	case *imap.Replace:
		return !c.UID
	case *imap.Search:
		return !c.UID || c.Key.Has(imap.SearchSeq)
	case *imap.ESearch:
		return c.Search.Key.Has(imap.SearchSeq)
	case *imap.Sort:
		return byNumber(&c.Search)
	case *imap.Thread:
		return byNumber(&c.Search)
	case *imap.Select:
		return c.QResync != nil && len(c.QResync.MatchSeqs) > 0
	}
	return false
}

// command reads one command and answers it.
func (s *session) command(ctx context.Context) {
	tag, c, err := imap.Read(s.dec)
	if err != nil {
		s.unreadable(tag, err)
		return
	}
	s.tag, s.code, s.bound = tag, s.code[:0], bounded{}
	s.count.Add(1)
	s.mu.Lock()
	start := time.Now()
	s.verb, s.since = c.Verb(), start
	s.mu.Unlock()
	s.slot.Reset()
	s.beginProgress(start)
	err = s.run(ctx, c)
	s.tellAt = time.Time{} // what is pushed later is no command's
	s.tellLimit(err)
	outcome := s.answer(err)
	if s.then != nil {
		s.afterAnswer()
	}
	if f := s.srv.opts.Events.Command; f != nil {
		e := CommandEnd{Session: s.id, User: s.user.Login, Verb: c.Verb(), Outcome: outcome, Duration: time.Since(start)}
		s.slot.Enter(wait.Working)
		e.Waits = s.slot.Spent()
		if k := mail.KindOf(err); outcome == "NO" && (k == mail.Internal || k == mail.Corrupt || k == mail.Unavailable) {
			e.Err = ownFault(err)
		}
		f(e)
	}
}

// ownFault is err unless it is an answer that the client was meant to get, or the connection's end, of which the session's
// end tells.
func ownFault(err error) error {
	if errors.As(err, new(*refusal)) || errors.As(err, new(*brokenError)) {
		return nil
	}
	return err
}

// run carries out a command, and tells what changed meanwhile in the selected mailbox.
func (s *session) run(ctx context.Context, c imap.Command) error {
	d, ok := commands[c.Verb()]
	switch {
	case !ok:
		return s.skip(bad("unknown command"))
	case d.in&s.state == 0:
		return s.skip(bad("not allowed " + stateNames[s.state]))
	case s.features&featUIDOnly != 0 && byNumber(c):
		return s.skip(badError{imap.CodeUIDRequired, "message numbers are not used any more: ENABLE UIDONLY"})
	case d.changes && s.sel.readOnly:
		return s.skip(refuse(imap.CodeNoPerm, "the mailbox is selected read-only"))
	}
	if err := s.carryOut(ctx, d, c); err != nil {
		var broken *brokenError
		if errors.As(err, &broken) || s.over {
			return err
		}
		if e := s.tell(ctx, !d.noExpunge || byUID(c)); errors.As(e, &broken) {
			return e
		}
		return err
	}
	if s.idling || s.over {
		return nil
	}
	if err := s.tell(ctx, !d.noExpunge || byUID(c)); errors.As(err, new(*brokenError)) {
		return err
	}
	return nil // what the command did is done; what could not be looked at now it tells later
}

// carryOut runs the command.
func (s *session) carryOut(ctx context.Context, d command, c imap.Command) error {
	if err := s.entitled(ctx, &d); err != nil {
		return s.skip(err)
	}
	err := d.run(s, ctx, c)
	if s.notify != nil && !s.over {
		s.watchNotify() // another mailbox may be selected
	}
	return err
}

// entitled refuses a command for which the user lacks the rights on the selected mailbox. A command that names a mailbox
// without saying which rights it needs gets those to read.
func (s *session) entitled(ctx context.Context, d *command) error {
	s.needs = cmp.Or(d.named, mail.RightRead)
	if d.selected == 0 || s.sel == nil {
		return nil
	}
	if err := s.recheck(ctx); err != nil {
		return err
	}
	if s.sel.may&d.selected != d.selected {
		return errNoRight
	}
	return nil
}

var stateNames = map[state]string{
	notAuthenticated: "before login", authenticated: "while no mailbox is selected", inSelected: "after login",
}

// skip passes over the literal of an APPEND or REPLACE that is refused before it is read.
func (s *session) skip(err error) error {
	if e := s.dec.Skip(); e != nil {
		return &brokenError{e}
	}
	return err
}

// unreadable answers a command that could not be read.
func (s *session) unreadable(tag string, err error) {
	var se *wire.SyntaxError
	if !errors.As(err, &se) || se.Fatal {
		s.end(err)
		return
	}
	if tag == "" {
		tag = imap.Untagged
	}
	code := imap.RespCode("")
	if se.TooBig {
		code = imap.CodeTooBig
	}
	s.tag = tag
	s.appendBad(code, se.Error())
	if f := s.srv.opts.Events.Command; f != nil {
		f(CommandEnd{Session: s.id, Outcome: "BAD"})
	}
}

// appendBad answers BAD; too many in a row end the session.
func (s *session) appendBad(code imap.RespCode, text string) {
	s.out.buf = imap.AppendCond(s.out.buf, s.tag, imap.BAD, code, text)
	if s.bads++; s.bads >= s.srv.opts.MaxBad {
		s.bye("", "too many bad commands", nil)
	}
}

// okCode sets the code of the tagged OK, in brackets.
func (s *session) okCode(code []byte) { s.code = code }

// answer appends the tagged answer, and says which it is.
func (s *session) answer(err error) string {
	var broken *brokenError
	var r *refusal
	var b badError
	var se *wire.SyntaxError
	switch {
	case err == nil:
		s.bads = 0
		if !s.idling {
			s.appendOK()
		}
		return "OK"
	case errors.As(err, &broken):
		s.end(broken.err)
		return "NO"
	case errors.As(err, &r):
		s.out.buf = imap.AppendCond(s.out.buf, s.tag, imap.NO, r.code, r.text)
		return "NO"
	case errors.As(err, &b):
		s.appendBad(b.code, b.text)
		return "BAD"
	case errors.As(err, &se):
		s.appendBad("", se.Error())
		return "BAD"
	}
	a := answerTo(err)
	s.out.buf = imap.AppendCond(s.out.buf, s.tag, imap.NO, a.code, a.text)
	if a.code == imap.CodeServerBug || a.code == imap.CodeCorruption {
		s.srv.opts.Log.Error("command failed", "session", s.id, "user", s.user.Login, "verb", s.verb, "error", err)
	}
	return "NO"
}

// appendOK does not name the command: there are clients that take any line with the word CAPABILITY for a list of them.
func (s *session) appendOK() {
	b := imap.AppendCondStart(s.out.buf, s.tag, imap.OK)
	if len(s.code) > 0 {
		b = append(append(b, s.code...), ' ')
	}
	s.out.buf = append(b, "completed\r\n"...)
}
