package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master"
)

// startControlled runs a master in this process, with a daemon and an event that sleep, and a listener
// without workers; its pid file would be DIR/m.pid.
func startControlled(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	ready, signals, done := make(chan struct{}), make(chan os.Signal), make(chan error, 1)
	conf := master.Config{Log: slog.New(slog.DiscardHandler), Signals: signals, Ready: func() { close(ready) },
		Services: []master.Service{{Name: "idle", Argv: []string{"/bin/sleep", "1000"}, Daemon: true},
			{Name: "pop", Argv: []string{"/bin/sleep", "1000"}, Listen: []string{"unix:" + dir + "/pop"},
				MaxChild: 7}},
		Events: []master.Event{{Name: "nap", Argv: []string{"/bin/sleep", "1000"}, Period: time.Hour}}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- runControlled(ctx, conf, controls{socket: controlPath("", dir+"/m.pid")}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(dir + "/m.sock"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the control socket is left behind: %v", err)
		}
	})
	<-ready
	return dir
}

// A master shows itself on its control socket, which is for its owner only.
func TestMasterStatus(t *testing.T) {
	dir := startControlled(t)
	if fi, err := os.Stat(dir + "/m.sock"); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", fi, err)
	}
	var out string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if out = ok(t, "", "", "master", "status", "-p", dir+"/m.pid"); strings.Contains(out, "runs as") &&
			!strings.Contains(out, "starting") {
			break
		}
	}
	for _, want := range []string{"master " + strconv.Itoa(os.Getpid()) + ", up ", "loop: ",
		"idle: 1 ready, 0 busy",
		"└─ daemon  1 ready of 1 wanted", "   └─ ", "iB", "pop: 0 ready",
		"└─ unix:" + dir + "/pop  0 ready of 0 wanted  0 of at most 7",
		"events\n└─ nap  next in 59m", "runs as "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out = ok(t, "", "", "master", "why", "--control", dir+"/m.sock")
	for _, want := range []string{"the loop ", "longest round ", "STAGE", "listeners ", "idle", "nap",
		"sleep: ", "CPU "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// The names in the JSON are a promise.
func TestMasterJSON(t *testing.T) {
	dir := startControlled(t)
	for verb, want := range map[string][]string{
		"status": {"time", "pid", "answered", "loop", "status", "loop.stage", "loop.stageFor", "loop.roundFor",
			"loop.rounds",
			"loop.longestRound.for", "loop.longestRound.at", "loop.longestGap.for", "loop.stalls", "loop.recent",
			"loop.stages",
			"loop.stages.stage", "loop.stages.counts", "loop.stages.max", "status.up", "status.stopping",
			"status.services",
			"status.services.name", "status.services.listen", "status.services.ready", "status.services.busy",
			"status.services.draining", "status.services.starting", "status.services.prefork",
			"status.services.maxChild",
			"status.services.forks", "status.services.fails", "status.services.conns", "status.services.pending",
			"status.services.forkRate", "status.services.pausedFor", "status.services.leaving",
			"status.services.workers.pid", "status.services.workers.state", "status.services.workers.since",
			"status.services.workers.age", "status.services.workers.conns", "status.services.workers.active",
			"status.services.workers.lastLife", "status.services.workers.heard", "status.services.workers.rss",
			"status.services.workers.pss", "status.events.name", "status.events.in", "status.events.pid",
			"status.counters.Forks",
			"status.rounds", "status.longestRound", "status.longestGap", "status.stalls", "status.logDropped",
			"status.stages"},
		"why": {"children.pid", "children.service", "children.listen", "children.state", "children.since",
			"children.heard",
			"children.pending", "children.kernel", "children.own", "children.sessions"},
	} {
		var v any
		if err := json.Unmarshal([]byte(ok(t, "", "", "master", verb, "--json", "-p", dir+"/m.pid")),
			&v); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		jsonNames(v, "", names)
		for _, name := range want {
			if !names[name] {
				t.Errorf("%s: no %s", verb, name)
			}
		}
	}
}

// jsonNames collects the names of all members, with those that they are in.
func jsonNames(v any, in string, to map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			to[in+name] = true
			jsonNames(member, in+name+".", to)
		}
	case []any:
		for _, e := range v {
			jsonNames(e, in, to)
		}
	}
}

func TestNoMaster(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"-p", dir + "/m.pid"}, {"--control", dir + "/x"}, {"--data", dir}} {
		for _, verb := range []string{"status", "why"} {
			r := call(t, "", "", append([]string{"master", verb}, args...)...)
			if r.code != exitFailed || !strings.Contains(r.errors, "no master") ||
				!strings.Contains(r.errors, "hint: ") {
				t.Errorf("%s %v: %+v", verb, args, r)
			}
		}
	}
	r := call(t, "", "", "master", "status", "-C", dir+"/none")
	if r.code != exitFailed || !strings.Contains(r.errors, "no such file") {
		t.Errorf("no imapd.conf: %+v", r)
	}
}

func TestFindMaster(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "imapd.conf")
	os.WriteFile(conf, []byte("master_pid_file: "+dir+"/a.pid\n"), 0o600)
	p := &program{getenv: func(string) string { return "" }}
	for want, f := range map[string]masterFinder{
		dir + "/x":      {control: dir + "/x", pidFile: "ignored"},
		dir + "/b.sock": {pidFile: dir + "/b.pid", imapdConf: conf},
		dir + "/a.sock": {imapdConf: conf},
		dir + "/c.sock": {pidFile: dir + "/c"},
	} {
		f.p = p
		if got, err := f.find(); err != nil || got.Path() != want {
			t.Errorf("%+v: %s, %v; want %s", f, got.Path(), err, want)
		}
	}
	if controlPath("off", "/run/x.pid") != "" || controlPath("/s", "/run/x.pid") != "/s" {
		t.Error("--control is not obeyed")
	}
}

// A socket that a master left behind is no master.
func TestNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	_, none := admin.At(path, "master").Peer()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	_, somebody := admin.At(path, "master").Peer()
	l.SetUnlinkOnClose(false)
	l.Close()
	_, left := admin.At(path, "master").Peer()
	if !nobody(none) || nobody(somebody) || !nobody(left) {
		t.Errorf("no socket: %v; somebody: %v; left behind: %v", none, somebody, left)
	}
}

// A master whose socket cannot be made serves all the same, and what stands in the way stays as it is.
func TestNoControlSocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.sock")
	os.WriteFile(file, []byte("precious"), 0o600)
	ctx, cancel := context.WithCancel(t.Context())
	conf := master.Config{Log: slog.New(slog.DiscardHandler), Signals: make(chan os.Signal), Ready: cancel}
	if err := runControlled(ctx, conf, controls{socket: file}); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("%q", b)
	}
}

func TestDataOf(t *testing.T) {
	for _, c := range []struct {
		want, argv, env string
	}{
		{"/d", "constance imapd --data /d", ""}, {"/d", "constance lmtpd --data=/d", "CONSTANCE_DATA=/e"},
		{"/e", "constance imapd -s", "A=b CONSTANCE_DATA=/e"}, {"data", "constance httpd", ""},
		{"/d", "constance --data /d imapd", ""}, {"data", "constance imapd --data", ""},
		{"", "imapd -s", ""}, {"", "/bin/sleep 1", ""}, {"", "", ""},
	} {
		if got := dataOf(strings.Fields(c.argv), strings.Fields(c.env)); got != c.want {
			t.Errorf("%q: %q, want %q", c.argv, got, c.want)
		}
	}
}

func TestBusiest(t *testing.T) {
	now := time.Now()
	all := []admin.Session{{User: "idle", Doing: "idle"}}
	for n := range 7 {
		all = append(all, admin.Session{User: strconv.Itoa(n), Doing: "store write",
			Since: now.Add(-time.Duration(n))})
	}
	got := busiest(all)
	users := []string{}
	for _, s := range got {
		users = append(users, s.User)
	}
	if !slices.Equal(users, []string{"6", "5", "4", "3", "2"}) {
		t.Errorf("%v", users)
	}
}

// A loop that is stuck is told of, with where it is and the children by the kernel's word.
func TestStuckLoopIsSeen(t *testing.T) {
	dir := t.TempDir()
	hung, free, ready := make(chan struct{}), make(chan struct{}), make(chan struct{})
	signals, done := make(chan os.Signal), make(chan error, 1)
	conf := master.Config{Log: slog.New(slog.DiscardHandler), Signals: signals, Ready: func() { close(ready) },
		Stall: 20 * time.Millisecond, Phase: func(p master.Phase) {
			if p == master.Reloading {
				close(hung)
				<-free
			}
		}, Services: []master.Service{{Name: "idle", Argv: []string{"/bin/sleep", "1000"}, Daemon: true}}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- runControlled(ctx, conf, controls{socket: dir + "/m.sock"}) }()
	<-ready
	for !strings.Contains(ok(t, "", "", "master", "status", "-p", dir+"/m.pid"), "age") { // until the daemon runs
	}
	signals <- syscall.SIGHUP
	<-hung
	out := ok(t, "", "", "master", "status", "-p", dir+"/m.pid")
	for _, want := range []string{"ITS LOOP DOES NOT ANSWER: in stage signals for ",
		"children, by the kernel's word\n", "sleep: sleeping"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out = ok(t, "", "", "master", "why", "-p", dir+"/m.pid")
	for _, want := range []string{"the loop is in stage signals for ", "(*Master).tell", " stall", "(lasts)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	close(free)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Of a master that says nothing at all the kernel knows the process.
func TestSilentMaster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	text := silentMaster(admin.At(path, "master")).Error()
	if !strings.HasPrefix(text, "the master does not answer: "+strconv.Itoa(os.Getpid())) ||
		!strings.Contains(text, "CPU ") {
		t.Error(text)
	}
	if err := silentMaster(admin.At(path+".none", "master")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
