package imapd

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

// watchingStore counts the watches of accounts that have not ended.
type watchingStore struct {
	mail.Store
	watches atomic.Int64
}

func (w *watchingStore) Account(id mail.AccountID) mail.Account {
	return &watchingAccount{w.Store.Account(id), w}
}

type watchingAccount struct {
	mail.Account
	store *watchingStore
}

func (a *watchingAccount) As(who mail.AccountID) mail.Account {
	return &watchingAccount{a.Account.As(who), a.store}
}

func (a *watchingAccount) Watch(wake func()) func() {
	a.store.watches.Add(1)
	stop := a.Account.Watch(wake)
	return func() {
		stop()
		a.store.watches.Add(-1)
	}
}

// watchingServer is a server with users u0 to u(n-1), of which u1 to u3 share their INBOX with u7.
func watchingServer(t *testing.T, n int) (*testServer, *watchingStore) {
	d := auth.NewMemory()
	users := make([]auth.User, n)
	for i := range users {
		users[i] = auth.User{Login: fmt.Sprintf("u%d", i), Account: mail.AccountID(fmt.Sprintf("u%d", i))}
	}
	if err := d.Add(t.Context(), users, false); err != nil {
		t.Fatal(err)
	}
	var store *watchingStore
	s := startServer(t, func(o *Options) {
		store = &watchingStore{Store: o.Store}
		o.Store, o.Sharing = store, Sharing{Directory: d, Others: "Other Users", Admins: []string{"u7"}}
	})
	for i := 1; i <= 3; i++ {
		k := s.login(fmt.Sprintf("u%d", i))
		k.do("SETACL INBOX u7 lr")
		k.do("LOGOUT")
	}
	return s, store
}

// RFC 5465 section 5.8: a session watches a bounded number of accounts, each once, and none when it is over.
func TestNotifyWatches(t *testing.T) {
	s, store := watchingServer(t, 80)
	k := s.login("u7")
	want := func(n int64, command string) {
		t.Helper()
		k.do(command)
		if got := store.watches.Load(); got != n {
			t.Errorf("%s: %d watches, want %d", command, got, n)
		}
	}
	const events = "(MessageNew MessageExpunge)"
	want(0, "NOOP")
	want(1, "NOTIFY SET (personal "+events+")")
	want(2, `NOTIFY SET (mailboxes ("Other Users/u1" "Other Users/U1/x" "Other Users/u7" "Other Users/nobody") `+events+")")
	want(4, `NOTIFY SET (subtree "Other Users" `+events+")")
	want(4, `NOTIFY SET (subtree ("Other Users" "Other Users/u2") `+events+")")
	want(1, `NOTIFY SET (subtree "user" `+events+")") // never all that there are
	want(1, "NOTIFY SET (subscribed "+events+")")
	for i := 10; i < 10+maxForeign; i++ {
		k.do(fmt.Sprintf(`SUBSCRIBE "Other Users/u%d"`, i))
	}
	want(1+maxForeign, "NOOP")
	want(maxForeign, `UNSUBSCRIBE "Other Users/u10"`)
	k.do(`SUBSCRIBE "Other Users/u10"`)
	if got := strings.Join(k.do(`SUBSCRIBE "Other Users/u1"`), ""); !strings.Contains(got, "OK [NOTIFICATIONOVERFLOW]") {
		t.Errorf("one too many: %s", got)
	}
	want(0, "NOOP")
	k.do(`UNSUBSCRIBE "Other Users/u1"`)
	want(1+maxForeign, "NOTIFY SET (subscribed "+events+")")
	want(0, "NOTIFY NONE")
	want(4, `NOTIFY SET (subtree "Other Users" `+events+")")
	k.do("LOGOUT")
	for range 4 {
		<-s.ends
	}
	if got := store.watches.Load(); got != 0 {
		t.Errorf("%d watches are left", got)
	}
}
