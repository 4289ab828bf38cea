package cyrusconf

import (
	"errors"
	"strconv"
	"time"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cron"
)

// forever is the period of an event that has none: it runs once.
const forever = 100 * 365 * 24 * time.Hour

// schedule: cron before at before period, as in Cyrus.
func (b *builder) schedule(e Entry) master.Event {
	ev := b.event("EVENTS", e)
	given := ""
	for _, key := range []string{"cron", "at", "period"} {
		a, ok := e.Args[key]
		switch {
		case !ok:
		case given != "":
			b.warn(a.Pos, "%s= is ignored beside %s=", key, given)
		default:
			given = key
		}
	}
	switch given {
	case "cron":
		ev.Times = b.cron(e.Args["cron"])
	case "at":
		ev.Times = b.daily(e.Args["at"])
	default:
		ev.Period = b.period(e)
	}
	if ev.Times != nil {
		if _, ever := ev.Times.Next(time.Time{}); !ever {
			b.warn(e.Args[given].Pos, "event '%s' never runs: no day has such a time", e.Name)
		}
	}
	return ev
}

func (b *builder) cron(a Arg) *cron.Spec {
	s, err := cron.Parse(a.Value)
	var bad *cron.Error
	if errors.As(err, &bad) {
		b.fail(a.ValueAt.right(bad.Col-1), "unable to parse cron spec '%s': %s", a.Value, bad.Msg)
	}
	for _, odd := range cron.Oddities(a.Value) {
		b.warn(a.ValueAt.right(odd.Col-1), "%s", odd.Msg)
	}
	return s
}

// daily reads at=hhmm.
func (b *builder) daily(a Arg) *cron.Spec {
	n, err := strconv.ParseUint(a.Value, 10, 16)
	if err != nil || len(a.Value) > 4 || n/100 > 23 || n%100 > 59 {
		b.fail(a.ValueAt, "invalid at=hhmm specification '%s'", a.Value)
		return nil
	}
	if len(a.Value) < 4 {
		b.warn(a.ValueAt, "at=%s is taken for %02d:%02d", a.Value, n/100, n%100)
	}
	return cron.Daily(int(n/100), int(n%100))
}

func (b *builder) period(e Entry) time.Duration {
	n := b.number(e, "period", 0)
	if n < 0 {
		b.fail(e.Args["period"].Pos, "period=%d is negative", n)
	}
	if n == 0 {
		b.warn(e.Pos, "event '%s' has no period: it runs once, at the start (by Cyrus's master at each SIGHUP too)", e.Name)
		return forever
	}
	return time.Duration(min(n, int(forever/time.Minute))) * time.Minute
}
