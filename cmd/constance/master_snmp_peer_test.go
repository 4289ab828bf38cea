package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master"
)

// needs skips the test if a program is missing, naming its Debian package; with CONSTANCE_REQUIRE_PEERS=1, as
// `make test` has it, that is a failure.
func needs(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
			if _, err := os.Stat(dir + program); err == nil {
				return dir + program
			}
		}
		if os.Getenv("CONSTANCE_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is missing: install the Debian package %s", program, pkg)
		}
		t.Skipf("%s is not installed (Debian package %s)", program, pkg)
	}
	return path
}

// snmp is Debian's SNMP agent and its receiver of notifications, both of this test alone.
type snmp struct {
	*testing.T
	socket string // AgentX
	addr   string // of the agent
	traps  string // file with the notifications
	state  string // directory of the snmp commands
	mibs   []string
}

// freeUDP is a port of 127.0.0.1 that was free a moment ago.
func freeUDP(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func startSNMPAgent(t *testing.T) *snmp {
	t.Helper()
	snmpd, trapd := needs(t, "snmpd", "snmpd"), needs(t, "snmptrapd", "snmptrapd")
	needs(t, "snmpwalk", "snmp")
	dir := t.TempDir()
	base, err := filepath.Abs("testdata/mibs")
	if err != nil {
		t.Fatal(err)
	}
	agent, sink := freeUDP(t), freeUDP(t)
	s := &snmp{T: t, socket: dir + "/agentx", addr: fmt.Sprintf("127.0.0.1:%d", agent), traps: dir + "/traps",
		state: dir,
		mibs: []string{"-M", base + ":" + filepath.Join(base, "../../../../dist/mibs"), "-m",
			"CONSTANCE-MASTER-MIB"}}
	conf := fmt.Sprintf("master agentx\nagentXSocket %s\nagentXTimeout 2\nrocommunity public 127.0.0.1\n"+
		"trap2sink 127.0.0.1:%d public\n", s.socket, sink)
	for name, text := range map[string]string{"snmpd.conf": conf,
		"snmptrapd.conf": "disableAuthorization yes\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.run(dir, trapd, "-f", "-C", "-c", dir+"/snmptrapd.conf", "-n", "-Lf", s.traps, "-OnQ",
		fmt.Sprintf("udp:127.0.0.1:%d", sink))
	s.run(dir, snmpd, "-f", "-C", "-c", dir+"/snmpd.conf", "-r", "-Lf", dir+"/log", "udp:"+s.addr)
	return s
}

// run runs a program until the end of the test.
func (s *snmp) run(dir, program string, args ...string) {
	s.Helper()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+dir, "MIBS=")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait() //nolint:errcheck // ended as told
	})
}

// ask runs one of the snmp commands on an object.
func (s *snmp) ask(command, object string, flags ...string) string {
	s.Helper()
	args := append(append(append([]string{}, s.mibs...), flags...), "-v2c", "-c", "public", "-t", "5", "-r",
		"1", s.addr, object)
	c := exec.Command(command, args...)
	c.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+s.state)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return string(out) + errs.String() // what it says is looked at
	}
	return string(out)
}

// eventually looks until what holds of a text.
func (s *snmp) eventually(text func() string, wants ...string) {
	s.Helper()
	got, missing := "", ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		got, missing = text(), ""
		for _, w := range wants {
			if !strings.Contains(got, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	s.Fatalf("never %q in\n%s", missing, got)
}

func (s *snmp) trapLog() string {
	b, _ := os.ReadFile(s.traps) // before the first there is no file
	return string(b)
}

// busyScript is a worker that says that it has no room, and takes no client.
const busyScript = `octet() { printf '\\%03o' $(($1 & 255)); }
pid=$(octet $$)$(octet $(($$ >> 8)))$(octet $(($$ >> 16)))
printf "\\002\\000\\000\\000$pid\\000" >&3
exec sleep 1000`

// Debian's snmpd shows a master, and passes on what it has to tell.
func TestSNMP(t *testing.T) {
	s := startSNMPAgent(t)
	sh := func(script string) []string { return []string{"/bin/sh", "-c", script} }
	hung, free, ready := make(chan struct{}), make(chan struct{}), make(chan struct{})
	signals, done := make(chan os.Signal), make(chan error, 1)
	dir := t.TempDir()
	conf := master.Config{Log: slog.New(slog.DiscardHandler), Signals: signals, Stall: 50 * time.Millisecond,
		Ready: func() { close(ready) },
		Phase: func(p master.Phase) {
			if p == master.Reloading {
				close(hung)
				<-free
			}
		},
		Services: []master.Service{
			{Name: "idle", Argv: sh("exec sleep 1000"), Daemon: true},
			{Name: "pop", Argv: sh(busyScript), Listen: []string{"unix:" + dir + "/pop"}, Prefork: 1, MaxChild: 1},
			{Name: "bad", Argv: sh("exit 1"), Listen: []string{"[::1]:0"}, Prefork: 1},
		}}
	m, err := master.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := startSNMP(m, snmpOptions{socket: s.socket, ping: time.Second}, conf.Log)
	go func() { done <- m.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stop()
	}()
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Skip("no IPv6 here: ", err)
	}
	client, err := net.Dial("unix", dir+"/pop") // waits: the only worker is busy
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	walk := func() string { return s.ask("snmpwalk", "cyrusMaster") }
	s.eventually(walk, "cyrusMasterInfoDescr.0 = STRING: Constance mail server master process",
		"cyrusMasterInfoVers.0 = STRING: constance ", "cyrusMasterInfoUptime.0 = Timeticks: (",
		"serviceForks.1 = Counter32: 1",
		"serviceActive.1 = Gauge32: 1", "serviceName.1 = STRING: idle", "serviceName.2 = STRING: pop",
		"serviceName.3 = STRING: bad[v6]",
		"serviceConns.2 = Counter32: 0", "constanceAnswers.0 = INTEGER: true(1)",
		"constanceServiceListen.2 = STRING: unix:"+dir+"/pop",
		"constanceServiceMost.2 = Gauge32: 1", "constanceServiceBusy.2 = Gauge32: 1",
		"constanceServicePending.2 = Gauge32: 1 clients",
		"constanceServiceFails.3 = Counter32: 5", "constanceStalls.0 = Counter32: ")
	if got := s.ask("snmpget", "serviceName.1", "-Oqv"); got != "idle\n" {
		t.Errorf("snmpget: %q", got)
	}
	if got := s.ask("snmpget", "serviceName.9"); !strings.Contains(got, "No Such Instance") {
		t.Errorf("a listener that is not there: %s", got)
	}
	if got := s.ask("snmpget", "1.3.6.1.4.1.3.6.1.2.1.1.1", "-Ovq"); got != "1\n" { // where Cyrus had it
		t.Errorf("by number: %q", got)
	}
	plain, bulk := walk(), s.ask("snmpbulkwalk", "cyrusMaster")
	if a, b := strings.Count(plain, " = "), strings.Count(bulk, " = "); a != b || a != 14+3*13 {
		t.Errorf("%d objects by snmpwalk, %d by snmpbulkwalk\n%s", a, b, plain)
	}
	if got := s.ask("snmptable", "serviceTable"); !strings.Contains(got, "bad[v6]") {
		t.Errorf("snmptable: %s", got)
	}
	full, paused, stalled := "100.0.3", "100.0.2", "100.0.1"
	s.eventually(s.trapLog, full, paused, `2.1.3.2 = "pop"`, `2.1.3.3 = "bad[v6]"`)
	signals <- syscall.SIGHUP // and the loop hangs
	<-hung
	s.eventually(s.trapLog, stalled, `100.3.1.0 = "signals"`)
	s.eventually(walk, "constanceAnswers.0 = INTEGER: false(2)", "constanceStage.0 = STRING: signals",
		"constanceStalls.0 = Counter32: ")
	if got := walk(); strings.Contains(got, "serviceName") {
		t.Errorf("rows of a loop that does not answer:\n%s", got)
	}
	close(free)
	s.eventually(walk, "constanceAnswers.0 = INTEGER: true(1)", "serviceName.2 = STRING: pop")
}

// The MIB file is valid, by the strictest checks there are, and says what we serve.
func TestMIB(t *testing.T) {
	lint := needs(t, "smilint", "smitools")
	c := exec.Command(lint, "-l", "6", "../../dist/mibs/CONSTANCE-MASTER-MIB.txt")
	base, err := filepath.Abs("testdata/mibs")
	if err != nil {
		t.Fatal(err)
	}
	c.Env = append(os.Environ(), "SMIPATH="+base)
	out, err := c.CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
