package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/imapclient"
)

// get is the body of a page of the http service.
func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	r, err := http.Get("http://" + s.HTTP + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// status is `constance status --json`.
func status(t testing.TB, s *Server) admin.View {
	t.Helper()
	var v admin.View
	if err := json.Unmarshal([]byte(s.Run(t, "", "status", "--json")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestStatusAndHTTP(t *testing.T) {
	s := clientServer(t)
	c := login(t, s, "alice", "wonderland")
	do(t, c, "SELECT INBOX")
	do(t, c, "NOOP")
	var v admin.View
	awaitTrue(t, "all workers answer", func() bool { v = status(t, s); return len(v.Processes) == 1+2+2+2+1 })
	if len(v.Errors) > 0 || len(v.Sessions) != 1 {
		t.Fatalf("view %+v", v)
	}
	if a := v.Sessions[0]; a.User != "alice" || a.Service != "imap" || a.Command != "NOOP" || a.Doing != "idle" || a.Commands != 3 {
		t.Errorf("session %+v", a)
	}
	services := map[string]int{}
	for _, p := range v.Processes {
		services[p.Service]++
		if p.Master != nil && len(p.Master.Services) != 5 { // imap, imaps, lmtp, http, index
			t.Errorf("services %+v", p.Master.Services)
		}
	}
	if services["master"] != 1 || services["imap"] != 2 || services["imaps"] != 2 || services["lmtp"] != 2 || services["http"] != 1 {
		t.Errorf("processes %v", services)
	}
	for _, want := range []string{"imap/ipv4", s.IMAP, "alice", "NOOP"} {
		if text := s.Run(t, "", "status"); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	deliverMany(t, s, "alice", 0, 1)
	if code, body := get(t, s, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("healthz: %d %s", code, body)
	}
	if code, body := get(t, s, "/"); code != http.StatusOK || !strings.Contains(body, "<td>imaps") {
		t.Errorf("index: %d %s", code, body)
	}
	if code, _ := get(t, s, "/none"); code != http.StatusNotFound {
		t.Errorf("an unknown page: %d", code)
	}
	_, body := get(t, s, "/metrics")
	for _, want := range []string{
		`constance_imap_commands_total{command="SELECT",outcome="OK",service="imap",pid="`, `constance_logins_total{outcome="ok",service="imap",pid="`,
		`constance_master_workers{state="ready",worker_service="imap/ipv4",service="master",pid="`, `constance_scrape_ok{service="lmtp",pid="`,
		`constance_master_stage_seconds_count{stage="status",`, `constance_master_longest_gap_seconds{`, `constance_master_hung_total{worker_service="imap/ipv4",`,
		`go_goroutines{service="http",pid="`, `process_resident_memory_bytes{service="imaps",pid="`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in /metrics", want)
		}
	}
	if strings.Contains(body, "alice") {
		t.Error("/metrics names a user")
	}
}

func TestServeRefuses(t *testing.T) {
	s := clientServer(t)
	serve := func(dir string, args ...string) (int, string) {
		cmd := exec.Command(binary, append([]string{"serve", "--data", dir}, args...)...)
		out, err := cmd.CombinedOutput()
		if _, ok := err.(*exec.ExitError); !ok {
			t.Fatalf("serve %v: %v: %s", args, err, out)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if code, out := serve(s.Dir); code != 1 || !strings.Contains(out, "a server runs on "+s.Dir+" already (pid ") {
		t.Errorf("a second server: %d %s", code, out)
	}
	other := t.TempDir()
	code, out := serve(other, "--listen", "imap="+s.IMAP, "--listen", "imaps=off", "--listen", "lmtp=off", "--listen", "http=off")
	if code != 69 || !strings.Contains(out, "Address already in use ("+s.IMAP+")") || !strings.Contains(out, "constance: hint: somebody else listens there") {
		t.Errorf("an address in use: %d %s", code, out)
	}
	if err := os.WriteFile(filepath.Join(other, "constance.toml"), []byte("[tls]\nmin_version = 1.2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := serve(other); code != 78 || !strings.Contains(out, "constance.toml:2: tls.min_version: needs a string, not a number with a fraction") {
		t.Errorf("a wrong configuration: %d %s", code, out)
	}
}

// SIGHUP takes over a new configuration by new workers; who is connected stays with the old one.
func TestReload(t *testing.T) {
	s := clientServer(t)
	c := login(t, s, "alice", "wonderland")
	old := map[int]bool{}
	for _, p := range status(t, s).Processes {
		old[p.PID] = true
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "constance.toml"), []byte("[server]\nhostname = \"renamed.example\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "new workers greet by the new name", func() bool {
		conn, greeting, err := imapclient.Dial(s.IMAP)
		if err != nil {
			return false
		}
		conn.Close()
		return strings.Contains(greeting, "renamed.example")
	})
	do(t, c, "NOOP")
	do(t, c, "LOGOUT")
}

// A delivery and a login over unix sockets.
func TestUnixSockets(t *testing.T) {
	needs(t, "swaks", "swaks")
	if binary == "" {
		t.Skip("-short")
	}
	dir := t.TempDir()
	lmtp := filepath.Join(dir, "lmtp")
	s := StartServer(t, binary, filepath.Join(dir, "data"), "alice:{PLAIN}wonderland\n", "--listen", "lmtp=unix:"+lmtp)
	runProgram(t, dir, "", "swaks", "--protocol", "LMTP", "--socket", lmtp, "--from", "x@example.org", "--to", "alice@example.org")
	if got := do(t, login(t, s, "alice", "wonderland"), "STATUS INBOX (MESSAGES)")[0]; !strings.Contains(got, "MESSAGES 1") {
		t.Error(got)
	}
}
