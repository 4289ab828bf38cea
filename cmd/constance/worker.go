package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/cert"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/metrics"
	"github.com/constance-mail/constance/internal/service"
	"github.com/constance-mail/constance/internal/store/sqlite"
)

// worker is what every service process has: data directory, log, metrics and a socket for the admin.
type worker struct {
	*backend
	name    string // of the service, as the master calls it
	log     *slog.Logger
	metrics *metrics.Set
	stats   service.Stats
	limit   int            // connections
	hangup  chan os.Signal // SIGHUP, which may come before the worker runs
	slow    slowLog
	handle  map[string]http.HandlerFunc // what only this service answers to the admin
}

// deliveryHandles is how many accounts LMTP keeps open: a delivery seldom comes to an account that just had one, and
// SQLite looks through all open databases whenever it opens another one.
const deliveryHandles = 64

// newWorker opens what a service needs. name is used if the master names none.
func (p *program) newWorker(name string, limit func(*config.Config) int) (*worker, error) {
	hangup := service.CatchHangup()
	set := func(o *sqlite.Options) { o.Ready = name != "http" }
	if name == "lmtp" {
		set = func(o *sqlite.Options) { o.Handles = min(o.Handles, deliveryHandles) }
	}
	if n := p.getenv("CYRUS_SERVICE"); n != "" {
		name = n
	}
	b, err := p.openWith(set)
	if err != nil {
		return nil, err
	}
	w := &worker{backend: b, name: name, metrics: metrics.New(), limit: limit(b.conf), hangup: hangup}
	w.log = p.logger(b.conf).With("service", name, "pid", os.Getpid())
	w.slow = slowLog{bound: b.conf.Log.Slow, to: w.log}
	w.metrics.Gauge("constance_connections", "Connections being served.", func() float64 { return float64(w.stats.Active.Load()) })
	w.metrics.Gauge("constance_connections_limit", "Connections that the process serves at most.", func() float64 { return float64(w.limit) })
	w.metrics.Counter("constance_connections_total", "Connections accepted.", func() float64 { return float64(w.stats.Accepted.Load()) })
	w.metrics.Counter("constance_panics_total", "Connections that ended by a mistake of ours.", func() float64 { return float64(w.stats.Panics.Load()) })
	w.metrics.Counter("constance_accept_errors_total", "Times that no connection could be accepted.", func() float64 { return float64(w.stats.AcceptErrors.Load()) })
	return w, nil
}

// run serves until the master has it end. sessions may be nil.
func (w *worker) run(ctx context.Context, sessions func() []admin.Session, serve func(context.Context, net.Conn)) error {
	a, err := admin.Listen(filepath.Join(w.dir, "run"), admin.Options{Service: w.name, Status: w.status, Sessions: sessions,
		Writers: w.writers, Handle: w.handle, Metrics: w.metrics.Handler(), Log: w.log})
	if err != nil {
		return errors.Join(err, w.Close())
	}
	err = service.Run(ctx, service.Options{Limit: w.limit, Drain: w.conf.Server.Drain, Log: w.log, Stats: &w.stats,
		Check: w.check, Hangup: w.hangup}, serve)
	return errors.Join(err, a.Close(), w.Close())
}

// check returns when the directory of users answers, which every login and every recipient needs. What it answers is no
// matter. An account is not asked: one that is stuck must not cost the others their sessions.
func (w *worker) check() {
	_, _ = w.users.Lookup(context.Background(), "\x00") // nobody's name
}

func (w *worker) status() admin.Status {
	return admin.Status{Active: w.stats.Active.Load(), Accepted: w.stats.Accepted.Load(), Panics: w.stats.Panics.Load(),
		Limit: w.limit, Draining: w.stats.Draining.Load()}
}

// authenticator checks passwords and finds recipients, with events to log and metrics.
func (w *worker) authenticator() *auth.Authenticator {
	a := w.conf.Auth
	return auth.New(w.users, auth.Options{Workers: a.Hashers, Remember: never(a.Remember), PenaltyMax: never(a.PenaltyLimit),
		Events: auth.Events{Login: func(e auth.LoginEvent) {
			w.metrics.Login(outcome(e.Err))
			if e.Err != nil {
				w.log.Warn("login refused", "user", e.Login, "remote", e.Remote, "err", e.Err)
			}
		}}})
}

// never is how package auth wants a duration of 0: its own zero is the default.
func never(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// keeper opens certificate and ticket keys, and looks after them until stop.
func (w *worker) keeper() (conf *tls.Config, stop func(), err error) {
	k, err := cert.Open(certOptions(w.dir, w.conf, w.log))
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { k.Run(ctx) })
	return k.TLS(), func() { cancel(); wg.Wait() }, nil
}

func certOptions(dir string, c *config.Config, log *slog.Logger) cert.Options {
	o := cert.Options{Dir: filepath.Join(dir, "tls"), Certificate: c.TLS.Certificate, Key: c.TLS.Key, Hostname: hostname(c), Log: log}
	if c.TLS.MinVersion == "1.3" {
		o.MinVersion = tls.VersionTLS13
	}
	return o
}

// logger writes to standard error as configured.
func (p *program) logger(c *config.Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // config allows only names that slog knows
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: shortTime}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewTextHandler(p.stderr, o))
}

// shortTime keeps milliseconds in the text log.
func shortTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.String(slog.TimeKey, a.Value.Time().Format("2006-01-02T15:04:05.000Z07:00"))
	}
	return a
}
