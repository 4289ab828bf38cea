package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cyrusconf"
	"github.com/constance-mail/constance/internal/master/roster"
)

const masterLong = `Run services by the files of a Cyrus installation, in place of Cyrus's master:
the same cyrus.conf, the same options, the same contract with the services,
which may be Cyrus's own or Constance's ("constance imapd", "constance lmtpd").

SIGHUP reads cyrus.conf again: all of it, or, if it has a fault, nothing. Idle
workers are replaced, busy ones finish first. SIGTERM, SIGINT and SIGQUIT end all
workers, after the grace time by SIGKILL. SIGUSR1 writes the stacks of all
goroutines to the log (SIGQUIT does too). SIGUSR2 replaces the program by the one on
disk, as "constance master upgrade" does.

Started as root it becomes the user cyrus when it listens, but for the right to
bind low ports. The ready file appears when the daemons with wait=y are ready and
before the first connection is accepted. Processes that its children leave behind
end with it.

EVENTS go by local time. A run in an hour that summer time leaves out comes right
after it, one in an hour that comes twice runs once; what runs in every hour goes by
the time that passes. A run that still works keeps out the next.

A master that is started after another was killed takes its listeners over: nobody is
refused, and the processes that were left behind finish what they serve. It finds them by
a file beside the pid file, ".state" in place of ".pid". Sockets that systemd has
opened are used where a service listens on their addresses.

Exit codes: 0 ended as told, 1 a command of START failed, 69 an address cannot be
had (with master_bind_errors_fatal), 71 pid file or ready file, 75 another master is
being started (with -d), 78 wrong configuration, or a daemon is not ready. With -d the
code is that of the whole start.`

const masterExample = `  constance master -C /etc/imapd.conf -M /etc/cyrus.conf
  constance master -M cyrus.conf --check       # what is wrong or odd in it?
  constance master -M cyrus.conf -p m.pid -D   # in the foreground, logging to standard error`

// masterFlags are the options, under the letters that Cyrus gave them.
type masterFlags struct {
	imapdConf, cyrusConf  string
	pidFile, readyFile    string
	output, libexec       string
	backlog, janitor      int
	verbose               int
	daemon, keep, version bool
	check, json           bool
	control               string
	agentx                string
	agentxPing            int // seconds
	waitLimit             time.Duration
	from                  *master.Handover
	began                 *os.File // the directory in which the master was started
	starter               *os.File // whoever waits for the start to be over, or nil
}

// masterCommand is the verb master; from is what the program before in this process handed over, or nil.
func masterCommand(from *master.Handover) *cobra.Command {
	f := &masterFlags{from: from}
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
	flags.DurationVar(&f.waitLimit, "wait-limit", time.Minute,
		"for each daemon with wait=y to say that it is ready; one that takes longer ends the start")
	flags.StringVar(&f.control, "control", "", controlHelp)
	flags.StringVarP(&f.agentx, "agentx", "x", "",
		"AgentX socket of an SNMP agent, to be seen by SNMP: a path or tcp:host:port")
	flags.IntVarP(&f.agentxPing, "agentx-ping", "P", 15, "seconds between two looks at that connection")
	flags.BoolVar(&f.check, "check", false, "list what is wrong or odd in cyrus.conf and imapd.conf, and end: 0, or 78 if wrong")
	flags.BoolVar(&f.json, "json", false, "with --check: as JSON")
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
		return f.checkConfig(c.OutOrStdout())
	case f.daemon && f.keep:
		return &master.Error{Code: exitConfig, Err: errors.New("-d and -D exclude each other")}
	case f.janitor < 1:
		return &master.Error{Code: exitConfig, Err: errors.New("-j must be at least 1")}
	case f.daemon && os.Getenv(readyEnv) == "" && f.from == nil:
		return f.background()
	}
	return f.serve(c.Context())
}

// serve is the master itself.
func (f *masterFlags) serve(ctx context.Context) error {
	if err := f.absolute(); err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	opts, err := f.options()
	if err != nil {
		return err
	}
	log := f.logger(opts)
	f.starter = starter()
	err = f.operate(ctx, opts, log)
	if err != nil {
		log.Log(ctx, roster.LevelCrit, err.Error())
	}
	return err
}

// operate runs a master by all that was configured.
func (f *masterFlags) operate(ctx context.Context, opts cyrusconf.Imapd, log *slog.Logger) error {
	conf, err := f.load(log)
	if err != nil && f.from == nil {
		return configError(err)
	} else if err != nil { // what the program before has handed over stays in force; nobody is to be lost for a fault
		log.Error("configuration", "err", err)
		conf = master.Config{}
	}
	if err := f.configure(&conf, opts, log); err != nil {
		return err
	}
	pidFile := masterPIDFile(f.pidFile, opts)
	lock, err := f.lock(pidFile)
	if err != nil {
		return err
	}
	defer lock.Close()
	held := map[string]*os.File{heldPIDFile: lock.File()}
	if f.output != "" {
		held[heldOutput] = conf.Output
	}
	if f.began != nil {
		held[heldDirectory] = f.began
	}
	conf.StateFile, conf.Activated = strings.TrimSuffix(pidFile, ".pid")+".state", master.ListenFDs()
	conf.From, conf.Successor = f.from, successor(held)
	conf.Successor.Directory = f.began
	ready := first(f.readyFile, opts.Path("master_ready_file"))
	conf.Opening = func() error { return createReady(ready) }
	conf.Ready = func() { f.tellReady(conf.Output) }
	if ready != "" {
		defer os.Remove(ready)
	}
	return runControlled(ctx, conf, controls{controlPath(f.control, pidFile),
		snmpOptions{f.agentx, time.Duration(f.agentxPing) * time.Second}})
}

// options reads imapd.conf; without one all options have their defaults.
func (f *masterFlags) options() (cyrusconf.Imapd, error) {
	text, err := os.ReadFile(f.imapdConf)
	switch {
	case err == nil:
		return cyrusconf.ParseImapd(string(text)), nil
	case os.IsNotExist(err):
		return cyrusconf.Imapd{}, nil
	}
	return nil, &master.Error{Code: master.ExitConfig, Err: err}
}

// configure fills in what the options say.
func (f *masterFlags) configure(conf *master.Config, opts cyrusconf.Imapd, log *slog.Logger) (err error) {
	conf.Log, conf.Backlog, conf.TOS = log, f.backlog, opts.TOS()
	conf.BindErrorsFatal = opts.Switch("master_bind_errors_fatal")
	conf.Load = func(_ context.Context, log *slog.Logger) (master.Config, error) { return f.load(log) }
	conf.Subreaper, conf.WaitLimit = true, f.waitLimit
	conf.ProcDir = opts.ProcDir()
	conf.ReportFile, conf.ReportEvery = opts.ReportFile(), opts.ReportEvery()
	if dir := opts["configdirectory"]; dir != "" {
		conf.HungDir = filepath.Join(dir, "log")
		if f.daemon {
			conf.Dirs = []string{filepath.Join(dir, "cores"), dir}
		}
	}
	if conf.User, err = credential(opts, log); err != nil {
		return err
	}
	return f.streams(conf)
}

// What a successor gets: the pid file, the directory in which the master was started, which paths are relative to, and
// the file of -L.
const (
	heldPIDFile   = "pidfile"
	heldDirectory = "directory"
	heldOutput    = "output"
)

// absolute makes file names independent of the working directory, which changes.
func (f *masterFlags) absolute() (err error) {
	var relative []*string
	for _, name := range []*string{&f.imapdConf, &f.cyrusConf, &f.pidFile, &f.readyFile, &f.output, &f.control} {
		if *name != "" && !filepath.IsAbs(*name) && (name != &f.control || *name != "off") {
			relative = append(relative, name)
		}
	}
	if f.began = f.from.File(heldDirectory); f.began != nil {
		// Another user than the one who started the master may not be allowed there, nor need to be.
		if err := f.began.Chdir(); err != nil && len(relative) > 0 {
			return fmt.Errorf("the directory in which the master was started, for %s: %w", *relative[0], err)
		}
	} else if f.began, err = os.Open("."); err != nil {
		f.began = nil // it cannot be read: an upgrade will want absolute names
	}
	for _, name := range relative {
		if *name, err = filepath.Abs(*name); err != nil {
			return err
		}
	}
	return nil
}

// lock takes the pid file, which the program before in this process may have held.
func (f *masterFlags) lock(path string) (*master.PIDFile, error) {
	if held := f.from.File(heldPIDFile); held != nil {
		return master.HeldPIDFile(held), nil
	}
	return master.OpenPIDFile(path)
}

// load reads cyrus.conf and logs what is odd in it.
func (f *masterFlags) load(log *slog.Logger) (master.Config, error) {
	conf, warnings, err := cyrusconf.Load(f.confFile(), f.confOptions())
	for _, w := range warnings {
		log.Warn(w.String())
	}
	conf.Hung = hungAfter
	return conf, err
}

// hungAfter is how long a client may wait until workers that could have taken it are replaced.
const hungAfter = 30 * time.Second

// confFile is cyrus.conf: below $CYRUS_PREFIX if there is one.
func (f *masterFlags) confFile() string {
	if prefix := os.Getenv("CYRUS_PREFIX"); prefix != "" {
		if fi, err := os.Stat(prefix + f.cyrusConf); err == nil && fi.Mode().IsRegular() {
			return prefix + f.cyrusConf
		}
	}
	return f.cyrusConf
}

// confOptions are what cyrus.conf is read with: programs are where Cyrus keeps them, or beside ourselves, so that cmd="constance imapd" works.
func (f *masterFlags) confOptions() cyrusconf.Options {
	dirs := []string{f.libexec}
	if self, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(self))
	}
	return cyrusconf.Options{Find: cyrusconf.Dirs(dirs...), ImapdConf: f.imapdConf}
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
