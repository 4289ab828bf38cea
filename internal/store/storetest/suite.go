package storetest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// Open opens the store in a directory with Options. Called twice with the same directory it gives two stores that
// share it as two processes do.
type Open func(t testing.TB, dir string) mail.Store

// Run checks that a store keeps the contracts of package mail. Each subtest has a directory of its own.
func Run(t *testing.T, open Open) {
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"Store", storeCases}, {"Account", accountCases}, {"Mailboxes", mailboxCases}, {"Append", appendCases},
		{"Read", readCases}, {"Flags", flagCases}, {"Expunge", expungeCases}, {"Copy", copyCases}, {"Replace", replaceCases},
		{"Text", textCases}, {"Annotations", annotationCases}, {"Share", shareCases}, {"Progress", progressCases},
		{"Concurrent", concurrentCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { runCase(t, open, c) })
			}
		})
	}
}

// testCase is a sentence of a contract.
type testCase struct {
	name string
	run  func(e *env)
}

func runCase(t *testing.T, open Open, c testCase) {
	e := &env{T: t, ctx: t.Context(), open: open, dir: t.TempDir()}
	e.store = open(t, e.dir)
	e.acc = e.store.Account("alice")
	defer func() {
		if err := e.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	c.run(e)
	if t.Failed() {
		return
	}
	if err := CheckAccount(e.ctx, e.store.Account("alice")); err != nil {
		t.Error(err)
	}
}

// env is what a case works with: a fresh store with one account. Its methods end the test on an unexpected error.
type env struct {
	*testing.T
	ctx   context.Context
	open  Open
	dir   string
	store mail.Store
	acc   mail.Account
}

// reopen closes the store and opens it again.
func (e *env) reopen() {
	e.Helper()
	e.ok(e.store.Close())
	e.store = e.open(e, e.dir)
	e.acc = e.store.Account("alice")
}

// second is another store on the same directory.
func (e *env) second() mail.Store {
	s := e.open(e, e.dir)
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Errorf("close: %v", err)
		}
	})
	return s
}

func (e *env) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// kind checks that a call was refused with that kind.
func (e *env) kind(err error, want mail.Kind) {
	e.Helper()
	if err == nil || mail.KindOf(err) != want {
		e.Errorf("got error %v, want kind %v", err, want)
	}
}

// unchanged runs a call that is to be refused with that kind, and checks that it changed nothing.
func (e *env) unchanged(want mail.Kind, call func() error) {
	e.Helper()
	before := e.modSeq()
	usage, err := e.acc.Usage(e.ctx)
	e.ok(err)
	list := e.list()
	e.kind(call(), want)
	after, err := e.acc.Usage(e.ctx)
	e.ok(err)
	if e.modSeq() != before || usage != after || !slices.EqualFunc(list, e.list(), sameMailbox) {
		e.Error("a refused call has changed something")
	}
}

func (e *env) modSeq() mail.ModSeq {
	e.Helper()
	n, err := e.acc.ModSeq(e.ctx)
	e.ok(err)
	return n
}

func (e *env) list() []mail.Mailbox {
	e.Helper()
	list, err := e.acc.Mailboxes(e.ctx)
	e.ok(err)
	return list
}

func (e *env) names() []string {
	e.Helper()
	var out []string
	for _, m := range e.list() {
		if m.ID != 0 {
			out = append(out, m.Name)
		}
	}
	return out
}

func (e *env) box(name string) mail.Mailbox {
	e.Helper()
	m, err := e.acc.Mailbox(e.ctx, name)
	e.ok(err)
	return m
}

func (e *env) create(name string, uses ...mail.SpecialUse) mail.Mailbox {
	e.Helper()
	m, err := e.acc.CreateMailbox(e.ctx, name, uses)
	e.ok(err)
	return m
}

func (e *env) snapshot(id mail.MailboxID) *mail.Snapshot {
	e.Helper()
	s, err := e.acc.Snapshot(e.ctx, id)
	e.ok(err)
	return s
}

// upload is a new message with these octets.
func (e *env) upload(octets []byte, flags ...mail.Flag) mail.NewMessage {
	e.Helper()
	m, err := Upload(e.ctx, e.acc, octets)
	e.ok(err)
	m.Flags = flags
	return m
}

// Upload makes a message with these octets ready to be appended.
func Upload(ctx context.Context, a mail.Account, octets []byte) (mail.NewMessage, error) {
	u, err := a.NewUpload(ctx, int64(len(octets)))
	if err != nil {
		return mail.NewMessage{}, err
	}
	if _, err := u.Write(octets); err != nil {
		return mail.NewMessage{}, err
	}
	d, err := message.Digest(u, u.Size())
	if err != nil {
		return mail.NewMessage{}, err
	}
	return mail.NewMessage{Upload: u, Digest: d, Internal: time.Unix(1_700_000_000, 0)}, nil
}

// add appends n small messages with these flags.
func (e *env) add(id mail.MailboxID, n int, flags ...mail.Flag) mail.Appended {
	e.Helper()
	msgs := make([]mail.NewMessage, n)
	for i := range msgs {
		msgs[i] = e.upload(Message{Seed: uint64(i), Size: 600}.Octets(), flags...)
	}
	return e.append(id, msgs...)
}

func (e *env) append(id mail.MailboxID, msgs ...mail.NewMessage) mail.Appended {
	e.Helper()
	done, err := e.acc.Append(e.ctx, id, msgs)
	e.ok(err)
	for _, m := range msgs {
		e.ok(m.Upload.Close())
	}
	return done
}

func (e *env) setFlags(id mail.MailboxID, c mail.FlagChange) mail.FlagsChanged {
	e.Helper()
	done, err := e.acc.SetFlags(e.ctx, id, c)
	e.ok(err)
	return done
}

func (e *env) addFlags(id mail.MailboxID, uids mail.UIDSet, flags ...mail.Flag) mail.FlagsChanged {
	e.Helper()
	return e.setFlags(id, mail.FlagChange{UIDs: uids, Op: mail.AddFlags, Flags: flags})
}

// flags are those of one message, system flags first.
func (e *env) flags(id mail.MailboxID, u mail.UID) []mail.Flag {
	e.Helper()
	s := e.snapshot(id)
	i, ok := s.Find(u)
	if !ok {
		e.Fatalf("no message with UID %d", u)
	}
	p, row := s.Locate(i)
	return p.Flags[row].Flags(s.Mailbox.Keywords)
}

// octets are those of a content.
func (e *env) octets(id mail.ContentID) []byte {
	e.Helper()
	b, err := Octets(e.ctx, e.acc, id)
	e.ok(err)
	return b
}

// Octets reads a content.
func Octets(ctx context.Context, a mail.Account, id mail.ContentID) ([]byte, error) {
	c, err := a.OpenContent(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()+1))
	if e := c.Close(); err == nil {
		err = e
	}
	return b, err
}

func (e *env) same(what string, got, want []byte) {
	e.Helper()
	if !bytes.Equal(got, want) {
		e.Errorf("%s: got %d octets that differ from the %d written", what, len(got), len(want))
	}
}

// uidSet checks a set, written as IMAP does.
func (e *env) uidSet(what string, got mail.UIDSet, want string) {
	e.Helper()
	if got.String() != want {
		e.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func rangeOf(from, to mail.UID) mail.UIDSet { return mail.UIDSet{{Start: from, Stop: to}} }

func sameMailbox(a, b mail.Mailbox) bool {
	keywords, uses := slices.Equal(a.Keywords, b.Keywords), slices.Equal(a.Uses, b.Uses)
	return keywords && uses && a.ID == b.ID && a.Name == b.Name && a.UIDValidity == b.UIDValidity &&
		a.UIDNext == b.UIDNext && a.HighestMod == b.HighestMod && a.Messages == b.Messages && a.Unseen == b.Unseen &&
		a.Deleted == b.Deleted && a.Size == b.Size && a.Subscribed == b.Subscribed
}
