package imapd

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// countingStore counts how often a mailbox is read and an account watched.
type countingStore struct {
	mail.Store
	snapshots, watches atomic.Int64
}

func (s *countingStore) Account(id mail.AccountID) mail.Account {
	return &countingAccount{s.Store.Account(id), s}
}

type countingAccount struct {
	mail.Account
	s *countingStore
}

func (a *countingAccount) Snapshot(ctx context.Context, m mail.MailboxID) (*mail.Snapshot, error) {
	a.s.snapshots.Add(1)
	return a.Account.Snapshot(ctx, m)
}

func (a *countingAccount) Watch(wake func()) func() {
	a.s.watches.Add(1)
	stop := a.Account.Watch(wake)
	return func() { a.s.watches.Add(-1); stop() }
}

func TestNothingChangedCostsNoRead(t *testing.T) {
	count := &countingStore{}
	s := startServer(t, func(o *Options) { count.Store = o.Store; o.Store = count })
	s.deliver("alice", "INBOX")
	k := s.login("alice")
	k.do("SELECT INBOX")
	before := count.snapshots.Load()
	k.do("NOOP")
	k.do("CHECK")
	k.send("i IDLE\r\nDONE\r\n")
	k.until("i")
	if n := count.snapshots.Load() - before; n != 0 {
		t.Errorf("the mailbox was read %d times", n)
	}
	k.do(`STORE 1 +FLAGS.SILENT (\Seen)`)
	before = count.snapshots.Load()
	if out := k.do("NOOP"); len(out) != 1 || count.snapshots.Load() != before {
		t.Errorf("our own change was told: %q", out)
	}
}

func TestWatchEndsWithIdle(t *testing.T) {
	count := &countingStore{}
	s := startServer(t, func(o *Options) { count.Store = o.Store; o.Store = count })
	for _, end := range []string{"DONE\r\n", "WRONG\r\n", ""} {
		k := s.login("alice")
		k.do("SELECT INBOX")
		k.send("i IDLE\r\n")
		k.want("+ ")
		if count.watches.Load() != 1 {
			t.Errorf("%d watches in IDLE", count.watches.Load())
		}
		switch end {
		case "DONE\r\n":
			k.send(end)
			k.want("i OK")
		case "WRONG\r\n":
			k.send(end)
			k.want("i BAD")
		}
		k.Close()
		<-s.ends
		if count.watches.Load() != 0 {
			t.Errorf("%d watches after %q", count.watches.Load(), end)
		}
	}
}

func TestLimitsOfAppend(t *testing.T) {
	s := startServer(t, func(o *Options) { o.AppendLimit = 1000 })
	k := s.login("alice")
	for _, c := range []struct{ send, want string }{
		{"a APPEND INBOX {1001}\r\n", "a NO [TOOBIG]"},
		{"a APPEND INBOX {1001+}\r\n" + strings.Repeat("x", 1001) + "\r\n", "a NO [TOOBIG]"},
		{"a APPEND nowhere {3+}\r\nabc\r\n", "a NO [TRYCREATE]"},
		{"a APPEND INBOX {0+}\r\n\r\n", "a NO [CANNOT]"},
		{"a APPEND INBOX {3+}\r\na\x00c\r\n", "a BAD NUL"},
		{"a APPEND INBOX ~{3+}\r\na\x00c\r\n", "a OK [APPENDUID"},
		{"a APPEND INBOX {3+}\r\nabc {3+}\r\ndef\r\n", "a OK [APPENDUID"},
		{"a APPEND INBOX {3+}\r\nabc {3+}\r\ndef x\r\n", "a BAD "},
		{"a STATUS INBOX (MESSAGES)\r\n", `* STATUS "INBOX" (MESSAGES 3)`},
	} {
		k.send(c.send)
		if got := k.line(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%.40q: got %q, want %q", c.send, got, c.want)
		}
	}
	k.want("a OK")
	k.do("NOOP")
}
