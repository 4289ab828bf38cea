package auth

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Options are the bounds of an Authenticator; zero fields get the defaults.
type Options struct {
	Workers      int            // slow hashes computed at a time; default: the number of processors
	Queue        int            // logins that may wait for a worker, beyond that they fail; default 100 per worker
	Remember     time.Duration  // a checked password is known for half of this up to this long; default 10 min, negative: never
	RememberMax  int            // outcomes remembered; default 65536
	PenaltyMax   time.Duration  // the longest delay for guessing; default 15 s, negative: no penalties
	PenaltyTable int            // addresses and logins with penalties remembered, each; default 65536
	Exempt       []netip.Prefix // no penalties for these, as for a webmail; nil: loopback, empty: none
	Events       Events
}

// Events are called at the end of what they name, from its goroutine; each may be nil.
type Events struct {
	Login func(LoginEvent)
}

// LoginEvent is one attempt to log in.
type LoginEvent struct {
	Login      string // canonical, or as it was sent if it has no canonical form
	Remote     netip.Addr
	Err        error // nil: let in
	Remembered bool  // without computing a slow hash
	Duration   time.Duration
}

// Authenticator checks passwords and finds the accounts of addresses. Safe for any goroutine.
type Authenticator struct {
	dir     Directory
	opts    Options
	workers chan struct{} // a token for each slow hash that runs
	waiting atomic.Int64  // logins that wait for a token
	known   *recall       // nil: nothing is remembered
	wrong   *recall       // wrong passwords apart, so that guesses push out no right ones
	byAddr  *penalties[netip.Addr]
	byLogin *penalties[string]
	sample  atomic.Pointer[string] // a slow stored hash: what an unknown login costs
}

// New is an Authenticator over dir, which stays the caller's to close.
func New(dir Directory, o Options) *Authenticator {
	setDefault(&o.Workers, runtime.GOMAXPROCS(0))
	setDefault(&o.Queue, 100*o.Workers)
	setDefault(&o.Remember, 10*time.Minute)
	setDefault(&o.RememberMax, 1<<16)
	setDefault(&o.PenaltyMax, 15*time.Second)
	setDefault(&o.PenaltyTable, 1<<16)
	if o.Exempt == nil {
		o.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return &Authenticator{
		dir: dir, opts: o, workers: make(chan struct{}, o.Workers),
		known: newRecall(max(o.Remember, 0), o.RememberMax), wrong: newRecall(max(o.Remember, 0), o.RememberMax),
		byAddr:  newPenalties[netip.Addr](o.PenaltyTable, o.PenaltyMax),
		byLogin: newPenalties[string](o.PenaltyTable, o.PenaltyMax),
	}
}

func setDefault[T int | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// errors of Login for the log; clients see their kind only, so that no answer tells whether a login exists.
var (
	errPassword = errors.New("wrong password")
	errUnknown  = errors.New("unknown login")
	errDisabled = errors.New("login is disabled")
	errBusy     = errors.New("too many logins wait for a check of their password")
)

// Login is the user of that login name if the password is right. It takes its time for whoever guesses: an
// address that failed before waits before the check, a failure is answered late. Kinds: Denied, whatever is
// wrong with login or password; Unavailable under overload or without the directory; Corrupt for a hash that
// cannot be used; else ctx's error. remote may be the zero Addr (a local socket), which has no penalties.
func (a *Authenticator) Login(ctx context.Context, login, password string, remote netip.Addr) (User, error) {
	t := &attempt{a: a, login: login, password: password, remote: network(remote), start: time.Now()}
	u, err := t.run(ctx)
	if f := a.opts.Events.Login; f != nil {
		took := time.Since(t.start)
		f(LoginEvent{Login: t.login, Remote: remote, Err: err, Remembered: t.remembered, Duration: took})
	}
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// attempt is one Login.
type attempt struct {
	a               *Authenticator
	login, password string
	remote          netip.Addr
	start           time.Time
	remembered      bool
}

func (t *attempt) run(ctx context.Context) (User, error) {
	clean, err := CleanLogin(t.login)
	if err != nil || !possible(t.password) {
		return User{}, t.fail(ctx, errUnknown)
	}
	t.login = clean
	u, err := t.a.dir.Lookup(ctx, clean)
	switch {
	case err == nil:
	case mail.KindOf(err) == mail.NotFound:
		return User{}, t.unknown(ctx)
	default:
		return User{}, directoryTrouble(ctx, clean, err)
	}
	ok, err := t.verify(ctx, u.Hash)
	switch {
	case err != nil:
		return User{}, err
	case !ok:
		return User{}, t.fail(ctx, errPassword)
	case u.Disabled:
		return User{}, t.fail(ctx, errDisabled)
	}
	if t.penalized() {
		t.a.byAddr.succeed(t.remote)
	}
	return u, nil
}

// directoryTrouble is what a failing directory means for a login.
func directoryTrouble(ctx context.Context, login string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &mail.Error{Op: "login", Kind: mail.Unavailable, Item: login, Err: err}
}

// verify checks the password against a stored hash by the cheapest way, after the address's penalty unless the
// password is known to be right.
func (t *attempt) verify(ctx context.Context, stored string) (bool, error) {
	if stored == "" {
		return false, t.wait(ctx)
	}
	k := t.a.known.keyOf(t.login, stored, t.password)
	if ok, known := t.a.known.lookup(k); known && ok {
		t.remembered = true
		return true, nil
	}
	if err := t.wait(ctx); err != nil {
		return false, err
	}
	if _, known := t.a.wrong.lookup(k); known {
		t.remembered = true
		return false, nil
	}
	s, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	if !s.slow {
		return s.check([]byte(t.password)), nil
	}
	if old := t.a.sample.Load(); old == nil || *old != stored {
		sample := stored
		t.a.sample.Store(&sample)
	}
	return t.a.slowly(ctx, k, func() bool { return s.check([]byte(t.password)) })
}

// wait is the penalty of the address.
func (t *attempt) wait(ctx context.Context) error {
	if !t.penalized() {
		return nil
	}
	return sleep(ctx, t.a.byAddr.delay(t.remote))
}

// unknown answers for a login that nobody has, at the cost of one that somebody has.
func (t *attempt) unknown(ctx context.Context) error {
	if err := t.wait(ctx); err != nil {
		return err
	}
	if p := t.a.sample.Load(); p != nil {
		s, err := parseHash(*p)
		if err != nil {
			return err
		}
		k := t.a.wrong.keyOf(t.login, "", t.password)
		if _, known := t.a.wrong.lookup(k); !known {
			_, err = t.a.slowly(ctx, k, func() bool { return s.check([]byte(t.password)) && false })
		}
		if err != nil {
			return err
		}
	}
	return t.fail(ctx, errUnknown)
}

// fail counts the failure and answers it late.
func (t *attempt) fail(ctx context.Context, why error) error {
	if t.penalized() {
		d := max(t.a.byAddr.fail(t.remote), t.a.byLogin.fail(strings.Clone(t.login[:min(len(t.login), MaxLogin)])))
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
	return &mail.Error{Op: "login", Kind: mail.Denied, Item: t.login, Err: why}
}

// penalized tells whether there are penalties for the address at all.
func (t *attempt) penalized() bool {
	if t.a.opts.PenaltyMax < 0 || !t.remote.IsValid() {
		return false
	}
	for _, p := range t.a.opts.Exempt {
		if p.Contains(t.remote) {
			return false
		}
	}
	return true
}

// slowly runs a slow check when a worker is free. Several logins with the same key at a time share one run.
func (a *Authenticator) slowly(ctx context.Context, k recallKey, check func() bool) (bool, error) {
	for {
		c, first := a.known.begin(k)
		if first {
			return a.lead(ctx, k, c, check)
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if c.err == nil || mail.KindOf(c.err) == mail.Unavailable {
			return c.ok, c.err
		}
		// the one who ran it gave up: it is the turn of another
	}
}

// lead runs the check that others may wait for, whom it frees even by a panic. Right passwords are remembered
// apart from wrong ones.
func (a *Authenticator) lead(ctx context.Context, k recallKey, c *running, check func() bool) (bool, error) {
	c.err = context.Canceled // until it is known better: somebody else has to do it
	defer func() {
		keep := c.err == nil && a.opts.Remember > 0
		if keep && !c.ok {
			a.wrong.put(k, false)
		}
		a.known.end(k, c, keep && c.ok)
	}()
	c.ok, c.err = a.work(ctx, check)
	return c.ok, c.err
}

// work waits for a free worker and runs the check in the caller's goroutine.
func (a *Authenticator) work(ctx context.Context, check func() bool) (bool, error) {
	select {
	case a.workers <- struct{}{}:
	default:
		defer a.waiting.Add(-1)
		if a.waiting.Add(1) > int64(a.opts.Queue) {
			return false, &mail.Error{Op: "login", Kind: mail.Unavailable, Err: errBusy}
		}
		select {
		case a.workers <- struct{}{}:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	defer func() { <-a.workers }()
	return check(), nil
}

// sleep waits for d or the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Resolve finds whose mail an address is: a login equal to the whole address, one equal to the local part, or
// one equal to the local part up to its first +, in this order; what follows the + is the detail, with its
// case. Only the last way gives a detail. Kinds NotFound, Invalid (an address that nobody can have),
// Unavailable. RFC 5233 section 1.
func (a *Authenticator) Resolve(ctx context.Context, address string) (u User, detail string, err error) {
	local, domain := SplitAddress(address)
	user, rest := splitDetail(local)
	tries := make([]string, 0, 4)
	if domain != "" {
		tries = append(tries, local+"@"+domain)
	}
	tries = append(tries, local)
	whole := len(tries)
	if user != local && user != "" {
		if domain != "" {
			tries = append(tries, user+"@"+domain)
		}
		tries = append(tries, user)
	}
	var bad error
	for i, name := range tries {
		clean, err := CleanLogin(name)
		if err != nil {
			bad = err
			continue
		}
		u, err := a.dir.Lookup(ctx, clean)
		if err == nil && i >= whole {
			return u, rest, nil
		}
		if err == nil || mail.KindOf(err) != mail.NotFound {
			return u, "", resolveError(ctx, address, err)
		}
		bad = err
	}
	return User{}, "", bad
}

func resolveError(ctx context.Context, address string, err error) error {
	if err == nil {
		return nil
	}
	return directoryTrouble(ctx, address, err)
}
