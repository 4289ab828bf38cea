// Package proc reads what the Linux kernel says about a process: what it does now, what it waits for, how
// much memory it has. Everything comes from files below /proc, each read for itself; a process that has ended
// gives zero values and an error. What the kernel keeps from the reader (for a process of another user) stays
// empty.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Process is what the kernel says of one. In JSON durations are nanoseconds.
type Process struct {
	Name    string        `json:"name"`              // of the program, at most 15 octets
	State   string        `json:"state"`             // running, sleeping, stopped: see states
	CPU     time.Duration `json:"cpu"`               // used so far, by the process and its threads
	Threads int           `json:"threads"`           //
	Wait    string        `json:"wait,omitempty"`    // the kernel function that its first thread sleeps in
	Syscall string        `json:"syscall,omitempty"` // that its first thread is in
}

// states are the letters of proc_pid_stat(5).
var states = map[byte]string{'R': "running", 'S': "sleeping", 'D': "in uninterruptible sleep",
	'Z': "ended, not reaped",
	'T': "stopped", 't': "stopped by a tracer", 'X': "dead", 'x': "dead", 'K': "wakekill", 'W': "waking",
	'P': "parked", 'I': "idle"}

// hertz is the unit of CPU times in stat files: USER_HZ, 100 on every architecture that Go knows.
const hertz = 100

// Look reads what pid does. An error means that there is no such process.
func Look(pid int) (Process, error) {
	s, err := parseStat(read(pid, "stat"))
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	p := s.process()
	if wait := strings.TrimSpace(string(read(pid, "wchan"))); wait != "0" {
		p.Wait = wait
	}
	p.Syscall = syscallName(string(read(pid, "syscall")))
	return p, nil
}

func read(pid int, file string) []byte {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file) // what cannot be read is not known
	return b
}

// stat is what a stat file says.
type stat struct {
	name    string // of the program; it may hold anything
	state   byte   // one of states, or another
	parent  int64
	user    int64 // CPU time, in 1/hertz seconds, as is system
	system  int64
	threads int64
	start   int64 // ticks since the boot
}

// Fields of a stat file after the name, from 0: proc_pid_stat(5) counts the state as 3.
const (
	fieldState   = 0
	fieldParent  = 1
	fieldUser    = 11
	fieldSystem  = 12
	fieldThreads = 17
	fieldStart   = 19
)

// parseStat reads a stat file; the name may hold anything, so what counts is the last parenthesis.
func parseStat(b []byte) (s stat, err error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return s, os.ErrNotExist
	}
	f := bytes.Fields(b[end+1:])
	if len(f) <= fieldStart || len(f[fieldState]) != 1 {
		return s, fmt.Errorf("%d fields in its stat file", len(f))
	}
	s.name, s.state = string(b[open+1:end]), f[fieldState][0]
	for k, to := range [...]*int64{fieldParent: &s.parent, fieldUser: &s.user, fieldSystem: &s.system,
		fieldThreads: &s.threads, fieldStart: &s.start} {
		if to == nil {
			continue
		}
		if *to, err = strconv.ParseInt(string(f[k]), 10, 64); err != nil {
			return stat{}, err
		}
	}
	return s, nil
}

func (s *stat) process() Process {
	p := Process{Name: s.name, State: states[s.state], Threads: int(s.threads),
		CPU: time.Duration(s.user+s.system) * (time.Second / hertz)}
	if p.State == "" {
		p.State = string(rune(s.state))
	}
	return p
}

// Birth tells processes apart that have the same id, one after another.
type Birth struct {
	Parent int   // who started it, or adopted it since
	Start  int64 // clock ticks since the boot
}

// BirthOf is the birth of pid. An error means that there is no such process.
func BirthOf(pid int) (Birth, error) {
	s, err := parseStat(read(pid, "stat"))
	return Birth{int(s.parent), s.start}, err
}

// Memory is how much memory pid has in use, in octets: rss with all of what it shares with others, pss with
// only its share of that. 0 is unknown.
func Memory(pid int) (rss, pss int64) {
	if f := strings.Fields(string(read(pid, "statm"))); len(f) > 1 {
		pages, _ := strconv.ParseInt(f[1], 10, 64) // the kernel's own number
		rss = pages * int64(os.Getpagesize())
	}
	for line := range strings.Lines(string(read(pid, "smaps_rollup"))) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64) // the kernel's own number
			pss = kib << 10
		}
	}
	return rss, pss
}

// Children are the processes that pid started and that have not been reaped, in the order of the kernel,
// thread by thread.
func Children(pid int) []int {
	var out []int
	tasks, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task") // no such process has no children
	for _, t := range tasks {
		for _, f := range strings.Fields(string(read(pid, "task/"+t.Name()+"/children"))) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// Command is the command line of pid, its environment and its working directory; empty if they cannot be
// read.
func Command(pid int) (argv, env []string, dir string) {
	dir, _ = os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd") // what cannot be read is not known
	return zeroes(read(pid, "cmdline")), zeroes(read(pid, "environ")), dir
}

// zeroes splits strings that end in zeroes.
func zeroes(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}
