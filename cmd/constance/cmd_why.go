package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/proc"
)

const whyLong = `Tells what the sessions of the running server do or wait for now, and since when: the
password hash, the store, the client that does not read. Without an argument it shows
those that do something, with a USER all of that user, with PID.ID (as shown) one
session.

Where a change of an account waits for the account's lock it tells which process holds
the lock, by the kernel's word, what that process does with it, and how many changes
wait there. What the master and the processes do, "constance master why" tells.`

func (p *program) whyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "why [USER | PID.ID]",
		Short: "Tell what sessions do or wait for, and who holds the lock",
		Long:  whyLong,
		Example: `  constance why
  constance why carol
  constance why 4711.23 --json`,
		Args: args(0, 1),
		RunE: func(c *cobra.Command, list []string) error { return p.why(c.Context(), strings.Join(list, "")) },
	}
}

// whyLook is what `constance why` tells.
type whyLook struct {
	Sessions []admin.Session `json:"sessions"`
	Locks    []lockLook      `json:"locks"`
	Errors   []string        `json:"errors,omitempty"`
}

// lockLook is the lock of an account that somebody holds or waits for.
type lockLook struct {
	Account string         `json:"account"`
	Holder  int            `json:"holder"`            // process, 0 if nobody holds it any more
	Name    string         `json:"name"`              // of the process
	Kernel  string         `json:"kernel,omitempty"`  // what the kernel says of it
	Writers []admin.Writer `json:"writers,omitempty"` // who hold it, or wait
}

func (p *program) why(ctx context.Context, who string) error {
	v := admin.Look(ctx, p.runDir())
	if len(v.Processes) == 0 && len(v.Errors) == 0 {
		return &hintError{err: fmt.Errorf("no server runs on %s", p.dataDir()), hint: "`constance serve` starts one", code: exitFailed}
	}
	look := whyOf(&v, who)
	if who != "" && len(look.Sessions) == 0 {
		return fmt.Errorf("there is no session of %s", who)
	}
	if p.json {
		return p.table(nil, nil, look)
	}
	fmt.Fprint(p.stdout, drawWhy(&look, time.Now()))
	for _, e := range look.Errors {
		fmt.Fprintf(p.stderr, "constance: no answer: %s\n", e)
	}
	return nil
}

// whyOf picks the sessions that are asked for, and the locks of their accounts.
func whyOf(v *admin.View, who string) whyLook {
	look := whyLook{Sessions: []admin.Session{}, Locks: []lockLook{}, Errors: v.Errors}
	accounts := map[string]bool{}
	for _, s := range v.Sessions {
		if who == "" && s.Doing != "idle" || who != "" && (s.User == who || sessionName(&s) == who) {
			look.Sessions = append(look.Sessions, s)
			accounts[s.Account] = true
		}
	}
	slices.SortStableFunc(look.Sessions, func(a, b admin.Session) int { return a.Since.Compare(b.Since) })
	at := map[string]int{} // account to its place in Locks
	for _, w := range v.Writers {
		if who != "" && !accounts[w.Account] {
			continue
		}
		i, ok := at[w.Account]
		if !ok {
			i = len(look.Locks)
			at[w.Account] = i
			look.Locks = append(look.Locks, lockOf(&w))
		}
		look.Locks[i].Writers = append(look.Locks[i].Writers, w)
	}
	return look
}

// lockOf asks the kernel who holds the lock that w holds or waits for.
func lockOf(w *admin.Writer) lockLook {
	l := lockLook{Account: w.Account, Holder: lockHolder(w.Lock)}
	if l.Holder == 0 {
		return l
	}
	if k, err := proc.Look(l.Holder); err == nil {
		l.Name, l.Kernel = k.Name, strings.Trim(k.State+", "+k.Syscall, ", ")
	}
	if argv, _, _ := proc.Command(l.Holder); len(argv) > 1 {
		l.Name += " " + argv[1]
	}
	return l
}

// sessionName is how a session is named: the process, and the number within it.
func sessionName(s *admin.Session) string {
	return strconv.Itoa(s.PID) + "." + strconv.FormatUint(s.ID, 10)
}

func drawWhy(look *whyLook, now time.Time) string {
	t := &tree{}
	if len(look.Sessions) == 0 {
		t.line("no session does anything: all wait for their clients")
	}
	for i := range look.Sessions {
		t.line(sessionLine(&look.Sessions[i], now))
	}
	for i := range look.Locks {
		drawLock(t, &look.Locks[i], now)
	}
	return t.String()
}

func sessionLine(s *admin.Session, now time.Time) string {
	text := fmt.Sprintf("%s %s  %s from %s: ", s.Service, sessionName(s), dash(s.User), s.Remote)
	if s.Doing != "idle" && s.Command != "" {
		text += s.Command + " for " + ago(now, s.Begun) + ", "
	}
	return text + s.Doing + " for " + ago(now, s.Since)
}

func drawLock(t *tree, l *lockLook, now time.Time) {
	if l.Holder == 0 {
		t.line("the lock of account " + l.Account + " is free")
	} else {
		t.line(fmt.Sprintf("the lock of account %s is held by process %d (%s; %s)", l.Account, l.Holder, l.Name, l.Kernel))
	}
	for i, w := range l.Writers {
		does := "waits for it"
		if w.Holds {
			does = "holds it"
		}
		text := fmt.Sprintf("%s %d: %s %s for %s", w.Service, w.PID, cmp.Or(w.Op, "tidying up"), does, ago(now, w.Since))
		if w.Waiting > 0 {
			text += ", " + count(w.Waiting, "more change") + " behind"
		}
		t.branch(0, i == len(l.Writers)-1, text)
	}
}
