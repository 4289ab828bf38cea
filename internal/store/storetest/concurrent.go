package storetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/constance-mail/constance/internal/mail"
)

var concurrentCases = []testCase{
	{"handles and processes append at a time and every message is there once", func(e *env) {
		const each = 25
		accounts := []mail.Account{e.acc, e.store.Account("alice"), e.second().Account("alice"),
			e.second().Account("alice")}
		var mu sync.Mutex
		uids := make(map[mail.UID]string)
		modSeqs := make(map[mail.ModSeq]bool)
		run(e, accounts, func(worker int, a mail.Account) error {
			for i := range each {
				octets := fmt.Sprintf("Subject: %d of %d\r\n\r\n", i, worker)
				m, err := Upload(e.ctx, a, []byte(octets))
				if err != nil {
					return err
				}
				done, err := a.Append(e.ctx, 1, []mail.NewMessage{m})
				if err != nil {
					return err
				}
				mu.Lock()
				if uids[done.UIDs[0]] != "" || modSeqs[done.ModSeq] {
					err = fmt.Errorf("UID %d or ModSeq %d was given twice", done.UIDs[0], done.ModSeq)
				}
				uids[done.UIDs[0]], modSeqs[done.ModSeq] = octets, true
				mu.Unlock()
				if err := errors.Join(err, m.Upload.Close()); err != nil {
					return err
				}
			}
			return nil
		})
		s := e.snapshot(1)
		if s.Len() != each*len(accounts) {
			e.Fatalf("%d messages", s.Len())
		}
		for i := range s.Len() {
			p, row := s.Locate(i)
			e.same("content", e.octets(p.Contents[row]), []byte(uids[p.UIDs[row]]))
		}
	}},
	{"flags of different messages set at a time are all there", func(e *env) {
		e.add(1, 200)
		accounts := []mail.Account{e.acc, e.store.Account("alice"), e.second().Account("alice")}
		run(e, accounts, func(worker int, a mail.Account) error {
			for u := mail.UID(worker + 1); u <= 200; u += mail.UID(len(accounts)) {
				flags := []mail.Flag{mail.Seen, mail.Flag(fmt.Sprint("w", worker))}
				c := mail.FlagChange{UIDs: mail.SetOf(u), Op: mail.AddFlags, Flags: flags}
				if done, err := a.SetFlags(e.ctx, 1, c); err != nil || done.Changed.Len() != 1 {
					return fmt.Errorf("%+v: %w", done, err)
				}
			}
			return nil
		})
		if m := e.box("INBOX"); m.Unseen != 0 || len(m.Keywords) != 3 || e.modSeq() != 202 {
			e.Errorf("%+v, ModSeq %d", m, e.modSeq())
		}
	}},
	{"of conditional changes of one message at a time one wins", func(e *env) {
		e.add(1, 1)
		since := e.modSeq()
		var mu sync.Mutex
		won := 0
		accounts := []mail.Account{e.acc, e.store.Account("alice"), e.second().Account("alice")}
		run(e, accounts, func(worker int, a mail.Account) error {
			done, err := a.SetFlags(e.ctx, 1, mail.FlagChange{
				UIDs: mail.SetOf(1), Flags: []mail.Flag{mail.Flag(fmt.Sprint("w", worker))}, Conditional: true,
				UnchangedSince: since,
			})
			mu.Lock()
			won += done.Changed.Len()
			mu.Unlock()
			return err
		})
		if won != 1 {
			e.Errorf("%d won", won)
		}
	}},
	{"readers see whole transactions while others write", readersCase},
	{"of two who create the same mailbox one is told that it exists", func(e *env) {
		var mu sync.Mutex
		made := 0
		accounts := []mail.Account{e.acc, e.store.Account("alice"), e.second().Account("alice")}
		run(e, accounts, func(_ int, a mail.Account) error {
			for i := range 10 {
				_, err := a.CreateMailbox(e.ctx, fmt.Sprintf("x%d/y", i), nil)
				if err != nil && mail.KindOf(err) != mail.Exists {
					return err
				}
				if err == nil {
					mu.Lock()
					made++
					mu.Unlock()
				}
			}
			return nil
		})
		if made != 10 || len(e.names()) != 26 {
			e.Errorf("%d made, %q", made, e.names())
		}
	}},
	{"an account that many begin to use at a time comes into being once", func(e *env) {
		other := e.second()
		for i := range 5 {
			id := mail.AccountID(fmt.Sprint("new", i))
			accounts := []mail.Account{e.store.Account(id), other.Account(id), e.store.Account(id), other.Account(id)}
			run(e, accounts, func(_ int, a mail.Account) error {
				m, err := Upload(e.ctx, a, []byte("Subject: x\r\n\r\n"))
				if err != nil {
					return err
				}
				_, err = a.Append(e.ctx, 1, []mail.NewMessage{m})
				return errors.Join(err, m.Upload.Close())
			})
			if s, err := accounts[0].Snapshot(e.ctx, 1); err != nil || s.Len() != len(accounts) {
				e.Fatalf("%s: %v %+v", id, err, s)
			}
		}
	}},
}

// run calls f for each account at a time.
func run(e *env, accounts []mail.Account, f func(worker int, a mail.Account) error) {
	e.Helper()
	errs := make([]error, len(accounts))
	var wg sync.WaitGroup
	for i, a := range accounts {
		wg.Go(func() { errs[i] = f(i, a) })
	}
	wg.Wait()
	e.ok(errors.Join(errs...))
}

// readersCase moves all messages to and fro while others look: at each moment all are in one of the mailboxes,
// whole and well counted.
func readersCase(e *env) {
	const messages = 300
	e.add(1, messages, mail.Seen)
	other := e.second().Account("alice")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, a := range []mail.Account{e.acc, other} {
		wg.Go(func() {
			for last := (mail.ModSeq)(0); errs[i] == nil; {
				select {
				case <-stop:
					return
				default:
					last, errs[i] = look(e, a, last, messages)
				}
			}
		})
	}
	from, to := mail.MailboxID(1), mail.MailboxID(2)
	for range 15 {
		_, err := other.Move(e.ctx, from, rangeOf(1, 4_294_967_295), to)
		e.ok(err)
		from, to = to, from
	}
	close(stop)
	wg.Wait()
	e.ok(errors.Join(errs...))
}

func look(e *env, a mail.Account, last mail.ModSeq, messages int) (mail.ModSeq, error) {
	now, err := a.ModSeq(e.ctx)
	if err != nil || now < last {
		return now, fmt.Errorf("ModSeq %d after %d: %w", now, last, err)
	}
	s, err := a.Snapshot(e.ctx, 1)
	if err != nil {
		return now, err
	}
	if s.Len() != 0 && s.Len() != messages {
		return now, fmt.Errorf("%d messages in the middle of a move", s.Len())
	}
	return now, checkSnapshot(s, 1<<62)
}
