package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/master"
)

const masterStatusLong = `Shows a running master as a tree: its services, the addresses they listen on, and
the child processes of each with their state and for how long, age, connections and
memory (PSS, or RSS if the kernel tells no more); clients that wait, the rate of
forks, pauses after failures, and when events run next.

With --watch it is drawn again every --interval until Ctrl-C; on a terminal what has
no room is left out at the end. With --json each drawing is a document: durations in
nanoseconds, sizes in octets.` + masterText

const masterStatusExample = `  constance master status
  constance master status -p /run/cyrus-master.pid --watch --interval 1s
  constance master status --data /var/lib/constance --json`

// masterCmd is the verb master with those that ask a running one.
func (p *program) masterCmd() *cobra.Command {
	c := masterCommand(p.from)
	c.AddCommand(p.masterStatusCmd(), p.masterWhyCmd(), p.masterReloadCmd(), p.masterUpgradeCmd())
	return c
}

func (p *program) masterStatusCmd() *cobra.Command {
	find, watch, interval := masterFinder{p: p}, false, 2*time.Second
	c := &cobra.Command{Use: "status", Short: "Show a running master, its services and their processes",
		Long: masterStatusLong, Example: masterStatusExample, Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			show := func(ctx context.Context) (string, error) { return p.masterTree(ctx, &find) }
			switch {
			case !watch:
				text, err := show(c.Context())
				fmt.Fprint(p.stdout, text)
				return err
			case interval < 100*time.Millisecond:
				return &usageError{text: "--interval must be at least 100ms", command: c.CommandPath()}
			}
			return p.watch(c.Context(), interval, show)
		}}
	find.flags(c)
	c.Flags().BoolVar(&watch, "watch", false, "draw it again and again")
	c.Flags().DurationVar(&interval, "interval", interval, "time between two drawings")
	return c
}

// masterTree asks and draws once.
func (p *program) masterTree(ctx context.Context, find *masterFinder) (string, error) {
	proc, err := find.find()
	if err != nil {
		return "", err
	}
	v, err := askMasterAt[masterLook](ctx, proc, "/master/status")
	if err != nil {
		return "", err
	}
	if p.json {
		return jsonText(v)
	}
	return drawStatus(&v), nil
}

// drawStatus is the tree.
func drawStatus(v *masterLook) string {
	t := &tree{}
	t.line(headline(v))
	if v.Status == nil {
		drawKernel(t, v.Children)
		return t.String()
	}
	s := v.Status
	t.line("loop: " + loopLine(&v.Loop))
	t.line(fmt.Sprintf("since the start: %s, %s failed, %s ended, %s reloads, %s refused, %s log lines dropped",
		count(s.Counters.Forks, "fork"), num(s.Counters.ForkFails), num(s.Counters.Exits), num(s.Counters.Reloads),
		num(s.Counters.BadReloads), num(s.LogDropped)))
	for from := 0; from < len(s.Services); {
		to := from + 1
		for to < len(s.Services) && serviceName(&s.Services[to]) == serviceName(&s.Services[from]) {
			to++
		}
		drawService(t, s.Services[from:to])
		from = to
	}
	if len(s.Events) > 0 {
		t.line("events")
		for i := range s.Events {
			t.branch(0, i == len(s.Events)-1, eventLine(&s.Events[i]))
		}
	}
	return t.String()
}

// headline is the master and what is most important to know of it.
func headline(v *masterLook) string {
	if v.Status == nil {
		return fmt.Sprintf("master %d: ITS LOOP DOES NOT ANSWER: in stage %s for %s", v.PID, v.Loop.Stage,
			round(v.Loop.StageFor))
	}
	text := fmt.Sprintf("master %d, up %s", v.PID, round(v.Status.Up))
	if v.Status.Stopping {
		text += ", stopping"
	}
	return text
}

// loopLine is the health of the loop in one line.
func loopLine(l *master.Loop) string {
	return fmt.Sprintf("%s, longest %s%s, longest wait for it %s, %s", count(l.Rounds, "round"),
		round(l.LongestRound.For), inStage(&l.LongestRound), round(l.LongestGap.For), count(l.Stalls, "stall"))
}

func inStage(p *master.Peak) string {
	if p.Stage == "" {
		return ""
	}
	return " in " + p.Stage
}

func serviceName(s *master.ServiceStatus) string {
	name, _, _ := strings.Cut(s.Name, "/")
	return name
}

// drawService draws the listeners of one service.
func drawService(t *tree, list []master.ServiceStatus) {
	sum := list[0]
	for i := range list[1:] {
		s := &list[i+1]
		sum.Ready, sum.Busy, sum.Draining = sum.Ready+s.Ready, sum.Busy+s.Busy, sum.Draining+s.Draining
		sum.Forks, sum.Fails, sum.Conns = sum.Forks+s.Forks, sum.Fails+s.Fails, sum.Conns+s.Conns
	}
	t.line(fmt.Sprintf("%s: %d ready, %d busy, %d draining; %s, %d failed, %s", serviceName(&sum), sum.Ready,
		sum.Busy,
		sum.Draining, count(sum.Forks, "fork"), sum.Fails, count(sum.Conns, "connection")))
	for i := range list {
		s := &list[i]
		last := i == len(list)-1
		t.branch(0, last, listenerLine(s))
		for k := range s.Workers {
			t.branch(1, k == len(s.Workers)-1, workerLine(&s.Workers[k]))
		}
	}
}

// listenerLine leaves out what is as it mostly is.
func listenerLine(s *master.ServiceStatus) string {
	parts := []string{first(s.Listen, "daemon"), fmt.Sprintf("%d ready of %d wanted", s.Ready, s.Prefork)}
	if s.MaxChild > 0 {
		parts = append(parts, fmt.Sprintf("%d of at most %d", s.Ready+s.Busy, s.MaxChild))
	}
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.Starting > 0, "%d starting", s.Starting)
	add(s.Pending > 0, "%s", count(s.Pending, "client")+" waiting")
	add(s.ForkRate >= 0.05, "%.1f forks/s", s.ForkRate)
	add(s.PausedFor > 0, "PAUSED, next fork in %s", round(s.PausedFor))
	add(s.Leaving, "no longer configured")
	return strings.Join(parts, "  ")
}

func workerLine(w *master.Worker) string {
	if w.PID == 0 {
		return "starting  " + round(w.Age)
	}
	conns := count(w.Conns, "connection")
	if w.LastLife >= 0 {
		conns = fmt.Sprintf("%d of %s", w.Active, conns)
	}
	return fmt.Sprintf("%-7d %-8s %7s  age %7s  %s  %s", w.PID, w.State, round(w.Since), round(w.Age), conns,
		memory(w))
}

func memory(w *master.Worker) string {
	switch {
	case w.PSS > 0:
		return size(w.PSS)
	case w.RSS > 0:
		return size(w.RSS) + " with shared"
	}
	return ""
}

func eventLine(e *master.EventStatus) string {
	text := e.Name + "  next in " + round(e.In)
	if e.In < 0 {
		text = e.Name + "  not again"
	}
	if e.PID != 0 {
		text += "  runs as " + strconv.Itoa(e.PID)
	}
	return text
}
