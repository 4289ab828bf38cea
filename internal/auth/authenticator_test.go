package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

var (
	home   = netip.MustParseAddr("192.0.2.1")
	abroad = netip.MustParseAddr("198.51.100.7")
	local  = netip.MustParseAddr("127.0.0.1")
)

// slowHash is the cheapest of the slow ones; its password is "secret".
const slowHash = "{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"

// counted is a directory that counts lookups and can fail.
type counted struct {
	*Memory
	err error // immutable while it is used
}

func (c *counted) Lookup(ctx context.Context, login string) (User, error) {
	if c.err != nil {
		return User{}, c.err
	}
	return c.Memory.Lookup(ctx, login)
}

// newAuth is an Authenticator over some users, and what its events said.
func newAuth(t testing.TB, o Options) (*Authenticator, *counted, *[]LoginEvent) {
	t.Helper()
	dir := &counted{Memory: NewMemory()}
	err := dir.Add(t.Context(), []User{
		{Login: "alice", Account: "a", Hash: "{PLAIN}secret"}, {Login: "bob", Account: "b", Hash: slowHash},
		{Login: "off", Account: "o", Hash: "{PLAIN}secret", Disabled: true}, {Login: "none", Account: "n"},
		{Login: "odd", Account: "x", Hash: "{MD5}x"}, {Login: "carol@example.org", Account: "c", Hash: "{PLAIN}secret"},
		{Login: "dave+x", Account: "d"}, {Login: "dave", Account: "e"}, {Login: "müller", Account: "m"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	events := new([]LoginEvent)
	o.Events.Login = func(e LoginEvent) { mu.Lock(); *events = append(*events, e); mu.Unlock() }
	return New(dir, o), dir, events
}

func TestLogin(t *testing.T) {
	a, _, events := newAuth(t, Options{})
	for _, c := range []struct {
		login, password string
		account         mail.AccountID
		kind            mail.Kind
	}{
		{"alice", "secret", "a", 0}, {" ALICE ", "secret", "a", 0}, {"bob", "secret", "b", 0}, {"Bob", "secret", "b", 0},
		{"carol@EXAMPLE.org", "secret", "c", 0},
		{"alice", "Secret", "", mail.Denied}, {"alice", "", "", mail.Denied}, {"alice", "secret\x00", "", mail.Denied},
		{"bob", "secret!", "", mail.Denied}, {"bob", "secret!", "", mail.Denied}, {"nobody", "secret", "", mail.Denied},
		{"nobody", "secret", "", mail.Denied}, {"carol", "secret", "", mail.Denied},
		{"off", "secret", "", mail.Denied}, {"none", "", "", mail.Denied}, {"none", "x", "", mail.Denied}, {"a/b", "x", "", mail.Denied},
		{"", "x", "", mail.Denied}, {"odd", "x", "", mail.Corrupt},
	} {
		u, err := a.Login(t.Context(), c.login, c.password, local)
		if u.Account != c.account || (err == nil) != (c.account != "") || err != nil && mail.KindOf(err) != c.kind {
			t.Errorf("%q %q: got %+v, %v", c.login, c.password, u, err)
		}
		e := (*events)[len(*events)-1]
		if e.Err != err || e.Remote != local {
			t.Errorf("%q: event %+v", c.login, e)
		}
	}
	if e := (*events)[3]; !e.Remembered || e.Login != "bob" {
		t.Errorf("the second login computes a slow hash: %+v", e)
	}
	if e := (*events)[9]; !e.Remembered {
		t.Errorf("the same wrong password again computes a slow hash: %+v", e)
	}
}

func TestLoginDirectoryTrouble(t *testing.T) {
	a, dir, _ := newAuth(t, Options{})
	dir.err = errors.New("disk")
	if _, err := a.Login(t.Context(), "alice", "secret", local); mail.KindOf(err) != mail.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, _, err := a.Resolve(t.Context(), "alice@x"); mail.KindOf(err) != mail.Unavailable {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Login(ctx, "alice", "secret", local); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestRemember asks when a remembered password is good for nothing any more.
func TestRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, dir, events := newAuth(t, Options{Remember: 10 * time.Minute})
		login := func(password string, remembered, ok bool) {
			t.Helper()
			_, err := a.Login(t.Context(), "bob", password, local)
			if e := (*events)[len(*events)-1]; e.Remembered != remembered || (err == nil) != ok {
				t.Errorf("%q: remembered %v, %v", password, e.Remembered, err)
			}
		}
		login("secret", false, true)
		login("secret", true, true)
		login("wrong", false, false)
		login("wrong", true, false)
		time.Sleep(4 * time.Minute) // of the bubble's clock
		login("secret", true, true)
		time.Sleep(11 * time.Minute)
		login("secret", false, true)
		login("secret", true, true)
		other := "{SHA256-CRYPT}$5$rounds=1400$anotherlongsaltstring$hA9phAhHgeqcKTycY/LRKamQM18d5P2uD0VRrWGWMX6"
		if err := dir.SetHash(t.Context(), "bob", other); err != nil {
			t.Fatal(err)
		}
		login("secret", false, true) // the hash changed, though not the password
		if err := dir.SetHash(t.Context(), "bob", "{PLAIN}new"); err != nil {
			t.Fatal(err)
		}
		login("secret", false, false)
		if err := dir.SetDisabled(t.Context(), "bob", true); err != nil {
			t.Fatal(err)
		}
		login("new", false, false)
	})
}

func TestRememberNever(t *testing.T) {
	a, _, events := newAuth(t, Options{Remember: -1})
	for range 2 {
		if _, err := a.Login(t.Context(), "bob", "secret", local); err != nil || (*events)[len(*events)-1].Remembered {
			t.Errorf("%v %+v", err, *events)
		}
	}
}

func TestRecallBound(t *testing.T) {
	r := newRecall(time.Hour, 100)
	for i := range 10_000 {
		r.put(recallKey{byte(i), byte(i >> 8)}, true)
		if n := len(r.now) + len(r.old); n > 100 {
			t.Fatalf("%d entries", n)
		}
	}
	if r.keyOf("ab", "c", "d") == r.keyOf("a", "bc", "d") {
		t.Error("two logins share a key")
	}
}

// TestStorm has many sessions log in at once: the hash is computed once per login and password.
func TestStorm(t *testing.T) {
	a, _, events := newAuth(t, Options{Workers: 1, Queue: 1})
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, err := a.Login(t.Context(), "bob", "secret", local); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(*events) != 200 {
		t.Errorf("%d events", len(*events))
	}
}

// TestQueue asks for a bound on those who wait, and for the turn of a follower whose leader gave up.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := newAuth(t, Options{Workers: 1, Queue: 1})
		var runs atomic.Int32
		free := make(chan struct{})
		check := func() bool { runs.Add(1); <-free; return true }
		results := make(chan error, 10)
		run := func(ctx context.Context, key byte) {
			go func() {
				_, err := a.slowly(ctx, recallKey{key}, check)
				results <- err
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		run(t.Context(), 1) // runs
		run(ctx, 2)         // waits for the worker
		run(t.Context(), 2) // waits for the one before
		run(t.Context(), 3) // too many
		if err := <-results; mail.KindOf(err) != mail.Unavailable {
			t.Errorf("beyond the queue: %v", err)
		}
		cancel()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		synctest.Wait()
		close(free)
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if n := runs.Load(); n != 2 {
			t.Errorf("%d checks for 2 keys", n)
		}
	})
}

// TestPanicFreesFollowers: a bug in a check costs one login, not all that wait for it.
func TestPanicFreesFollowers(t *testing.T) {
	a, _, _ := newAuth(t, Options{Workers: 1})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("swallowed")
			}
		}()
		_, _ = a.slowly(t.Context(), recallKey{1}, func() bool { panic("a bug") }) // panics
	}()
	if ok, err := a.slowly(t.Context(), recallKey{1}, func() bool { return true }); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

// TestPenalties measures the delays on the bubble's clock.
func TestPenalties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := newAuth(t, Options{})
		took := func(login, password string, from netip.Addr) time.Duration {
			start := time.Now()
			_, err := a.Login(t.Context(), login, password, from)
			if (err == nil) != (password == "secret") {
				t.Errorf("%s %s: %v", login, password, err)
			}
			return time.Since(start)
		}
		if d := took("alice", "secret", home); d != 0 {
			t.Errorf("without a failure: %v", d)
		}
		last := time.Duration(0)
		for i := range 12 {
			d := took("alice", "wrong", abroad)
			if d < last || d == 0 || d > 30*time.Second {
				t.Errorf("failure %d: %v after %v", i, d, last)
			}
			last = d
		}
		if last != 30*time.Second { // 15 before the check and 15 after it
			t.Errorf("at last %v", last)
		}
		if d := took("alice", "secret", home); d != 0 {
			t.Errorf("the right password from elsewhere waits %v", d)
		}
		if d := took("alice", "wrong", home); d != 15*time.Second {
			t.Errorf("a wrong one from elsewhere waits %v", d)
		}
		if d := took("bob", "secret", abroad); d != 15*time.Second {
			t.Errorf("the right one from the guesser's address waits %v", d)
		}
		if d := took("bob", "secret", abroad); d != 0 {
			t.Errorf("a remembered one from there waits %v", d)
		}
		for range 20 {
			if d := took("alice", "wrong", local); d != 0 {
				t.Errorf("an exempt address waits %v", d)
			}
		}
		if d := took("alice", "wrong", netip.Addr{}); d != 0 {
			t.Errorf("a local socket waits %v", d)
		}
		time.Sleep(penaltyForget)
		if d := took("carol@example.org", "secret", abroad); d != 0 {
			t.Errorf("after a long time: %v", d)
		}
	})
}

func TestPenaltyOfNetwork(t *testing.T) {
	for _, c := range [][2]string{{"192.0.2.1", "192.0.2.1"}, {"::ffff:192.0.2.1", "192.0.2.1"}, {"2001:db8:1:2:3::4", "2001:db8:1:2::"},
		{"fe80::1%eth0", "fe80::"}} {
		if got := network(netip.MustParseAddr(c[0])); got != netip.MustParseAddr(c[1]) {
			t.Errorf("%s: got %v", c[0], got)
		}
	}
	if network(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}

func TestPenaltiesBound(t *testing.T) {
	p := newPenalties[int](100, time.Second)
	for i := range 10_000 {
		p.fail(i)
		if n := len(p.now) + len(p.old); n > 100 {
			t.Fatalf("%d entries", n)
		}
	}
	p.fail(-1)
	if p.fail(-1) != 2*penaltyFirst || p.delay(-1) != 2*penaltyFirst {
		t.Error("does not grow")
	}
	p.succeed(-1)
	p.succeed(-2)
	if p.delay(-1) != penaltyFirst || p.delay(-2) != 0 {
		t.Error("does not forgive")
	}
}

// TestPenaltyEnds gives up when the client does.
func TestPenaltyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := newAuth(t, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := a.Login(ctx, "alice", "wrong", abroad); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestResolve(t *testing.T) {
	a, _, _ := newAuth(t, Options{})
	for _, c := range []struct {
		address string
		account mail.AccountID
		detail  string
	}{
		{"alice", "a", ""}, {"Alice@anything.test", "a", ""}, {"alice+Lists/Go@x", "a", "Lists/Go"}, {"alice+@x", "a", ""},
		{"alice+a+b@x", "a", "a+b"}, {"carol@example.org", "c", ""}, {"CAROL+Box@Example.ORG", "c", "Box"},
		{"dave+x@y", "d", ""}, {"dave+X", "d", ""}, {"dave+y@z", "e", "y"}, {`"alice"@x`, "a", ""}, {`"al\ice+\"q\""@x`, "a", `"q"`},
		{"off@x", "o", ""}, {"MÜLLER@x", "m", ""}, {"mu\u0308ller@x", "m", ""},
		{"carol@example.net", "", ""}, {"carol", "", ""}, {"nobody@x", "", ""}, {"@x", "", ""}, {"+x@y", "", ""}, {"", "", ""},
		{"alice bob@x", "", ""}, {"a/../alice@x", "", ""}, {"x@alice", "", ""}, {"alice\x00@x", "", ""},
	} {
		u, detail, err := a.Resolve(t.Context(), c.address)
		if u.Account != c.account || detail != c.detail || (err == nil) != (c.account != "") {
			t.Errorf("%q: got %q %q, %v", c.address, u.Account, detail, err)
		}
		if k := mail.KindOf(err); err != nil && k != mail.NotFound && k != mail.Invalid {
			t.Errorf("%q: %v", c.address, err)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"alice+x@y", `"a\"b"@c`, "\"@", "@@+"} {
		f.Add(s)
	}
	a, _, _ := newAuth(f, Options{})
	f.Fuzz(func(t *testing.T, address string) {
		if _, _, err := a.Resolve(context.Background(), address); err != nil {
			if k := mail.KindOf(err); k != mail.NotFound && k != mail.Invalid {
				t.Errorf("%q: %v", address, err)
			}
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	a, _, _ := newAuth(b, Options{})
	a.opts.Events.Login = nil
	for _, login := range []string{"alice", "bob"} { // a cheap scheme, a remembered slow one
		b.Run(login, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Login(b.Context(), login, "secret", local); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
