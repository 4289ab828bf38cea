package imapd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// fullStore is a store on a disk where nothing more can be noted.
type fullStore struct{ mail.Store }

func (s fullStore) Account(id mail.AccountID) mail.Account { return fullAccount{s.Store.Account(id)} }

type fullAccount struct{ mail.Account }

func (fullAccount) ClaimRecent(context.Context, mail.MailboxID) (mail.UID, error) {
	return 0, &mail.Error{Op: "claim recent", Kind: mail.Unavailable, Err: errors.New("no space left")}
}

func (fullAccount) SetFlags(context.Context, mail.MailboxID, mail.FlagChange) (mail.FlagsChanged, error) {
	return mail.FlagsChanged{}, &mail.Error{Op: "store flags", Kind: mail.Unavailable, Err: errors.New("no space left")}
}

// TestReadOnAFullDisk: a message that cannot become \Seen can be read.
func TestReadOnAFullDisk(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Store = fullStore{o.Store} })
	k := s.login("ann")
	k.do("APPEND INBOX {18+}\r\nSubject: x\r\n\r\nbody")
	k.do("SELECT INBOX")
	if got := strings.Join(k.do("FETCH 1 (FLAGS BODY[TEXT])"), "\n"); !strings.Contains(got, `FLAGS (\Recent)`) && !strings.Contains(got, "FLAGS ()") {
		t.Errorf("FETCH: %s", got)
	}
	if got := k.cmd("STORE 1 +FLAGS (\\Seen)"); !strings.HasPrefix(got[len(got)-1], "NO [UNAVAILABLE]") {
		t.Errorf("STORE: %s", got)
	}
}

// TestRecentOnAFullDisk: who cannot be told what is recent reads on, and hears of what arrives.
func TestRecentOnAFullDisk(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Store = fullStore{o.Store} })
	k := s.login("ann")
	k.do("APPEND INBOX {14+}\r\nSubject: x\r\n\r\n")
	got := strings.Join(k.do("SELECT INBOX"), "\n")
	if !strings.Contains(got, "* 1 EXISTS") || !strings.Contains(got, "* 0 RECENT") {
		t.Errorf("SELECT: %s", got)
	}
	other := s.login("ann")
	other.do("APPEND INBOX {14+}\r\nSubject: y\r\n\r\n")
	if got := strings.Join(k.do("NOOP"), "\n"); !strings.Contains(got, "* 2 EXISTS") {
		t.Errorf("NOOP: %s", got)
	}
}
