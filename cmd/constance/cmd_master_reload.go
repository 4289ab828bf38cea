package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master"
)

const masterReloadLong = `Has a running master read its configuration again, as SIGHUP does, and waits for the
outcome: what has changed is printed, a line each. The workers are replaced, busy ones
when they have finished; nobody who connects is refused.

If the configuration has a fault, nothing changes, the fault is printed, and the exit
code is 1.` + masterText

const masterReloadExample = `  constance master reload
  constance master reload -p /run/cyrus-master.pid
  constance master reload --data /var/lib/constance`

func (p *program) masterReloadCmd() *cobra.Command {
	find := masterFinder{p: p}
	c := &cobra.Command{Use: "reload", Short: "Have a running master read its configuration again", Long: masterReloadLong,
		Example: masterReloadExample, Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			proc, err := find.find()
			if err != nil {
				return err
			}
			o, err := order(c.Context(), proc, "/reload")
			if err != nil {
				return err
			}
			return p.printOutcome(o, "reload")
		}}
	find.flags(c)
	return c
}

// printOutcome prints what an order came to; one that was refused is an error.
func (p *program) printOutcome(o admin.Outcome, what string) error {
	if o.Refused != "" {
		return &hintError{err: fmt.Errorf("%s refused, nothing has changed: %s", what, o.Refused), code: exitFailed}
	}
	if p.json {
		return p.table(nil, nil, o)
	}
	for _, line := range o.Changes {
		fmt.Fprintln(p.stdout, line)
	}
	if len(o.Changes) == 0 {
		fmt.Fprintln(p.stdout, "nothing is different")
	}
	fmt.Fprintln(p.stdout, count(o.Drained, "worker")+" told to finish, to be replaced")
	return nil
}

// order has a master do something and waits for the outcome.
func order(ctx context.Context, p admin.Process, path string) (o admin.Outcome, err error) {
	err = p.Post(ctx, path, func(r io.Reader) error { return json.NewDecoder(r).Decode(&o) })
	if nobody(err) {
		return o, noMaster(p)
	}
	return o, err
}

// masterOrders carries out what comes by the control socket.
type masterOrders struct{ m *master.Master }

// Reload implements admin.Controller.
func (o masterOrders) Reload(ctx context.Context) admin.Outcome {
	r, err := o.m.Reload(ctx)
	if err != nil {
		return admin.Outcome{Refused: err.Error()}
	}
	return admin.Outcome{Changes: r.Changes, Drained: r.Drained}
}
