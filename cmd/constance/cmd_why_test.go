package main

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/imapd"
	"github.com/constance-mail/constance/internal/wait"
)

func TestWhyPicksSessionsAndTheirLocks(t *testing.T) {
	now := time.Now()
	v := admin.View{
		Sessions: []admin.Session{
			{Service: "imap", PID: 7, ID: 1, User: "ann", Account: "A", Remote: "::1", Doing: "idle", Since: now.Add(-time.Hour)},
			{Service: "imap", PID: 7, ID: 2, User: "ann", Account: "A", Remote: "::1", Command: "STORE", Doing: "store write",
				Begun: now.Add(-4 * time.Second), Since: now.Add(-3 * time.Second)},
			{Service: "imap", PID: 8, ID: 1, User: "bob", Account: "B", Remote: "::1", Command: "FETCH", Doing: "client not reading",
				Begun: now.Add(-9 * time.Second), Since: now.Add(-8 * time.Second)},
		},
		Writers: []admin.Writer{
			{Service: "imap", PID: 7, Account: "A", Op: "set flags", Since: now.Add(-3 * time.Second), Waiting: 2, Lock: "/nowhere"},
			{Service: "lmtp", PID: 9, Account: "A", Op: "append", Since: now.Add(-5 * time.Second), Holds: true, Lock: "/nowhere"},
		},
	}
	look := whyOf(&v, "")
	want := `imap 8.1  bob from ::1: FETCH for 9s, client not reading for 8s
imap 7.2  ann from ::1: STORE for 4s, store write for 3s
the lock of account A is free
├─ imap 7: set flags waits for it for 3s, 2 more changes behind
└─ lmtp 9: append holds it for 5s
`
	if got := drawWhy(&look, now); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for who, n := range map[string]int{"ann": 2, "bob": 1, "7.1": 1, "8.1": 1, "7": 0, "eve": 0} {
		if got := whyOf(&v, who); len(got.Sessions) != n {
			t.Errorf("%s: %d sessions, want %d", who, len(got.Sessions), n)
		}
	}
	if got := whyOf(&v, "bob"); len(got.Locks) != 0 {
		t.Errorf("bob waits for %v", got.Locks)
	}
	idle := whyOf(&admin.View{}, "")
	if got := drawWhy(&idle, now); !strings.HasPrefix(got, "no session does anything") {
		t.Errorf("got %q", got)
	}
}

// TestLockHolder: the kernel knows that this process has locked a file.
func TestLockHolder(t *testing.T) {
	path := t.TempDir() + "/lock"
	if got := lockHolder(path); got != 0 {
		t.Errorf("no file: %d", got)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := lockHolder(path); got != 0 {
		t.Errorf("not locked: %d", got)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if got := lockHolder(path); got != os.Getpid() && got != 0 { // 0 where the kernel tells nobody, as in some containers
		t.Errorf("held by %d, not %d", got, os.Getpid())
	}
	locks := "1: POSIX  ADVISORY  WRITE 9 fe:01:5 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 fe:01:5 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 13 fe:01:5 0 EOF\n"
	if got := holderOf([]byte(locks), "fe:01:5"); got != 12 {
		t.Errorf("got %d", got)
	}
}

func TestSlowLog(t *testing.T) {
	var out bytes.Buffer
	l := slowLog{bound: time.Second, to: slog.New(slog.NewTextHandler(&out, nil))}
	quick := imapd.CommandEnd{Verb: "FETCH", Duration: time.Minute, Waits: wait.Times{wait.Writing: 59500 * time.Millisecond}}
	l.log(&quick) // the client took its time
	if out.Len() > 0 {
		t.Errorf("a slow client is logged: %s", &out)
	}
	slow := imapd.CommandEnd{Session: 3, User: "ann", Verb: "STORE", Outcome: "OK", Duration: 2 * time.Second,
		Waits: wait.Times{wait.StoreWrite: 1900 * time.Millisecond, wait.Working: 100 * time.Millisecond}}
	for range 3 * slowPerMinute {
		l.log(&slow)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := `session=3 user=ann verb=STORE outcome=OK ms=2000 working=100 "store write"=1900`
	if len(lines) != slowPerMinute || !strings.HasSuffix(lines[0], want) {
		t.Errorf("%d lines, the first %q", len(lines), lines[0])
	}
	if hidden, ok := l.admit(l.minute.Add(time.Minute)); !ok || hidden != 2*slowPerMinute {
		t.Errorf("in the next minute: %d hidden, admitted %v", hidden, ok)
	}
	off := slowLog{to: l.to}
	out.Reset()
	if off.log(&slow); out.Len() > 0 {
		t.Error("logged though it is off")
	}
}
