package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/constance-mail/constance/internal/imapd"
	"github.com/constance-mail/constance/internal/wait"
)

// slowPerMinute is how many slow commands a process logs in a minute: when all are slow, a few tell why.
const slowPerMinute = 10

// slowLog logs commands that took long, with what they waited for.
type slowLog struct {
	bound time.Duration // 0: none is logged
	to    *slog.Logger

	mu     sync.Mutex // guards the fields below
	minute time.Time  // when the present minute began
	logged int        // in it
	hidden int        // not logged in it
}

// log logs a command if it was slow: the time of the client, to send its literals and to read the answer, does not count.
func (l *slowLog) log(e *imapd.CommandEnd) {
	ours := e.Duration - e.Waits[wait.Idle] - e.Waits[wait.Reading] - e.Waits[wait.Writing]
	if l.bound <= 0 || ours < l.bound {
		return
	}
	hidden, ok := l.admit(time.Now())
	if !ok {
		return
	}
	args := []any{"session", e.Session, "user", e.User, "verb", e.Verb, "outcome", e.Outcome, "ms", ms(e.Duration)}
	for s, d := range e.Waits {
		if d >= time.Millisecond {
			args = append(args, wait.State(s).String(), ms(d))
		}
	}
	if hidden > 0 {
		args = append(args, "more", hidden)
	}
	l.to.Warn("slow command", args...)
}

// admit tells whether one more may be logged, and how many were not in the minute before.
func (l *slowLog) admit(now time.Time) (hidden int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute {
		hidden, l.minute, l.logged, l.hidden = l.hidden, now, 0, 0
	}
	if l.logged == slowPerMinute {
		l.hidden++
		return 0, false
	}
	l.logged++
	return hidden, true
}
