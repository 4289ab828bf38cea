package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/proc"
)

const masterWhyLong = `Tells why a running master or one of its children is slow: what its loop does now and
for how long, how long each stage of its rounds took (half of them, 99 in 100, the
longest), its longest round and the longest that anything waited for it, its last
stalls with their causes; and what each child does now. Workers of ours say that
themselves; of other programs the kernel knows what they wait for, how long ago they
last said anything, and how many clients wait at their listener.

It answers even while the loop is stuck, within seconds, and then says where.` + masterText

const masterWhyExample = `  constance master why
  constance master why -p /run/cyrus-master.pid
  constance master why --data /var/lib/constance --json`

func (p *program) masterWhyCmd() *cobra.Command {
	find := masterFinder{p: p}
	c := &cobra.Command{Use: "why", Short: "Tell what a running master and its children do now, and for how long",
		Long: masterWhyLong, Example: masterWhyExample, Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return p.masterWhy(c.Context(), &find) }}
	find.flags(c)
	return c
}

func (p *program) masterWhy(ctx context.Context, find *masterFinder) error {
	proc, err := find.find()
	if err != nil {
		return err
	}
	v, err := askMasterAt[masterLook](ctx, proc, "/master/why")
	if err != nil {
		return err
	}
	askOwn(ctx, &v)
	if p.json {
		return p.table(nil, nil, v)
	}
	fmt.Fprint(p.stdout, headline(&v)+"\n"+drawLoop(&v.Loop))
	fmt.Fprintln(p.stdout)
	if err := p.table([]string{"STAGE", "TIMES", "HALF", "99%", "LONGEST"}, stageRows(v.Loop.Stages),
		nil); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout)
	t := &tree{}
	drawKernel(t, v.Children)
	fmt.Fprint(p.stdout, t)
	for _, e := range v.Errors {
		fmt.Fprintf(p.stderr, "constance: no answer: %s\n", e)
	}
	return nil
}

// drawLoop is what the loop does and did.
func drawLoop(l *master.Loop) string {
	t := &tree{}
	now := "waits for something to do, for " + round(l.StageFor)
	if l.RoundFor > 0 {
		now = fmt.Sprintf("is in stage %s for %s, in this round for %s", l.Stage, round(l.StageFor),
			round(l.RoundFor))
	}
	t.line("the loop " + now)
	if l.Where != "" {
		t.branch(0, false, "in "+l.Where)
	}
	t.branch(0, false, count(l.Rounds, "round"))
	t.branch(0, false, "longest round "+peakText(&l.LongestRound))
	t.branch(0, l.Stalls == 0, "longest wait for it "+peakText(&l.LongestGap))
	if l.Stalls > 0 {
		t.branch(0, true, count(l.Stalls, "stall"))
	}
	for i := range l.Recent {
		s := &l.Recent[i]
		text := fmt.Sprintf("%s: %s", peakText(&s.Peak), s.Cause())
		if s.Lasts {
			text += " (lasts)"
		}
		t.branch(1, i == len(l.Recent)-1, text)
	}
	return t.String()
}

func peakText(p *master.Peak) string {
	if p.At.IsZero() {
		return "none"
	}
	return fmt.Sprintf("%s%s, %s", round(p.For), inStage(p), p.At.Format("2006-01-02 15:04:05.000"))
}

func stageRows(list []master.Histogram) (rows [][]string) {
	for i := range list {
		h := &list[i]
		rows = append(rows, []string{h.Stage, num(h.Total()), round(h.Quantile(0.5)), round(h.Quantile(0.99)),
			round(h.Max)})
	}
	return rows
}

// drawKernel draws what each child does.
func drawKernel(t *tree, list []childLook) {
	name := ""
	for i := range list {
		c := &list[i]
		if at := strings.TrimSpace(c.Service + "  " + c.Listen); at != name || i == 0 {
			name = at
			title := cmp.Or(name, "children, by the kernel's word")
			if c.Pending > 0 {
				title += "  " + count(c.Pending, "client") + " waiting"
			}
			t.line(title)
		}
		last := i == len(list)-1 || list[i+1].Service != c.Service || list[i+1].Listen != c.Listen
		t.branch(0, last, childLine(c))
		for k, line := range ownLines(c) {
			t.branch(1, k == len(c.Sessions), line)
		}
	}
}

func childLine(c *childLook) string {
	if c.PID == 0 {
		return "is being started, for " + round(c.Since)
	}
	text := fmt.Sprintf("%-7d", c.PID)
	if c.State != "" {
		text += " " + c.State
	}
	if c.Since > 0 {
		text += " for " + round(c.Since)
	}
	if c.Heard >= 0 {
		text += ", last heard " + round(c.Heard) + " ago"
	} else if c.Listen != "" { // others have no way to
		text += ", never said anything"
	}
	if c.Kernel == nil {
		return text + "; has ended"
	}
	k := c.Kernel
	text += fmt.Sprintf("; %s: %s", k.Name, k.State)
	if k.Syscall != "" {
		text += ", " + k.Syscall
	}
	if k.Wait != "" {
		text += " in " + k.Wait
	}
	return text + ", CPU " + round(k.CPU)
}

// ownLines are what a worker of ours says of itself: a line, and one for each of its sessions that does
// something.
func ownLines(c *childLook) []string {
	if c.Own == nil {
		return nil
	}
	o := c.Own
	text := fmt.Sprintf("%d of %s, %d served", o.Active, count(o.Limit, "connection"), o.Accepted)
	if o.Draining {
		text += ", draining"
	}
	if o.Panics > 0 {
		text += ", " + count(o.Panics, "panic")
	}
	lines := []string{text}
	for _, s := range c.Sessions {
		lines = append(lines, fmt.Sprintf("%s from %s: %s %s for %s", dash(s.User), s.Remote, dash(s.Command),
			s.Doing,
			ago(time.Now(), s.Since)))
	}
	return lines
}

// sessionsShown is how many sessions of a worker are told of: those that do something for the longest.
const sessionsShown = 5

// ownPatience is how long the workers may take to answer for themselves, all at once.
const ownPatience = 3 * time.Second

// askOwn asks those children that are workers of ours, by their sockets.
func askOwn(ctx context.Context, v *masterLook) {
	ctx, cancel := context.WithTimeout(ctx, ownPatience)
	defer cancel()
	socks := map[string][]admin.Process{} // by directory
	var wg sync.WaitGroup
	var mu sync.Mutex // guards v.Errors
	for i := range v.Children {
		c := &v.Children[i]
		own, ok := ownSocket(c.PID, socks)
		if !ok {
			continue
		}
		wg.Go(func() {
			st, err := admin.Ask[admin.Status](ctx, own, "/status")
			if err == nil {
				c.Own = &st
				var all []admin.Session
				all, err = admin.Ask[[]admin.Session](ctx, own, "/sessions")
				c.Sessions = busiest(all)
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				v.Errors = append(v.Errors, err.Error())
			}
		})
	}
	wg.Wait()
	slices.Sort(v.Errors)
}

// busiest are the sessions that do something other than wait for their client, the longest first.
func busiest(all []admin.Session) []admin.Session {
	all = slices.DeleteFunc(all, func(s admin.Session) bool { return s.Doing == "idle" || s.Doing == "" })
	slices.SortFunc(all, func(a, b admin.Session) int { return a.Since.Compare(b.Since) })
	return all[:min(sessionsShown, len(all))]
}

// ownSocket finds the socket of a worker of ours by the data directory that its command line or environment
// names.
func ownSocket(pid int, socks map[string][]admin.Process) (admin.Process, bool) {
	if pid == 0 {
		return admin.Process{}, false
	}
	argv, env, cwd := proc.Command(pid)
	dir := dataOf(argv, env)
	if dir == "" {
		return admin.Process{}, false
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(cwd, dir)
	}
	if _, ok := socks[dir]; !ok {
		socks[dir] = admin.Processes(filepath.Join(dir, "run"))
	}
	k := slices.IndexFunc(socks[dir], func(p admin.Process) bool { return p.PID == pid })
	if k < 0 {
		return admin.Process{}, false
	}
	return socks[dir][k], true
}

// dataOf is the data directory of a command line of ours, "" if it is not ours.
func dataOf(argv, env []string) string {
	verb := func(a string) bool { return a == "imapd" || a == "lmtpd" || a == "httpd" }
	if len(argv) < 2 || !slices.ContainsFunc(argv[1:], verb) {
		return ""
	}
	for i, a := range argv {
		if dir, ok := strings.CutPrefix(a, "--data="); ok {
			return dir
		}
		if a == "--data" && i+1 < len(argv) {
			return argv[i+1]
		}
	}
	for _, kv := range env {
		if dir, ok := strings.CutPrefix(kv, "CONSTANCE_DATA="); ok {
			return dir
		}
	}
	return "data"
}
