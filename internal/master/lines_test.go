package master

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// lines is a log of levels and texts.
type lines struct {
	slog.Handler
	list []string
}

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.list = append(l.list, fmt.Sprintf("%v %s", r.Level, r.Message))
	return nil
}

// The line about the end of a child, which admins and their programs look for, with its level.
func TestExitLines(t *testing.T) {
	for _, c := range []struct {
		kind, name, path string
		status           syscall.WaitStatus
		want             string
	}{
		{kindService, "imap/ipv4", "imapd", 0, `DEBUG process type:SERVICE name:imap path:imapd age:1\.\d\d\ds pid:77 exited normally`},
		{kindService, "imap/ipv6", "imapd", 75 << 8, `DEBUG process type:SERVICE name:imap path:imapd age:1\.\d\d\ds pid:77 was killed`},
		{kindDaemon, "idled/daemon", "/usr/lib/cyrus/bin/idled", 71 << 8,
			`ERROR process type:DAEMON name:idled path:/usr/lib/cyrus/bin/idled age:1\.\d\d\ds pid:77 exited, status 71`},
		{kindEvent, "expire", "cyr_expire", 9,
			`ERROR process type:EVENT name:expire path:cyr_expire age:1\.\d\d\ds pid:77 signaled to death by signal 9 \(Killed\)`},
		{kindStart, "recover", "ctl_cyrusdb", 11 | 0x80,
			`ERROR process type:START name:recover path:ctl_cyrusdb age:1\.\d\d\ds pid:77 signaled to death by signal 11 \(Segmentation fault, core dumped\)`},
		{kindStray, "idled", "idled", 15,
			`ERROR process type:ZOMBIE name:idled path:idled age:1\.\d\d\ds pid:77 signaled to death by signal 15 \(Terminated\)`},
	} {
		m, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		l := &lines{Handler: slog.NewTextHandler(nil, &slog.HandlerOptions{Level: slog.LevelDebug})}
		m.log = slog.New(l)
		m.logExit(c.kind, c.name, c.path, 77, time.Now().Add(-1234*time.Millisecond), c.status)
		if len(l.list) != 1 || !regexp.MustCompile("^"+c.want+"$").MatchString(l.list[0]) {
			t.Errorf("%q, want %s", l.list, c.want)
		}
	}
}
