package master

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/master/cron"
)

// P32: a command that goes by the clock on the wall runs when that shows its time, whatever it showed before, and once,
// whatever is reloaded in that minute.
func TestP32_CronOfAProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	var set atomic.Int64 // how far the clock was put forward
	begin := time.Until(time.Date(2026, 11, 25, 4, 0, 30, 0, time.Local))
	r := start(t, Config{Wall: func() time.Time { return time.Now().Add(begin + time.Duration(set.Load())) },
		Events: []Event{{Name: "expire", Argv: []string{"lemming"}, Times: cron.Daily(4, 30),
			Env: []string{lemmingEnv + "=job", "LEMMING_FILE=" + file, "LEMMING_TEXT=ran"}}}})
	ran := func() int {
		r.status() // a round, which looks at the clock
		b, _ := os.ReadFile(file)
		return strings.Count(string(b), "ran\n")
	}
	if s := r.status(); len(s.Events) != 1 || s.Events[0].In < 20*time.Minute || s.Events[0].In > 30*time.Minute {
		t.Errorf("%+v", s.Events)
	}
	if n := ran(); n != 0 {
		t.Errorf("%d runs half an hour early", n)
	}
	set.Store(int64(30 * time.Minute))
	r.eventually("a run", func() bool { return ran() == 1 })
	for n := range 3 {
		r.signals <- syscall.SIGHUP
		r.eventually("reloads", func() bool { return r.status().Counters.Reloads == uint64(n+1) })
	}
	set.Store(int64(23 * time.Hour))
	r.eventually("the next is tomorrow's", func() bool { in := r.status().Events[0].In; return in > 0 && in < 2*time.Hour })
	if n := ran(); n != 1 {
		t.Errorf("%d runs", n)
	}
}

// An event whose command was changed keeps its time, and the new command is what runs.
func TestP32_EditedCommandKeepsItsTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	event := func(text string) []Event {
		return []Event{{Name: "ev", Argv: []string{"lemming", text}, Path: self(), Period: time.Hour,
			Env: []string{lemmingEnv + "=job", "LEMMING_FILE=" + file, "LEMMING_TEXT=" + text}}}
	}
	r := start(t, Config{Events: event("old"), Load: loads(Config{Events: event("new")})})
	content := func() string { b, _ := os.ReadFile(file); return string(b) }
	r.eventually("a run", func() bool { return content() == "old\n" })
	r.signals <- syscall.SIGHUP
	r.eventually("a reload", func() bool { return r.status().Counters.Reloads == 1 })
	if s := r.status(); len(s.Events) != 1 || s.Events[0].In < 50*time.Minute {
		t.Errorf("%+v", s.Events)
	}
	if got := content(); got != "old\n" {
		t.Errorf("%q: an edited command ran at once", got)
	}
}

// loads is what a reload finds: one configuration after the other, the last again and again.
func loads(list ...Config) func(context.Context, *slog.Logger) (Config, error) {
	var n atomic.Int64
	return func(context.Context, *slog.Logger) (Config, error) {
		return list[min(int(n.Add(1)), len(list))-1], nil
	}
}
