package master

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/proc"
)

// masterEnv names the directory of a master that is this test binary in a process of its own. In it are conf, the
// services and events in JSON, and control, a socket that takes one order a connection.
const masterEnv = "LEMMING_MASTER"

// failEnv makes a successor give the process back.
const failEnv = "LEMMING_FAIL"

// masterLemming is the main program of such a process.
func masterLemming(dir string) int {
	if len(os.Args) > 1 && os.Args[1] == "check" {
		if err := CheckHandover(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	err := runLemming(dir, log)
	if err != nil {
		log.Error(err.Error())
		return 1
	}
	return 0
}

func runLemming(dir string, log *slog.Logger) error {
	from, err := Inherit()
	if err != nil {
		return from.Back(err)
	}
	if os.Getenv(failEnv) != "" {
		os.Unsetenv(failEnv)
		return from.Back(errors.New("will not take over"))
	}
	load := func(context.Context, *slog.Logger) (c Config, err error) {
		text, err := os.ReadFile(filepath.Join(dir, "conf"))
		if err == nil {
			err = json.Unmarshal(text, &struct {
				Services *[]Service
				Events   *[]Event
			}{&c.Services, &c.Events})
		}
		c.Grace = 5 * time.Second
		return c, err
	}
	c, err := load(context.Background(), log)
	if err != nil {
		return err
	}
	c.Log, c.Load, c.reloadEvery, c.From = log, load, time.Microsecond, from
	c.StateFile, c.Activated = filepath.Join(dir, "state"), ListenFDs()
	c.Successor = &Successor{Binary: self(), Args: os.Args, Check: []string{"check"}, Files: map[string]*os.File{}}
	if f := from.File("kept"); f != nil {
		c.Successor.Files["kept"] = f
	} else if f, err = os.Open(filepath.Join(dir, "conf")); err == nil {
		c.Successor.Files["kept"] = f
	}
	m, err := New(c)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "control")
	os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go obey(m, c)
		}
	}()
	return m.Run(context.Background())
}

// obey carries out one order. An answer is a line of JSON; the end without one is that of the program.
func obey(m *Master, c net.Conn) {
	defer c.Close()
	line, _ := bufio.NewReader(c).ReadString('\n')
	verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	ctx := context.Background()
	switch verb {
	case "status":
		s, _ := m.Status(ctx)
		json.NewEncoder(c).Encode(s)
	case "upgrade":
		json.NewEncoder(c).Encode(m.Upgrade(ctx, arg).Error())
	case "drain":
		n, _ := m.Drain(ctx, arg)
		json.NewEncoder(c).Encode(n)
	case "why":
		_, _, why, _ := m.Upgrades(ctx)
		json.NewEncoder(c).Encode(why)
	}
}

// process is such a master, seen from outside.
type process struct {
	*test
	dir string
	cmd *exec.Cmd
}

// launch starts a master process in a directory of its own, or in dir.
func launch(t *testing.T, dir string, services ...Service) *process {
	t.Helper()
	return launchBy(t, exec.Command(self()), dir, services...)
}

// launchBy is launch by a command of its own.
func launchBy(t *testing.T, cmd *exec.Cmd, dir string, services ...Service) *process {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	for k := range services {
		if services[k].Argv[0] == "lemming" {
			services[k].Path = self()
		}
	}
	text, err := json.Marshal(struct{ Services []Service }{services})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "conf"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{test: &test{T: t, done: make(chan error, 1), log: new(syncBuffer)}, dir: dir, cmd: cmd}
	p.cmd.Env = append(append(os.Environ(), cmd.Env...), masterEnv+"="+dir)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	p.eventually("it answers", func() bool { _, err := p.ask("status"); return err == nil })
	p.eventually("it has started", func() bool { return strings.Contains(p.log.String(), "ready for work") })
	return p
}

func (p *process) end(sig syscall.Signal) {
	if p.ended {
		return
	}
	p.ended = true
	p.cmd.Process.Signal(sig)
	if err := <-p.done; err != nil && sig != syscall.SIGKILL {
		p.Error(err)
	}
}

// eventually looks until what is right.
func (p *process) eventually(what string, right func() bool) {
	p.Helper()
	deadline := time.After(20 * time.Second)
	for !right() {
		select {
		case <-deadline:
			p.Fatalf("never: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// ask gives an order and returns the answer, io.EOF if there is none.
func (p *process) ask(order string) (string, error) {
	c, err := net.Dial("unix", filepath.Join(p.dir, "control"))
	if err != nil {
		return "", err
	}
	defer c.Close()
	fmt.Fprintln(c, order)
	text, err := io.ReadAll(c)
	if err == nil && len(text) == 0 {
		err = io.EOF
	}
	return string(text), err
}

// status asks until there is an answer: during an upgrade there is none.
func (p *process) status() (s Status) {
	p.Helper()
	p.eventually("status", func() bool {
		text, err := p.ask("status")
		return err == nil && json.Unmarshal([]byte(text), &s) == nil
	})
	return s
}

func (p *process) service(n int) ServiceStatus { return p.status().Services[n] }

// upgrade has the process upgraded to binary, "" for the same, and returns the refusal, "" if it was done.
func (p *process) upgrade(binary string) string {
	p.Helper()
	before := p.status().Counters
	text, err := p.ask("upgrade " + binary)
	if err == nil {
		return text
	}
	var now Counters
	p.eventually("upgraded", func() bool {
		now = p.status().Counters
		return now.Upgrades+now.BadUpgrades > before.Upgrades+before.BadUpgrades
	})
	if now.Upgrades > before.Upgrades {
		return ""
	}
	text, _ = p.ask("why")
	return text
}

// children are those that the table has, and those that the kernel has.
func (p *process) children() (table, kernel []int) {
	for _, s := range p.status().Services {
		for _, w := range s.Workers {
			table = append(table, w.PID)
		}
	}
	kernel = proc.Children(p.cmd.Process.Pid)
	slices.Sort(table)
	slices.Sort(kernel)
	return table, kernel
}
