package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one process of a server that can be asked.
type Process struct {
	Service string
	PID     int
	path    string
}

// Processes lists the processes that have a socket in dir, by service and pid. One that died without removing its socket
// may be among them.
func Processes(dir string) []Process {
	var out []Process
	for _, path := range sockets(dir) {
		name := strings.TrimSuffix(filepath.Base(path), ".sock")
		pid := pidOf(path)
		if pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		out = append(out, Process{Service: name[:strings.LastIndexByte(name, '.')], PID: pid, path: path})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Service != out[j].Service {
			return out[i].Service < out[j].Service
		}
		return out[i].PID < out[j].PID
	})
	return out
}

// At is the process that answers on a socket of this name, whatever its directory; service is for messages only.
func At(path, service string) Process { return Process{Service: service, path: path} }

// Path is the name of its socket.
func (p Process) Path() string { return p.path }

func (p Process) String() string {
	if p.PID == 0 {
		return p.Service
	}
	return fmt.Sprintf("%s %d", p.Service, p.PID)
}

// maxAnswer bounds an answer, in octets.
const maxAnswer = 256 << 20

// Get asks for one path and hands its body to read.
func (p Process) Get(ctx context.Context, path string, read func(io.Reader) error) error {
	return p.do(ctx, http.MethodGet, path, read)
}

// Post asks for something to be done and hands the answer's body to read.
func (p Process) Post(ctx context.Context, path string, read func(io.Reader) error) error {
	return p.do(ctx, http.MethodPost, path, read)
}

func (p Process) do(ctx context.Context, method, path string, read func(io.Reader) error) error {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: p.dial}}
	r, err := http.NewRequestWithContext(ctx, method, "http://constance"+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // the status says enough
		return fmt.Errorf("%s: %s: %s", p, path, strings.TrimSpace(resp.Status+" "+string(text)))
	}
	return read(io.LimitReader(resp.Body, maxAnswer))
}

// Peer is the process id of whoever listens on the socket, by the kernel's word: it holds even for one that is stopped.
func (p Process) Peer() (pid int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := p.dial(ctx, "", "")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, asked); err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}

func (p Process) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	short, done, err := viaDir(p.path)
	if err != nil {
		return nil, err
	}
	defer done()
	return new(net.Dialer).DialContext(ctx, "unix", short)
}

// maxRefusal bounds the text of a refusal, in octets.
const maxRefusal = 4 << 10

// Ask asks for a JSON value.
func Ask[T any](ctx context.Context, p Process, path string) (v T, err error) {
	err = p.Get(ctx, path, func(r io.Reader) error { return json.NewDecoder(r).Decode(&v) })
	return v, err
}

// View is a whole server as its processes tell it.
type View struct {
	Processes []Status  `json:"processes"`
	Sessions  []Session `json:"sessions"`
	Writers   []Writer  `json:"writers"`
	Errors    []string  `json:"errors,omitempty"` // of processes that did not answer
}

// patience is how long one process may take to answer.
const patience = 5 * time.Second

// Look asks all processes for status and sessions. One that does not answer is in Errors, and costs 5 seconds at most.
func Look(ctx context.Context, dir string) View {
	v := View{Processes: []Status{}, Sessions: []Session{}, Writers: []Writer{}}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var mu sync.Mutex // guards v
	Each(Processes(dir), func(p Process) {
		st, err := Ask[Status](ctx, p, "/status")
		ss, err2 := Ask[[]Session](ctx, p, "/sessions")
		ws, _ := Ask[[]Writer](ctx, p, "/writers") // an older program does not know them
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			v.Processes = append(v.Processes, st)
		}
		if err = errors.Join(err, err2); err != nil {
			v.Errors = append(v.Errors, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		v.Sessions, v.Writers = append(v.Sessions, ss...), append(v.Writers, ws...)
	})
	sort.Slice(v.Processes, func(i, j int) bool {
		a, b := v.Processes[i], v.Processes[j]
		return a.Service < b.Service || a.Service == b.Service && a.PID < b.PID
	})
	sort.SliceStable(v.Sessions, func(i, j int) bool { return v.Sessions[i].Started.Before(v.Sessions[j].Started) })
	sort.Strings(v.Errors)
	return v
}

// Each calls f for each process, all at a time, and waits for all.
func Each(ps []Process, f func(Process)) {
	var wg sync.WaitGroup
	for _, p := range ps {
		wg.Go(func() { f(p) })
	}
	wg.Wait()
}
