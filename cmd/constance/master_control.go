package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cyrusconf"
	"github.com/constance-mail/constance/internal/proc"
)

// controlHelp is the help text of --control, for the master and for the verbs that ask it.
const controlHelp = `control socket, or "off" (default: the pid file's name with .sock in place of .pid)`

// masterPIDFile is the pid file: the flag, master_pid_file of imapd.conf, or where Cyrus's masters have it.
func masterPIDFile(flag string, opts cyrusconf.Imapd) string {
	return first(flag, opts.Path("master_pid_file"), "/run/cyrus-master.pid")
}

// controlPath is the control socket of a master with this pid file; "" for none.
func controlPath(flag, pidFile string) string {
	switch flag {
	case "off":
		return ""
	case "":
		return strings.TrimSuffix(pidFile, ".pid") + ".sock"
	}
	return flag
}

// controls are the ways to look at a master.
type controls struct {
	socket string // control socket, "" = none
	snmp   snmpOptions
}

// runControlled runs a master that answers on a control socket and to an SNMP agent, and tells the service
// manager how it does. Without its socket it serves all the same.
func runControlled(ctx context.Context, conf master.Config, by controls) error {
	sup := supervise(&conf, os.Getenv)
	m, err := master.New(conf)
	if err != nil {
		return err
	}
	defer sup.start(m)()
	defer startSNMP(m, by.snmp, conf.Log)()
	if by.socket == "" {
		return m.Run(ctx)
	}
	a, err := admin.ListenAt(by.socket, admin.Options{Service: "master",
		Status: func() admin.Status { return masterStatus(m) },
		Handle: controlHandlers(m, conf.Log), Log: conf.Log, Inherited: conf.From.File(heldControl)})
	if err != nil {
		conf.Log.Warn("no control socket: constance master status will not find this master", "err", err)
		return m.Run(ctx)
	}
	holdControl(&conf, a)
	err = m.Run(ctx)
	if e := a.Close(); e != nil {
		conf.Log.Warn("control socket", "err", e)
	}
	return err
}

// heldControl is the name of the control socket for a successor.
const heldControl = "control"

// holdControl keeps the control socket for a successor.
func holdControl(conf *master.Config, a *admin.Server) {
	if conf.Successor == nil {
		return
	}
	f, err := a.File()
	if err != nil {
		conf.Log.Warn("an upgrade will make its control socket anew", "err", err)
		return
	}
	conf.Successor.Files[heldControl] = f
}

// controlHandlers are what a master answers besides what every process does.
func controlHandlers(m *master.Master, log *slog.Logger) map[string]http.HandlerFunc {
	look := func(children bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := admin.Answer(w, lookMaster(r.Context(), m, children)); err != nil {
				log.Debug("control socket", "err", err)
			}
		}
	}
	handlers := admin.Control(masterOrders{m})
	handlers["GET /master/status"], handlers["GET /master/why"] = look(false), look(true)
	return handlers
}

// masterLook is a master as it shows itself on its control socket. In JSON durations are nanoseconds, sizes
// octets.
type masterLook struct {
	Time     time.Time      `json:"time"`
	PID      int            `json:"pid"`
	Answered bool           `json:"answered"`         // the loop did, within a second
	Loop     master.Loop    `json:"loop"`             // known without its answer
	Status   *master.Status `json:"status"`           // its answer, or null
	Children []childLook    `json:"children"`         // by why, or if the loop does not answer
	Errors   []string       `json:"errors,omitempty"` // of workers that did not answer
}

// childLook is what a child does now.
type childLook struct {
	PID      int             `json:"pid"`
	Service  string          `json:"service"` // or the event; empty if only the kernel knows the child
	Listen   string          `json:"listen"`
	State    string          `json:"state"`    // ready, busy, draining; running for an event; empty as Service
	Since    time.Duration   `json:"since"`    // in State
	Heard    time.Duration   `json:"heard"`    // since its last message; -1 = never
	Pending  int             `json:"pending"`  // clients that wait at its listener
	Kernel   *proc.Process   `json:"kernel"`   // null if it has ended
	Own      *admin.Status   `json:"own"`      // its own word; null for programs that are not ours
	Sessions []admin.Session `json:"sessions"` // of its own word, those that do something, the longest first
}

// Bounds of an answer. Nothing of it keeps the loop waiting.
const (
	loopPatience   = time.Second
	kernelPatience = 2 * time.Second // for all children; a big process's page tables take milliseconds to read
)

// lookMaster asks the loop, and the kernel for what the loop does not know.
func lookMaster(ctx context.Context, m *master.Master, children bool) masterLook {
	v := masterLook{Time: time.Now(), PID: os.Getpid(), Loop: m.Loop()}
	ctx, cancel := context.WithTimeout(ctx, loopPatience)
	defer cancel()
	st, err := m.Status(ctx)
	until := time.Now().Add(kernelPatience)
	if err != nil {
		v.Loop = m.Loop() // a second later: it may say where it is stuck
		if errors.Is(err, master.ErrEnded) {
			return v
		}
		for _, pid := range proc.Children(v.PID) {
			v.Children = append(v.Children, childLook{PID: pid, Heard: -1})
		}
		askKernel(v.Children, until)
		return v
	}
	v.Answered, v.Status = true, &st
	if children {
		v.Children = childrenOf(&st)
		askKernel(v.Children, until)
		return v
	}
	for i := range st.Services {
		measure(st.Services[i].Workers, until)
	}
	return v
}

// childrenOf lists workers and runs of events.
func childrenOf(st *master.Status) []childLook {
	out := []childLook{}
	for _, s := range st.Services {
		for _, w := range s.Workers {
			out = append(out, childLook{PID: w.PID, Service: s.Name, Listen: s.Listen, State: w.State, Since: w.Since,
				Heard: w.Heard, Pending: s.Pending})
		}
	}
	for _, e := range st.Events {
		if e.PID != 0 {
			out = append(out, childLook{PID: e.PID, Service: e.Name, State: "running", Heard: -1})
		}
	}
	return out
}

func askKernel(list []childLook, until time.Time) {
	for i := range list {
		if time.Now().After(until) {
			return
		}
		if list[i].PID == 0 {
			continue // it is being started
		}
		if p, err := proc.Look(list[i].PID); err == nil {
			list[i].Kernel = &p
		}
	}
}

func measure(list []master.Worker, until time.Time) {
	for i := range list {
		if time.Now().After(until) {
			return
		}
		if w := &list[i]; w.PID != 0 {
			w.RSS, w.PSS = proc.Memory(w.PID)
		}
	}
}
