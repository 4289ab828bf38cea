package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master"
)

const masterUpgradeLong = `Replaces the program of a running master by the one on disk, in the same process, and
waits for the outcome. The listeners stay open and all children stay its children, so
nobody is refused and no connection is cut; then the workers are replaced as by a
reload, busy ones when they have finished. SIGUSR2 asks a master for the same.

The new program is asked first whether it can take over: it must understand the state
of the running one, and accept the configuration. If it cannot, or does not start, the
running program goes on, the reason is printed, and the exit code is 1.` + masterText

const masterUpgradeExample = `  install constance.new /usr/local/bin/constance && constance master upgrade
  constance master upgrade --data /var/lib/constance
  constance master upgrade --binary /opt/constance-2/bin/constance`

func (p *program) masterUpgradeCmd() *cobra.Command {
	find, binary := masterFinder{p: p}, ""
	c := &cobra.Command{Use: "upgrade", Short: "Replace the program of a running master", Long: masterUpgradeLong,
		Example: masterUpgradeExample, Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			proc, err := find.find()
			if err != nil {
				return err
			}
			if binary != "" {
				if binary, err = filepath.Abs(binary); err != nil {
					return err
				}
			}
			return p.upgrade(c.Context(), proc, binary)
		}}
	find.flags(c)
	c.Flags().StringVar(&binary, "binary", "", "the program to go on with (default: that of the running master, as it is on disk now)")
	return c
}

// upgradePatience is how long the new program may take until it answers.
const upgradePatience = 30 * time.Second

// upgrade orders an upgrade. That it is done shows in the count of the program that answers afterwards: the one that was
// asked answers only to refuse.
func (p *program) upgrade(ctx context.Context, proc admin.Process, binary string) error {
	before, err := askMasterAt[admin.Upgrades](ctx, proc, "/upgrades")
	if err != nil {
		return err
	}
	o, err := order(ctx, proc, "/upgrade?"+url.Values{"binary": {binary}}.Encode())
	switch {
	case err == nil:
		return p.printOutcome(o, "upgrade")
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET):
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upgradePatience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := askMasterAt[admin.Upgrades](ctx, proc, "/upgrades")
		switch {
		case err == nil && now.Done > before.Done:
			fmt.Fprintf(p.stdout, "upgraded: process %d runs %s; its workers are being replaced\n", now.PID, now.Version)
			return nil
		case err == nil && now.Failed > before.Failed:
			return p.printOutcome(admin.Outcome{Refused: now.Why}, "upgrade")
		case ctx.Err() != nil:
			return hinted(errors.New("the master does not answer since the upgrade began"), "its log says more")
		}
		<-tick.C
	}
}

// Upgrade implements admin.Controller.
func (o masterOrders) Upgrade(ctx context.Context, binary string) admin.Outcome {
	return admin.Outcome{Refused: o.m.Upgrade(ctx, binary).Error()}
}

// Upgrades implements admin.Controller.
func (o masterOrders) Upgrades(ctx context.Context) (admin.Upgrades, error) {
	done, failed, why, err := o.m.Upgrades(ctx)
	return admin.Upgrades{PID: os.Getpid(), Version: version(), Done: done, Failed: failed, Why: why}, err
}

// handoverCheck is the verb by which a running master asks a program whether it could go on in its place.
const handoverCheck = "handover-check"

// handoverCheckCmd reads the state of the other from standard input and checks the configuration of the command line,
// which is that of the other.
func (p *program) handoverCheckCmd() *cobra.Command {
	return &cobra.Command{Use: handoverCheck + " -- ARGUMENTS", Short: "Say whether this program could replace a running master",
		Hidden: true, Args: args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := master.CheckHandover(p.stdin); err != nil {
				return err
			}
			root := p.root()
			root.SetOut(p.stderr) // what is found is the reason why not
			root.SetArgs(append(args[:len(args):len(args)], "--check"))
			return root.ExecuteContext(c.Context())
		}}
}

// successor is how this program is replaced while it runs.
func successor(files map[string]*os.File) *master.Successor {
	return &master.Successor{Binary: programPath(), Args: os.Args, Files: files,
		Check: append([]string{handoverCheck, "--"}, os.Args[1:]...)}
}

// programPath is where an upgrade finds the program: under the name by which it was started, if that leads to it, since
// the name may be a link that will lead to another.
func programPath() string {
	self, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	named, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self
	}
	if named, err = filepath.Abs(named); err != nil {
		return self
	}
	if target, err := filepath.EvalSymlinks(named); err != nil || target != self {
		return self
	}
	return named
}
