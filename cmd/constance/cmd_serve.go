package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/cert"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/metrics"
)

const serveLong = `Runs the server: a master process that starts and looks after the services imap,
imaps, lmtp and http as processes of their own, on the data directory, which is made
if it is missing. A self-signed certificate is made once, unless the configuration
names another. Once a day expunged messages are purged (see "constance purge") and
indexes of text brought up to date (see "constance index").

SIGTERM and SIGINT end the server: sessions get the time of server.drain to
finish. SIGHUP reads the configuration again and replaces the workers, busy
ones when they have finished; where it listens stays as it is if the new configuration is
wrong. SIGUSR2 replaces the program by the one on disk, as "constance master upgrade" does.
After a sudden end the next "constance serve" on the data directory takes the listeners
over from the workers that were left behind. Sockets that systemd has opened are used
where a service listens on their addresses.

With --listen a service listens elsewhere than the configuration says: ADDR is
"host:port", "unix:/path" or "off". NAME is imap, imaps, lmtp or http.`

const serveExample = `  constance serve --demo
  constance serve --data /var/lib/constance --listen imap=:143 --listen imaps=:993
  constance serve --listen lmtp=unix:/run/constance/lmtp --listen http=off`

// serveFlags are the flags of serve.
type serveFlags struct {
	listen  []string
	workers int
	demo    bool
	check   bool
}

func (p *program) serveCmd() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Run the server",
		Long:    serveLong,
		Example: serveExample,
		Args:    args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return p.serve(c.Context(), c.CommandPath(), f) },
	}
	c.Flags().StringArrayVar(&f.listen, "listen", nil, "NAME=ADDR, where a service listens; may be given for each service")
	c.Flags().IntVar(&f.workers, "workers", 0, "worker processes of each IMAP service (default: imap.workers, or as many as processors, at least 2)")
	c.Flags().BoolVar(&f.demo, "demo", false, "add the demo accounts alice/alice and bob/bob, if they are missing, and print what to try")
	c.Flags().BoolVar(&f.check, "check", false, "check the configuration and end")
	return c
}

// server is what one serve works with.
type server struct {
	p        *program
	flags    serveFlags
	dir      string // absolute
	exe      string // our own program
	confPath string // absolute, or ""
	log      *slog.Logger
	lock     *os.File // of the data directory
}

// heldLock is the name of the data directory's lock for a successor.
const heldLock = "serve.lock"

func (p *program) serve(ctx context.Context, command string, f serveFlags) error {
	s := &server{p: p, flags: f}
	conf, err := s.load()
	if err != nil {
		var u *usageError
		if errors.As(err, &u) {
			u.command = command
		}
		return err
	}
	if s.dir, err = filepath.Abs(p.dataDir()); err != nil {
		return err
	}
	p.data = s.dir
	if s.exe, err = os.Executable(); err != nil {
		return err
	}
	if path := p.configPath(); path != "" {
		if s.confPath, err = filepath.Abs(path); err != nil {
			return err
		}
	}
	s.log = p.logger(conf).With("service", "master", "pid", os.Getpid())
	if f.check {
		_, err := master.New(s.masterConfig(conf))
		return serveError(err)
	}
	lock := p.from.File(heldLock)
	if lock == nil {
		if lock, err = lockData(s.dir); err != nil {
			return err
		}
	}
	defer lock.Close()
	s.lock = lock
	if err := s.prepare(ctx); err != nil {
		return err
	}
	return s.run(ctx, conf)
}

// load reads the configuration and puts the flags over it.
func (s *server) load() (*config.Config, error) {
	c, err := s.p.load()
	if err != nil {
		return nil, err
	}
	if s.flags.workers < 0 || s.flags.workers > 1024 {
		return nil, &usageError{text: "--workers must be from 0 to 1024"}
	}
	if s.flags.workers > 0 {
		c.IMAP.Workers = s.flags.workers
	}
	if c.IMAP.Workers == 0 {
		c.IMAP.Workers = max(2, runtime.NumCPU())
	}
	for _, l := range s.flags.listen {
		if err := setListen(&c.Listen, l); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// setListen carries out one --listen.
func setListen(l *config.Listen, arg string) error {
	name, addr, ok := strings.Cut(arg, "=")
	if !ok {
		return &usageError{text: fmt.Sprintf("--listen %q: write NAME=ADDR", arg)}
	}
	at := map[string]*string{"imap": &l.IMAP, "imaps": &l.IMAPS, "lmtp": &l.LMTP, "http": &l.HTTP}[name]
	switch {
	case name == "pop3" || name == "pop3s" || name == "sieve":
		return &usageError{text: fmt.Sprintf("--listen %s: not yet", name), hint: "NAME is imap, imaps, lmtp or http"}
	case at == nil:
		return &usageError{text: fmt.Sprintf("--listen %s: there is no such service", name), hint: "NAME is imap, imaps, lmtp or http"}
	}
	if err := config.CheckAddress(addr); err != nil {
		return &usageError{text: fmt.Sprintf("--listen %s: %v", name, err)}
	}
	*at = addr
	return nil
}

// prepare makes what the services need: certificate, store, directory of users, demo accounts.
func (s *server) prepare(ctx context.Context) error {
	b, err := s.p.open()
	if err != nil {
		return err
	}
	if _, err = cert.Open(certOptions(s.dir, b.conf, s.log)); err == nil && s.flags.demo {
		err = b.addDemo(ctx)
	}
	return errors.Join(err, b.Close())
}

// lockData makes the data directory ours: one server at a time.
func lockData(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid := make([]byte, 20)
		n, _ := f.ReadAt(pid, 0) // a message without the pid says enough
		return nil, errors.Join(&hintError{err: fmt.Errorf("a server runs on %s already (pid %s)", dir, strings.TrimSpace(string(pid[:n]))),
			hint: "`constance status` shows it; SIGTERM to that process ends it", code: exitFailed}, f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// run runs the master until it is told to end.
func (s *server) run(ctx context.Context, conf *config.Config) error {
	mc := s.masterConfig(conf)
	mc.Log, mc.Output, mc.BindErrorsFatal = s.log, os.Stderr, true
	mc.Load = func(context.Context, *slog.Logger) (master.Config, error) {
		c, err := s.load()
		if err != nil {
			return master.Config{}, err
		}
		return s.masterConfig(c), nil
	}
	mc.StateFile, mc.Activated = filepath.Join(s.dir, "run", "master.state"), master.ListenFDs()
	mc.From, mc.Successor = s.p.from, successor(map[string]*os.File{heldLock: s.lock})
	if mc.From == nil {
		mc.Ready = func() { s.ready(conf) }
	}
	sup := supervise(&mc, s.p.getenv)
	m, err := master.New(mc)
	if err != nil {
		return err
	}
	defer sup.start(m)()
	defer startSNMP(m, snmpOptions{conf.SNMP.Socket, conf.SNMP.Ping}, s.log)()
	set := metrics.New()
	set.Register(masterCollector{m})
	a, err := admin.Listen(filepath.Join(s.dir, "run"), admin.Options{Service: "master", Status: func() admin.Status { return masterStatus(m) },
		Metrics: set.Handler(), Handle: controlHandlers(m, s.log), Log: s.log, Inherited: mc.From.File(heldControl)})
	if err != nil {
		return err
	}
	holdControl(&mc, a)
	return errors.Join(serveError(m.Run(ctx)), a.Close())
}

// serveError explains the master's end.
func serveError(err error) error {
	var e *master.Error
	if !errors.As(err, &e) {
		return err
	}
	h := &hintError{err: err, code: e.Code}
	if e.Code == master.ExitUnavailable {
		h.hint = "somebody else listens there: end that, or listen elsewhere with --listen NAME=ADDR"
	}
	return h
}

// life is how often workers give a sign of life, several times in the time after which one counts as hung.
func life(hung time.Duration) time.Duration {
	if hung <= 0 {
		return 5 * time.Second
	}
	return min(hung/6, 5*time.Second)
}

// masterConfig is the services as the master wants them.
func (s *server) masterConfig(c *config.Config) master.Config {
	mc := master.Config{Grace: c.Server.Drain + 5*time.Second, HungDir: filepath.Join(s.dir, "run")}
	memory := map[string]int64{"imap": c.IMAP.MaxMemory, "imaps": c.IMAP.MaxMemory, "lmtp": c.LMTP.MaxMemory}
	add := func(name, listen string, workers, prefork int, verb ...string) {
		if listen == "off" {
			return
		}
		mc.Services = append(mc.Services, master.Service{Name: name, Argv: s.argv(verb...), Listen: []string{listen}, Prefork: prefork,
			MaxChild: workers, DrainOver: true, Life: life(c.Server.Hung), Silence: c.Server.Hung, MaxMemory: memory[name]})
	}
	each := strconv.Itoa(processorsOf(c.IMAP.Workers, runtime.GOMAXPROCS(0)))
	add("imap", c.Listen.IMAP, c.IMAP.Workers, c.IMAP.Workers, "imapd", "--processors", each)
	add("imaps", c.Listen.IMAPS, c.IMAP.Workers, c.IMAP.Workers, "imapd", "-s", "--processors", each)
	add("lmtp", c.Listen.LMTP, c.LMTP.Workers, c.LMTP.Workers, "lmtpd")
	add("http", c.Listen.HTTP, 1, 1, "httpd")
	mc.Events = []master.Event{{Name: "purge", Argv: s.argv("purge", "--log"), Period: 24 * time.Hour}}
	s.addIndexer(&mc, c.Store.Index)
	return mc
}

// processorsOf is how many of all processors each of so many workers works on: more of them than there are only get in each
// other's way. See docs/decisions/022-processors.md.
func processorsOf(workers, all int) int { return (all + workers - 1) / workers }

// addIndexer adds what writes the indexes of text: a daemon for accounts that searches name, and once a day all that have
// one, or that should.
func (s *server) addIndexer(mc *master.Config, which string) {
	daily := s.argv("index", "--log", "--existing")
	switch which {
	case "none":
		return
	case "all":
		daily = s.argv("index", "--log")
	}
	mc.Services = append(mc.Services, master.Service{Name: "index", Argv: s.argv("index", "--follow"), Daemon: true})
	mc.Events = append(mc.Events, master.Event{Name: "reindex", Argv: daily, Period: 24 * time.Hour})
}

// argv is the command line of one of our own verbs.
func (s *server) argv(verb ...string) []string {
	out := append([]string{s.exe}, verb...)
	out = append(out, "--data", s.dir)
	if s.confPath != "" {
		out = append(out, "--config", s.confPath)
	}
	return out
}

// ready tells where the server listens, on standard output.
func (s *server) ready(c *config.Config) {
	var b strings.Builder
	fmt.Fprintf(&b, "constance: serving %s\n", s.dir)
	for _, l := range [][2]string{{"imap", c.Listen.IMAP}, {"imaps", c.Listen.IMAPS}, {"lmtp", c.Listen.LMTP}, {"http", c.Listen.HTTP}} {
		fmt.Fprintf(&b, "  %-6s %s\n", l[0], l[1])
	}
	if s.flags.demo {
		b.WriteString(s.tryThese(c))
	}
	fmt.Fprint(s.p.stdout, b.String())
}

// tryThese are commands that show the server at work.
func (s *server) tryThese(c *config.Config) string {
	pem := filepath.Join(s.dir, "tls", "cert.pem")
	if c.TLS.Certificate != "" {
		pem = c.TLS.Certificate
	}
	return fmt.Sprintf(`
Demo accounts: alice (password alice) and bob (password bob). Try, in another terminal:

  curl --user alice:alice 'imap://%s/INBOX' --request 'FETCH 1:5 (FLAGS ENVELOPE)'

  printf 'a LOGIN bob bob\r\nb STATUS INBOX (MESSAGES UNSEEN)\r\nc LOGOUT\r\n' | openssl s_client -quiet -servername localhost -verify_return_error -CAfile %s -connect %s

  printf 'From: you@example.org\nSubject: Hello\n\nHello Alice!\n' | %s deliver --to alice --data %s -

`, c.Listen.IMAP, pem, c.Listen.IMAPS, s.exe, s.dir)
}
