package main

import (
	"context"
	"log/slog"
	"log/syslog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/master/roster"
)

// Lines go to syslog as plain text with Cyrus's priorities: NOTICE and CRIT too, which slog has no names for.
func TestSyslogPriorities(t *testing.T) {
	at := filepath.Join(t.TempDir(), "log")
	l, err := net.ListenPacket("unixgram", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w, err := syslog.Dial("unixgram", at, syslog.LOG_MAIL|syslog.LOG_INFO, "prefix/master")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	log := slog.New(&syslogHandler{w: w, level: slog.LevelInfo})
	for _, c := range []struct {
		level slog.Level
		want  string
	}{
		{roster.LevelCrit, "<18>"}, {slog.LevelError, "<19>"}, {slog.LevelWarn, "<20>"}, {roster.LevelNotice, "<21>"},
		{slog.LevelInfo, "<22>"},
	} {
		log.Log(context.Background(), slog.LevelDebug, "not to be seen")
		log.Log(context.Background(), c.level, "got SIGHUP", "n", 1)
		b := make([]byte, 1024)
		n, _, err := l.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b[:n]); !strings.HasPrefix(got, c.want) || !strings.Contains(got, "prefix/master[") ||
			!strings.HasSuffix(got, ": got SIGHUP n=\"1\"\n") {
			t.Errorf("%v: %q", c.level, got)
		}
	}
}

func TestLevelNames(t *testing.T) {
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: nameLevel}))
	for _, l := range []slog.Level{roster.LevelNotice, roster.LevelCrit, slog.LevelWarn} {
		log.Log(context.Background(), l, "x")
	}
	for _, want := range []string{"level=NOTICE ", "level=CRIT ", "level=WARN "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
}
