package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server for a test.
func serve(t *testing.T, dir string, o Options) *Server {
	t.Helper()
	s, err := Listen(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestLook(t *testing.T) {
	// longer than an address of a unix socket can be, and with letters that mean something in a pattern
	dir := filepath.Join(t.TempDir(), strings.Repeat("long[*]/", 20))
	began := time.Now().Add(-time.Hour).UTC()
	serve(t, dir, Options{
		Service:  "imap",
		Status:   func() Status { return Status{Active: 3, Accepted: 9, Limit: 100} },
		Sessions: func() []Session { return []Session{{User: "alice", Doing: "idle", Started: began}} },
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") }),
	})
	serve(t, dir, Options{Service: "master", Status: func() Status {
		return Status{Master: &Master{Services: []Service{{Name: "imap", Ready: 2, Workers: []Worker{{PID: 7, State: "ready"}}}}}}
	}})
	v := Look(t.Context(), dir)
	if len(v.Errors) > 0 || len(v.Processes) != 2 || len(v.Sessions) != 1 {
		t.Fatalf("got %+v", v)
	}
	if p := v.Processes[0]; p.Service != "imap" || p.PID != os.Getpid() || p.Active != 3 || p.Accepted != 9 || p.Started.IsZero() {
		t.Errorf("process %+v", p)
	}
	if m := v.Processes[1].Master; m == nil || m.Services[0].Workers[0].PID != 7 {
		t.Errorf("master %+v", m)
	}
	if s := v.Sessions[0]; s.Service != "imap" || s.PID != os.Getpid() || s.User != "alice" || !s.Started.Equal(began) {
		t.Errorf("session %+v", s)
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, Options{Service: "lmtp", Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") })})
	p := Processes(dir)[0]
	for path, want := range map[string]string{
		"/metrics": "up 1", "/stacks": "goroutine ", "/debug/pprof/": "heap", "/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		var got string
		err := p.Get(t.Context(), path, func(r io.Reader) error {
			b, err := io.ReadAll(r)
			got = string(b)
			return err
		})
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, %v; want %q in it", path, got, err, want)
		}
	}
	if err := p.Get(t.Context(), "/nothing", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an unknown path: %v", err)
	}
}

func TestSocketIsPrivateAndGoesAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	s, err := Listen(dir, Options{Service: "x"})
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(s.path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("socket %v %v", st, err)
	}
	if d, err := os.Stat(dir); err != nil || d.Mode().Perm() != 0o700 {
		t.Errorf("directory %v %v", d, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if ps := Processes(dir); len(ps) != 0 {
		t.Errorf("still there: %v", ps)
	}
}

func TestStaleSocketsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, fmt.Sprintf("imap.%d.sock", dead.Process.Pid))
	odd := filepath.Join(dir, "odd.sock")
	for _, f := range []string{stale, odd} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if ps := Processes(dir); len(ps) != 0 {
		t.Errorf("the dead are listed: %v", ps)
	}
	serve(t, dir, Options{Service: "master"})
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("the stale socket: %v", err)
	}
	if _, err := os.Stat(odd); err != nil {
		t.Errorf("a file of another name: %v", err)
	}
}

// A process that accepts and never answers costs its own answer only.
func TestSilentProcess(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, Options{Service: "imap"})
	l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprintf("hung.%d.sock", os.Getpid())))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	v := Look(ctx, dir)
	if len(v.Processes) != 1 || len(v.Errors) != 1 || !strings.Contains(v.Errors[0], "hung") {
		t.Errorf("got %+v", v)
	}
}

func TestDefaultsAnswer(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, Options{Service: "bare"})
	v := Look(t.Context(), dir)
	if len(v.Errors) != 0 || len(v.Processes) != 1 || v.Sessions == nil {
		t.Errorf("got %+v", v)
	}
	if v := Look(t.Context(), filepath.Join(dir, "none")); len(v.Processes) != 0 || len(v.Errors) != 0 {
		t.Errorf("no server: %+v", v)
	}
}

// A process is known by its own path, and who listens there by the kernel's word.
func TestListenAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	other := filepath.Join(filepath.Dir(path), "x.999999999.sock") // of a process that is gone: none of our business here
	os.WriteFile(other, nil, 0o600)
	for range 2 { // the second finds nothing of the first
		s, err := ListenAt(path, Options{Service: "master", Handle: map[string]http.HandlerFunc{
			"POST /do": func(w http.ResponseWriter, _ *http.Request) { Answer(w, 7) },
			"GET /no":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not today", http.StatusConflict) }}})
		if err != nil {
			t.Fatal(err)
		}
		p := At(path, "master")
		if pid, err := p.Peer(); err != nil || pid != os.Getpid() || p.Path() != path || p.String() != "master" {
			t.Errorf("peer %d, %v; %s", pid, err, p)
		}
		got := ""
		err = p.Post(t.Context(), "/do", func(r io.Reader) error { _, err := fmt.Fscan(r, &got); return err })
		if err != nil || got != "7" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := Ask[int](t.Context(), p, "/no"); err == nil || !strings.Contains(err.Error(), "409") ||
			!strings.Contains(err.Error(), "not today") {
			t.Errorf("a refusal: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("a file beside the socket is gone")
	}
	os.WriteFile(path, []byte("precious"), 0o600)
	if _, err := ListenAt(path, Options{Service: "master"}); err == nil {
		t.Error("a file is replaced")
	}
}
