package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
)

const statusLong = `Shows the running server of the data directory: its services and where they
listen, their worker processes with the connections of each, and the sessions: who is
logged in from where, and what the session does or waits for since when.

Every process is asked by its own socket below run/ in the data directory. One that
does not answer within 5 seconds is named as such. The exit code is 1 if no server
runs or none of its processes answers.`

func (p *program) statusCmd() *cobra.Command {
	sessions := 100
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show services, workers and sessions of the running server",
		Long:    statusLong,
		Example: "  constance status\n  constance status --sessions 0\n  constance status --json",
		Args:    args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			v := admin.Look(c.Context(), p.runDir())
			if len(v.Processes) == 0 && len(v.Errors) == 0 {
				return &hintError{err: fmt.Errorf("no server runs on %s", p.dataDir()), hint: "`constance serve` starts one", code: exitFailed}
			}
			if err := p.printView(v, sessions); err != nil || len(v.Processes) > 0 {
				return err
			}
			return quietError(exitFailed) // nobody answered, and printView said so
		},
	}
	c.Flags().IntVar(&sessions, "sessions", 100, "how many sessions to show, the oldest first (a table only; JSON has all)")
	return c
}

// runDir is where the processes have their sockets.
func (p *program) runDir() string { return filepath.Join(p.dataDir(), "run") }

func (p *program) printView(v admin.View, sessions int) error {
	if p.json {
		return p.table(nil, nil, v)
	}
	now := time.Now()
	if err := p.table([]string{"SERVICE", "LISTEN", "READY", "BUSY", "WANTED", "MOST", "NOTE"}, serviceRows(v), nil); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout)
	if err := p.table([]string{"WORKER", "PID", "STATE", "SINCE", "CONNECTIONS", "LIMIT", "SERVED", "PANICS"}, workerRows(v, now), nil); err != nil {
		return err
	}
	if rows := sessionRows(v, sessions, now); len(rows) > 0 {
		fmt.Fprintln(p.stdout)
		head := []string{"USER", "REMOTE", "SERVICE", "PID", "COMMANDS", "COMMAND", "DOING", "SINCE", "AGE"}
		if err := p.table(head, rows, nil); err != nil {
			return err
		}
	}
	if n := len(v.Sessions) - sessions; n > 0 {
		fmt.Fprintf(p.stdout, "and %d more sessions\n", n)
	}
	for _, e := range v.Errors {
		fmt.Fprintf(p.stderr, "constance: no answer: %s\n", e)
	}
	return nil
}

func serviceRows(v admin.View) (rows [][]string) {
	for _, proc := range v.Processes {
		if proc.Master == nil {
			continue
		}
		for _, s := range proc.Master.Services {
			most := strconv.Itoa(s.MaxChild)
			if s.MaxChild <= 0 {
				most = "-"
			}
			rows = append(rows, []string{s.Name, s.Listen, strconv.Itoa(s.Ready), strconv.Itoa(s.Active), strconv.Itoa(s.Prefork), most, s.Trouble})
		}
	}
	return rows
}

// workerRows joins what the master and what the workers themselves say.
func workerRows(v admin.View, now time.Time) (rows [][]string) {
	self := map[int]admin.Status{}
	for _, proc := range v.Processes {
		self[proc.PID] = proc
	}
	for _, proc := range v.Processes {
		if proc.Master == nil {
			continue
		}
		for _, s := range proc.Master.Services {
			for _, w := range s.Workers {
				st, known := self[w.PID]
				row := []string{s.Name, strconv.Itoa(w.PID), w.State, ago(now, w.Since), "?", "?", "?", "?"}
				if known {
					row = append(row[:4], strconv.FormatInt(st.Active, 10), strconv.Itoa(st.Limit), strconv.FormatInt(st.Accepted, 10),
						strconv.FormatInt(st.Panics, 10))
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func sessionRows(v admin.View, limit int, now time.Time) (rows [][]string) {
	for _, s := range v.Sessions[:min(max(limit, 0), len(v.Sessions))] {
		remote := s.Remote
		if s.TLS {
			remote += " tls"
		}
		rows = append(rows, []string{dash(s.User), remote, s.Service, strconv.Itoa(s.PID), strconv.FormatInt(s.Commands, 10), dash(s.Command),
			s.Doing, ago(now, s.Since), ago(now, s.Started)})
	}
	return rows
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ago is how long ago t was, to the unit that matters.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := max(now.Sub(t), 0)
	switch {
	case d < time.Second:
		return d.Truncate(time.Millisecond).String()
	case d < time.Hour:
		return d.Truncate(time.Second).String()
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}
