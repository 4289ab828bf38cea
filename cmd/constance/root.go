package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/master"
)

// program is one call of the command: its streams and the flags that every verb knows.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string

	data       string // --data
	configFile string // --config
	json       bool   // --json

	from *master.Handover // what the program before in this process handed over, or nil
}

const rootLong = `Constance is an IMAP server: mail comes in by LMTP and is read by IMAP.

The server is one program. "constance serve" runs it with all its services; the
other verbs look after users, mailboxes and messages. They work beside a running
server as well as without one, on the same data directory.

Everything that the server keeps lies in the data directory: ./data unless the
environment variable CONSTANCE_DATA or the flag --data names another.`

const rootExample = `  constance serve --demo                       # a server with two demo accounts
  constance user add carol < password.txt      # a new user
  constance deliver --to carol mail.eml        # a message into carol's INBOX
  constance status                             # what the server is doing`

// root is the tree of all commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "constance",
		Short:         "An IMAP server that does not stall",
		Long:          rootLong,
		Example:       rootExample,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noVerb,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{text: err.Error(), command: c.CommandPath()}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&p.data, "data", "", "data directory (environment CONSTANCE_DATA; default ./data)")
	flags.StringVar(&p.configFile, "config", "", "configuration file (default: constance.toml in the data directory, if there is one)")
	flags.BoolVar(&p.json, "json", false, "print JSON instead of a table or text")
	root.AddCommand(p.serveCmd(), p.masterCmd(), p.handoverCheckCmd(), p.imapdCmd(), p.lmtpdCmd(), p.httpdCmd(), p.userCmd(), p.groupCmd(), p.mailboxCmd(),
		p.deliverCmd(), p.verifyCmd(), p.purgeCmd(), p.indexCmd(), p.statusCmd(), p.whyCmd(), p.traceCmd(), p.configCmd(), p.docsCmd())
	return root
}

// run carries out one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && p.from != nil && !p.from.Taken() {
		err = p.from.Back(err)
	}
	if err != nil {
		return p.report(err)
	}
	return exitDone
}

// noVerb refuses what is no verb.
func noVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	c.SuggestionsMinimumDistance = 2 // letters to change
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{text: fmt.Sprintf("there is no command %q", args[0]), command: c.CommandPath(), hint: hint}
}

// group is a command that only holds others.
func group(use, short, long string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: noVerb,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(children...)
	return c
}

// args wants between low and high arguments; high -1 is any number.
func args(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return &usageError{text: fmt.Sprintf("%d arguments are missing", low-len(args)), command: c.CommandPath()}
		case high >= 0 && len(args) > high:
			return &usageError{text: fmt.Sprintf("%q is one argument too many", args[high]), command: c.CommandPath()}
		}
		return nil
	}
}

// table prints rows below a head, or value as JSON with --json.
func (p *program) table(head []string, rows [][]string, value any) error {
	if p.json {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(value)
	}
	if len(rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// load reads the configuration.
func (p *program) load() (*config.Config, error) {
	return config.Load(p.configPath())
}

// version is the version that the build noted.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}
