package imapd

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

// askedStore notes which accounts were asked for.
type askedStore struct {
	mail.Store
	mu    sync.Mutex // guards asked
	asked map[mail.AccountID]int
}

func (c *askedStore) Account(id mail.AccountID) mail.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[id]++
	return c.Store.Account(id)
}

// take is what was asked for since the last take.
func (c *askedStore) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := fmt.Sprint(c.asked)
	c.asked = make(map[mail.AccountID]int)
	return out
}

// countingDirectory counts lookups, and fails the test when somebody lists all users.
type countingDirectory struct {
	*auth.Memory
	t       testing.TB
	mu      sync.Mutex // guards lookups
	lookups int
}

func (d *countingDirectory) Lookup(ctx context.Context, login string) (auth.User, error) {
	d.mu.Lock()
	d.lookups++
	d.mu.Unlock()
	return d.Memory.Lookup(ctx, login)
}

func (d *countingDirectory) List(context.Context, func(auth.User) error) error {
	d.t.Error("all users are listed")
	return nil
}

// sharingServer is a server whose users are n accounts uN, of which u1 and u2 share their INBOX with u7.
func sharingServer(t testing.TB, n int) (*testServer, *askedStore, *countingDirectory) {
	d := &countingDirectory{Memory: auth.NewMemory(), t: t}
	users := make([]auth.User, n)
	for i := range users {
		users[i] = auth.User{Login: fmt.Sprintf("u%d", i), Account: mail.AccountID(fmt.Sprintf("u%d", i))}
	}
	if err := d.Add(t.Context(), users, false); err != nil {
		t.Fatal(err)
	}
	var store *askedStore
	s := startServer(t, func(o *Options) {
		store = &askedStore{Store: o.Store, asked: make(map[mail.AccountID]int)}
		o.Store, o.Sharing = store, Sharing{Directory: d, Others: "Other Users", Shared: "Shared Folders"}
	})
	for _, who := range []string{"u1", "u2"} {
		k := s.login(who)
		k.do("SETACL INBOX u7 lr")
		k.do("LOGOUT")
	}
	store.take()
	return s, store, d
}

// Who lists mailboxes opens the accounts of those who share with him, out of all that there are.
func TestListOpensSharersOnly(t *testing.T) {
	s, store, d := sharingServer(t, 5000)
	k := s.login("u7")
	if got := store.take(); got != "map[u7:1]" {
		t.Errorf("a login opens %s", got)
	}
	lookups := d.lookups
	if got := strings.Join(k.do(`LIST "" "*"`), ""); strings.Count(got, "Other Users/u") != 2 {
		t.Errorf("LIST: %s", got)
	}
	if got := store.take(); got != "map[u1:1 u2:1]" || d.lookups != lookups {
		t.Errorf("LIST opens %s after %d lookups", got, d.lookups-lookups)
	}
	for _, c := range []string{`LIST "" "I*"`, `LIST "" "INBOX"`, `LSUB "" "*"`, "SELECT INBOX", "NAMESPACE"} {
		k.do(c)
		if got := store.take(); got != "map[]" || d.lookups != lookups {
			t.Errorf("%s opens %s after %d lookups", c, got, d.lookups-lookups)
		}
	}
	k.do(`SELECT "Other Users/u2"`)
	if got := store.take(); got != "map[u2:1]" || d.lookups != lookups+1 {
		t.Errorf("SELECT opens %s after %d lookups", got, d.lookups-lookups)
	}
	nobody := s.login("u8")
	store.take()
	nobody.do(`LIST "" "*"`)
	if got := store.take(); got != "map[]" {
		t.Errorf("LIST of somebody with whom nobody shares opens %s", got)
	}
}

// Every command that names a mailbox, or works on the selected one, says which rights it needs, or is known to need none.
func TestCommandsSayTheirRights(t *testing.T) {
	none := " CAPABILITY NOOP LOGOUT ID STARTTLS AUTHENTICATE LOGIN COMPRESS UNAUTHENTICATE ENABLE NAMESPACE IDLE NOTIFY " +
		"GETQUOTA SETQUOTA COMPARATOR CANCELUPDATE CHECK CLOSE UNSELECT UIDBATCHES " +
		"CREATE SUBSCRIBE UNSUBSCRIBE LIST LSUB MYRIGHTS " // these look at rights themselves, or need none
	for verb, c := range commands {
		if c.named|c.selected == 0 && !strings.Contains(none, " "+verb+" ") {
			t.Errorf("%s needs no rights", verb)
		}
	}
}

func TestPermittedFlags(t *testing.T) {
	all := []mail.Flag{mail.Seen, `\DELETED`, mail.Flagged, "k"}
	for _, c := range []struct {
		may  mail.Rights
		want string
	}{
		{0, "[]"}, {mail.RightSeen, `[\Seen]`}, {mail.RightDeleteMessages, `[\DELETED]`}, {mail.RightWrite, `[\Flagged k]`},
		{flagRights, `[\Seen \DELETED \Flagged k]`},
	} {
		if got := fmt.Sprint(permitted(all, c.may)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.may, got, c.want)
		}
	}
}
