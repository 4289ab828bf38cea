package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cyrusconf"
)

const masterLong = `Run services by the files of a Cyrus installation, in place of Cyrus's master:
the same cyrus.conf, the same options, the same contract with the services,
which may be Cyrus's own or Constance's ("constance imapd", "constance lmtpd").

SIGHUP reads cyrus.conf again: all of it, or, if it has a fault, nothing. Idle
workers are replaced, busy ones finish first. SIGTERM, SIGINT and SIGQUIT end all
workers, after the grace time by SIGKILL. SIGUSR1 writes the stacks of all
goroutines to the log (SIGQUIT does too).

Not obeyed yet: at= and cron= in EVENTS (refused), wait= in DAEMON (started as the others).

Exit codes: 0 ended as told, 1 a command of START failed, 69 an address cannot
be had (with master_bind_errors_fatal), 71 pid file, 78 wrong configuration.`

const masterExample = `  constance master -C /etc/imapd.conf -M /etc/cyrus.conf
  constance master -M cyrus.conf --check       # is the file right?
  constance master -M cyrus.conf -p m.pid -D   # in the foreground, logging to standard error`

// masterFlags are the options, under the letters that Cyrus gave them.
type masterFlags struct {
	imapdConf, cyrusConf  string
	pidFile, readyFile    string
	output, libexec       string
	backlog, janitor      int
	verbose               int
	daemon, keep, version bool
	check                 bool
}

// masterCommand is the verb master.
func masterCommand() *cobra.Command {
	f := &masterFlags{}
	c := &cobra.Command{Use: "master", Short: "Run services by a cyrus.conf", Long: masterLong, Example: masterExample,
		Args: cobra.ArbitraryArgs, // ignored, as by Cyrus
		RunE: func(c *cobra.Command, _ []string) error { return masterError(f.run(c)) }}
	flags := c.Flags()
	flags.StringVarP(&f.imapdConf, "imapd-conf", "C", "/etc/imapd.conf",
		"imapd.conf for the master itself; services get their own in cmd=")
	flags.StringVarP(&f.cyrusConf, "cyrus-conf", "M", "/etc/cyrus.conf", "the services to run")
	flags.StringVarP(&f.pidFile, "pid-file", "p", "",
		"pid file (default: master_pid_file of imapd.conf, or /run/cyrus-master.pid)")
	flags.StringVarP(&f.readyFile, "ready-file", "r", "",
		"file that exists while the master is ready (default: master_ready_file of imapd.conf, or none)")
	flags.StringVarP(&f.output, "log-output", "L", "", "append standard output and error of all services to this file")
	flags.StringVar(&f.libexec, "libexec", "/usr/lib/cyrus/bin", "directory of programs that cmd= names without a path")
	flags.IntVarP(&f.backlog, "backlog", "l", 4096, "connections that may wait to be accepted, for each listener")
	flags.IntVarP(&f.janitor, "janitor", "j", 1, "without effect; Cyrus's masters know it")
	flags.CountVarP(&f.verbose, "verbose", "v", "log more; again for still more")
	flags.BoolVarP(&f.daemon, "daemon", "d", false,
		"go to the background; the exit code tells whether the start went well")
	flags.BoolVarP(&f.keep, "keep", "D", false, "keep standard input, output and error open, and log to standard error")
	flags.BoolVarP(&f.version, "print-version", "V", false, "print the version and end")
	flags.BoolVar(&f.check, "check", false, "check cyrus.conf, list what is odd in it, and end")
	return c
}

// masterError gives the master's exit codes to errors.go.
func masterError(err error) error {
	var m *master.Error
	var conf *cyrusconf.Error
	switch {
	case errors.As(err, &m):
		return &hintError{err: err, code: m.Code}
	case errors.As(err, &conf):
		return &hintError{err: err, code: exitConfig}
	}
	return err
}

func (f *masterFlags) run(c *cobra.Command) error {
	switch {
	case f.version:
		_, err := fmt.Fprintln(c.OutOrStdout(), "constance", version())
		return err
	case f.check:
		_, warnings, err := cyrusconf.Load(f.cyrusConf, f.find())
		for _, w := range warnings {
			fmt.Fprintln(c.OutOrStdout(), "warning:", w)
		}
		return configError(err)
	case f.daemon && f.keep:
		return &master.Error{Code: exitConfig, Err: errors.New("-d and -D exclude each other")}
	case f.janitor < 1:
		return &master.Error{Code: exitConfig, Err: errors.New("-j must be at least 1")}
	case f.daemon && os.Getenv(readyEnv) == "":
		return background()
	}
	return f.serve(c.Context())
}

// serve is the master itself.
func (f *masterFlags) serve(ctx context.Context) error {
	opts := cyrusconf.Imapd{}
	if text, err := os.ReadFile(f.imapdConf); err == nil {
		opts = cyrusconf.ParseImapd(string(text))
	} else if !os.IsNotExist(err) {
		return &master.Error{Code: exitConfig, Err: err}
	}
	log := f.logger(opts)
	conf, err := f.load(log)
	if err != nil {
		log.Error(err.Error())
		return configError(err)
	}
	conf.Log, conf.Backlog, conf.TOS = log, f.backlog, opts.TOS()
	conf.BindErrorsFatal = opts.Switch("master_bind_errors_fatal")
	conf.Load = func(_ context.Context, log *slog.Logger) (master.Config, error) { return f.load(log) }
	if conf.Credential, err = credential(opts, log); err != nil {
		return err
	}
	if conf.Output, err = f.streams(); err != nil {
		return err
	}
	lock, err := master.OpenPIDFile(first(f.pidFile, opts["master_pid_file"], "/run/cyrus-master.pid"))
	if err != nil {
		log.Error(err.Error())
		return err
	}
	defer lock.Close()
	ready := first(f.readyFile, opts["master_ready_file"])
	conf.Ready = func() { tellReady(ready, log) }
	if ready != "" {
		defer os.Remove(ready)
	}
	if f.daemon {
		changeDir(opts["configdirectory"])
	}
	err = master.Run(ctx, conf)
	if err != nil {
		log.Error(err.Error())
	}
	return err
}

// load reads cyrus.conf and logs what is odd in it.
func (f *masterFlags) load(log *slog.Logger) (master.Config, error) {
	conf, warnings, err := cyrusconf.Load(f.cyrusConf, f.find())
	for _, w := range warnings {
		log.Warn(w.String())
	}
	return conf, err
}

// find looks for programs where Cyrus keeps them, and then beside ourselves, so that cmd="constance imapd" works.
func (f *masterFlags) find() cyrusconf.Finder {
	self, err := os.Executable()
	if err != nil {
		return cyrusconf.Dirs(f.libexec)
	}
	return cyrusconf.Dirs(f.libexec, filepath.Dir(self))
}

func configError(err error) error {
	if err == nil {
		return nil
	}
	return &master.Error{Code: exitConfig, Err: err}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// credential is who the services run as when the master runs as root.
func credential(opts cyrusconf.Imapd, log *slog.Logger) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	name := first(os.Getenv("CYRUS_USER"), opts["cyrus_user"])
	u, err := user.Lookup(first(name, "cyrus"))
	if err != nil && name == "" {
		log.Warn("there is no user cyrus: services run as root", "hint", "set cyrus_user in imapd.conf")
		return nil, nil
	} else if err != nil {
		return nil, &master.Error{Code: exitFailed, Err: err}
	}
	gid := u.Gid
	if group := first(os.Getenv("CYRUS_GROUP"), opts["cyrus_group"]); group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, &master.Error{Code: exitFailed, Err: err}
		}
		gid = g.Gid
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, &master.Error{Code: exitFailed, Err: err}
	}
	cred := &syscall.Credential{Uid: number(u.Uid), Gid: number(gid)}
	for _, g := range groups {
		cred.Groups = append(cred.Groups, number(g))
	}
	return cred, nil
}

func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 65534 // nobody: only a passwd file with an odd number leads here
	}
	return uint32(n)
}

// streams is where the services' standard output and error go; nil = /dev/null.
func (f *masterFlags) streams() (*os.File, error) {
	switch {
	case f.output != "":
		out, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o666)
		if err != nil {
			return nil, &master.Error{Code: master.ExitOS, Err: err}
		}
		return out, nil
	case f.keep:
		return os.Stderr, nil
	}
	return nil, nil
}

func tellReady(file string, log *slog.Logger) {
	if file != "" {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			log.Error("can't create ready file", "err", err)
		}
	}
	if fd, err := strconv.Atoi(os.Getenv(readyEnv)); err == nil {
		w := os.NewFile(uintptr(fd), "ready")
		w.Write([]byte{'\n'}) //nolint:errcheck // a parent that went away is none of our business
		w.Close()             //nolint:errcheck // as before
		os.Unsetenv(readyEnv) //nolint:errcheck // not for the services
	}
}

func changeDir(dir string) {
	if dir != "" && os.Chdir(dir+"/cores") != nil {
		os.Chdir(dir) //nolint:errcheck // only for core files
	}
}

// readyEnv names the descriptor on which a master in the background reports that it is ready.
const readyEnv = "CONSTANCE_MASTER_READY"

// background starts this program again in a session of its own and waits until it is ready or has failed.
func background() error {
	self, err := os.Executable()
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Env: append(os.Environ(), readyEnv+"=3"),
		Files: []*os.File{null, null, os.Stderr, w}, Sys: &syscall.SysProcAttr{Setsid: true}})
	w.Close() //nolint:errcheck // the child has it
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 { // anything else is its end
		return nil
	}
	st, err := p.Wait()
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	return quietError(max(st.ExitCode(), 1)) // it has said why
}

// logger logs to standard error with -D and to syslog otherwise, as ident "master" or "prefix/master".
func (f *masterFlags) logger(opts cyrusconf.Imapd) *slog.Logger {
	level := slog.LevelInfo
	if f.verbose > 0 || opts.Switch("debug") {
		level = slog.LevelDebug
	}
	if f.keep {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	}
	ident := "master"
	if prefix := first(os.Getenv("CYRUS_SYSLOG_PREFIX"), opts["syslog_prefix"]); prefix != "" {
		ident = prefix + "/" + ident
	}
	w, err := syslog.New(syslog.LOG_MAIL|syslog.LOG_INFO, ident)
	if err != nil {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&syslogHandler{w: w, level: level})
}

// syslogHandler writes plain lines, as those who grep for Cyrus's expect them.
type syslogHandler struct {
	w     *syslog.Writer
	level slog.Level
	attrs []slog.Attr
}

func (h *syslogHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *syslogHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	attr := func(a slog.Attr) bool {
		io.WriteString(&b, " "+a.Key+"="+strconv.Quote(a.Value.String())) //nolint:errcheck // a Builder takes all
		return true
	}
	for _, a := range h.attrs {
		attr(a)
	}
	r.Attrs(attr)
	switch {
	case r.Level >= slog.LevelError:
		return h.w.Err(b.String())
	case r.Level >= slog.LevelWarn:
		return h.w.Warning(b.String())
	case r.Level >= slog.LevelInfo:
		return h.w.Info(b.String())
	}
	return h.w.Debug(b.String())
}

func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &syslogHandler{h.w, h.level, append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

func (h *syslogHandler) WithGroup(string) slog.Handler { return h }
