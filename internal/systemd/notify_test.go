package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func env(kv ...string) func(string) string {
	return func(key string) string {
		for _, e := range kv {
			if name, value, _ := strings.Cut(e, "="); name == key {
				return value
			}
		}
		return ""
	}
}

// A path and an abstract name both lead to the manager.
func TestSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	abstract := fmt.Sprintf("@constance-test-%d", os.Getpid())
	for _, name := range []string{path, abstract} {
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()
		n, err := Open(env("NOTIFY_SOCKET=" + name))
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		if err := n.Send(Ready, Status("two\nlines")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		k, err := manager.Read(buf)
		if got := string(buf[:k]); err != nil || got != "READY=1\nSTATUS=two lines" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A manager that reads nothing holds up nobody.
func TestSendNeverWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	n, err := Open(env("NOTIFY_SOCKET=" + path))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for range 100_000 {
		if err = n.Send(Ping); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("the manager's queue has no end")
	}
}

func TestNoManager(t *testing.T) {
	n, err := Open(env())
	if n != nil || err != nil {
		t.Errorf("%v, %v", n, err)
	}
	if err := n.Send(Ready); err != nil {
		t.Error(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"x", "@", "vsock:2:1", "/"} {
		if _, err := Open(env("NOTIFY_SOCKET=" + bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestReloading(t *testing.T) {
	first, second := Reloading(), Reloading()
	var a, b int64
	for text, n := range map[string]*int64{first: &a, second: &b} {
		if _, err := fmt.Sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%d", n); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	if a <= 0 || a > b || b > now.Nano()/1000 || first == second && a != b {
		t.Errorf("%d, %d, now %d us", a, b, now.Nano()/1000)
	}
}

func TestWatchdog(t *testing.T) {
	own := "WATCHDOG_PID=" + strconv.Itoa(os.Getpid())
	for want, e := range map[time.Duration][]string{
		30 * time.Second: {"WATCHDOG_USEC=30000000", own},
		2 * time.Second:  {"WATCHDOG_USEC=2000000"},
	} {
		if got := Watchdog(env(e...)); got != want {
			t.Errorf("%v: %v, want %v", e, got, want)
		}
	}
	for _, e := range [][]string{nil, {"WATCHDOG_USEC=x"}, {"WATCHDOG_USEC=-1"}, {"WATCHDOG_USEC=5",
		"WATCHDOG_PID=1"},
		{"WATCHDOG_USEC=99999999999999999"}} {
		if got := Watchdog(env(e...)); got != 0 {
			t.Errorf("%v: %v", e, got)
		}
	}
}
