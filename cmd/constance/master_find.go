package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master/cyrusconf"
	"github.com/constance-mail/constance/internal/proc"
)

// masterText ends the help of the verbs that ask a running master.
const masterText = `

The master is found by its control socket: --control, or beside the pid file that -p
or the imapd.conf of -C names. With --data it is the master of "constance serve".
Without any of these it is the one with the default pid file or, if there is none,
the one of the default data directory. The exit code is 1 if none answers.`

// masterFinder finds a running master by the flags of a verb.
type masterFinder struct {
	p                           *program
	control, pidFile, imapdConf string
}

// flags adds the flags that name a master.
func (f *masterFinder) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.control, "control", "", "control socket of the master")
	c.Flags().StringVarP(&f.pidFile, "pid-file", "p", "", "pid file of the master")
	c.Flags().StringVarP(&f.imapdConf, "imapd-conf", "C", "", "imapd.conf of the master")
}

// find is the process to ask. It may not be there any more.
func (f *masterFinder) find() (admin.Process, error) {
	if f.control != "" {
		return admin.At(f.control, "master"), nil
	}
	named := f.pidFile != "" || f.imapdConf != ""
	if !named && (f.p.data != "" || f.p.getenv("CONSTANCE_DATA") != "") {
		return f.ofData()
	}
	opts := cyrusconf.Imapd{}
	text, err := os.ReadFile(first(f.imapdConf, "/etc/imapd.conf"))
	switch {
	case err == nil:
		opts = cyrusconf.ParseImapd(string(text))
	case f.imapdConf != "" || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
		return admin.Process{}, err
	}
	p := admin.At(controlPath("", masterPIDFile(f.pidFile, opts)), "master")
	if named {
		return p, nil
	}
	if _, err := p.Peer(); nobody(err) {
		if p, err := f.ofData(); err == nil {
			return p, nil
		}
	}
	return p, nil
}

// nobody is whether an error says that nobody listens on a control socket: there is none, or it was left behind.
func nobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// ofData is the master of "constance serve" on the data directory.
func (f *masterFinder) ofData() (admin.Process, error) {
	for _, p := range admin.Processes(f.p.runDir()) {
		if p.Service == "master" {
			return p, nil
		}
	}
	return admin.Process{}, &hintError{err: fmt.Errorf("no master runs on %s", f.p.dataDir()),
		hint: "`constance serve` starts one", code: exitFailed}
}

// masterPatience is how long a master may take to answer; it needs less even if its loop is stuck.
const masterPatience = 8 * time.Second

// askMasterAt asks a master for what it has at a path of its control socket. If the whole process does not
// answer, the error says what the kernel knows of it.
func askMasterAt[T any](ctx context.Context, p admin.Process, path string) (T, error) {
	limited, cancel := context.WithTimeout(ctx, masterPatience)
	defer cancel()
	v, err := admin.Ask[T](limited, p, path)
	switch {
	case nobody(err):
		return v, noMaster(p)
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return v, silentMaster(p)
	}
	return v, err
}

// silentMaster tells of a master that takes a connection and says nothing.
func silentMaster(p admin.Process) error {
	pid, err := p.Peer()
	if err != nil {
		return err
	}
	c := childLook{PID: pid, Heard: -1}
	if k, err := proc.Look(pid); err == nil {
		c.Kernel = &k
	}
	return &hintError{err: fmt.Errorf("the master does not answer: %s", childLine(&c)), code: exitFailed,
		hint: "one that is stopped goes on after SIGCONT; of one that hangs, /proc/PID/stack tells more"}
}

func noMaster(p admin.Process) error {
	return &hintError{err: fmt.Errorf("no master answers on %s", p.Path()), code: exitFailed,
		hint: "name it by -p PIDFILE, --control SOCKET or --data DIR"}
}
