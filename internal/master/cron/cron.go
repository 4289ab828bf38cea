// Package cron knows when jobs are due by the wall clock: the five fields of a crontab line, as Cyrus reads them in
// cron=. It is pure: it is given a moment, with its location, and answers with the next one.
//
// Where clocks are put forward or back, a job of certain hours runs exactly once for each time of the day that is
// meant: a time that is left out counts for the moment at which the clocks change, a time that comes twice for the
// first. A job of every hour goes by the time that really passes: it is the distance of its runs that matters.
package cron

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Spec is a set of times. It never changes and may be shared.
type Spec struct {
	set [5]uint64 // bits by field: minute, hour, day of the month, month, day of the week (0 = Sunday)
}

// The fields, in their order.
const (
	minute = iota
	hour
	dayOfMonth
	month
	dayOfWeek
)

// field is what may stand in one of the five places.
type field struct {
	name     string
	min, max int // of "*"
	most     int // the highest number
	zero     int // what 0 means
	names    string
}

var fields = [5]field{
	{"minutes", 0, 59, 59, 0, ""},
	{"hours", 0, 23, 23, 0, ""},
	{"days of month", 1, 31, 31, 31, ""},
	{"months", 1, 12, 12, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
	{"days of week", 0, 6, 7, 0, "sun mon tue wed thu fri sat"},
}

// all is the set of "*".
func (f *field) all() uint64 { return between(f.min, f.max) }

// fold gives numbers that mean the same one bit: 0 of days and months, 7 of days of the week.
func (f *field) fold(set uint64) uint64 {
	if set&1 != 0 {
		set = set&^1 | 1<<f.zero
	}
	if f.most > f.max && set>>f.most&1 != 0 {
		set = set&^(1<<f.most) | 1
	}
	return set
}

// between is the set of the numbers from a to b.
func between(a, b int) uint64 { return (1<<(b-a+1) - 1) << a }

func has(set uint64, n int) bool { return set>>n&1 != 0 }

// next is the smallest number of a set that is not below n; 64 if there is none.
func next(set uint64, n int) int { return bits.TrailingZeros64(set >> n << n) }

// Daily is a time of every day, as at= gives it.
func Daily(h, m int) *Spec {
	s := &Spec{}
	for k := range fields {
		s.set[k] = fields[k].all()
	}
	s.set[minute], s.set[hour] = 1<<m, 1<<h
	return s
}

// EveryHour tells whether all hours of a day are meant, so that the job goes by the time that passes.
func (s *Spec) EveryHour() bool { return s.set[hour] == fields[hour].all() }

// Equal tells whether two specs mean the same times.
func (s *Spec) Equal(o *Spec) bool { return s == o || s != nil && o != nil && *s == *o }

// String is a spec that Parse reads as the same times.
func (s *Spec) String() string {
	var words [len(fields)]string
	for k, set := range s.set {
		words[k] = list(set, &fields[k])
	}
	return strings.Join(words[:], " ")
}

func list(set uint64, f *field) string {
	switch set {
	case f.all():
		return "*"
	case 0:
		return "1/2" // of 1, what can be divided by 2
	}
	var parts []string
	for a := next(set, 0); a < 64; {
		b := a
		for has(set, b+1) {
			b++
		}
		if b > a {
			parts = append(parts, fmt.Sprintf("%d-%d", a, b))
		} else {
			parts = append(parts, fmt.Sprint(a))
		}
		a = next(set, b+1)
	}
	return strings.Join(parts, ",")
}

// MarshalText is String.
func (s *Spec) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is Parse.
func (s *Spec) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*s = *parsed
	}
	return err
}

// years is how far ahead Next looks: 29 February may be eight years away.
const years = 9

// Next is the first moment after a given one at which the job is due, in its location; false if that is never (the
// 30th of February).
func (s *Spec) Next(after time.Time) (time.Time, bool) {
	after = after.Round(0) // off the monotonic clock
	if s.EveryHour() {
		return s.nextPassing(after)
	}
	w := wallOf(after).Truncate(time.Minute)
	for {
		var ok bool
		if w, ok = s.nextWall(w); !ok {
			return time.Time{}, false
		}
		if t := moment(w, after.Location()); t.After(after) {
			return t, true
		}
		w = w.Add(time.Minute)
	}
}

// nextPassing looks through the stretches of time between two changes of the clocks.
func (s *Spec) nextPassing(after time.Time) (time.Time, bool) {
	at := after.Add(1)
	for {
		w, ok := s.nextWall(wallOf(at).Add(time.Minute - 1).Truncate(time.Minute))
		if !ok {
			return time.Time{}, false
		}
		t := at.Add(w.Sub(wallOf(at)))
		_, end := at.ZoneBounds()
		if end.IsZero() || t.Before(end) {
			return t, true
		}
		at = end
	}
}

// wallOf is what the clock on the wall shows, as if it were UTC: such times can be reckoned with.
func wallOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// moment is when the clock on the wall shows w: for the first time, or when it is put from before w to behind it.
func moment(w time.Time, loc *time.Location) time.Time {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), 0, 0, loc)
	start, end := t.ZoneBounds()
	switch off := wallOf(t).Sub(w); {
	case off > 0:
		return start
	case off < 0:
		return end
	case start.IsZero():
		return t
	}
	before := start.Add(-1)
	if first := before.Add(w.Sub(wallOf(before))); first.Before(start) {
		return first
	}
	return t
}

// nextWall is the first minute not before w that is meant, by a calendar whose days have 24 hours.
func (s *Spec) nextWall(w time.Time) (time.Time, bool) {
	h, m := w.Hour(), w.Minute()
	day := w.Truncate(24 * time.Hour)
	for end := day.AddDate(years, 0, 0); day.Before(end); h, m = 0, 0 {
		if !has(s.set[month], int(day.Month())) {
			day = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		}
		if s.on(day) {
			if at, ok := s.timeOfDay(h, m); ok {
				return day.Add(at), true
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}, false
}

// on tells whether a day is meant: by either of the two fields if both are restricted, by both otherwise.
func (s *Spec) on(day time.Time) bool {
	dom, dow := has(s.set[dayOfMonth], day.Day()), has(s.set[dayOfWeek], int(day.Weekday()))
	if s.set[dayOfMonth] != fields[dayOfMonth].all() && s.set[dayOfWeek] != fields[dayOfWeek].all() {
		return dom || dow
	}
	return dom && dow
}

// timeOfDay is the first one not before h:m, since midnight.
func (s *Spec) timeOfDay(h, m int) (time.Duration, bool) {
	mm := 64
	if has(s.set[hour], h) {
		mm = next(s.set[minute], m)
	}
	if mm == 64 {
		h, mm = next(s.set[hour], h+1), next(s.set[minute], 0)
	}
	return time.Duration(h)*time.Hour + time.Duration(mm)*time.Minute, h < 64 && mm < 64
}
