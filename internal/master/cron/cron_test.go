package cron

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests are right without the system's
)

func load(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

const layout = "2006-01-02 15:04:05 -0700"

// runs are the next moments, as they are shown on the wall.
func runs(t *testing.T, spec, from string, n int, loc *time.Location) []string {
	t.Helper()
	s, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(layout, from)
	if err != nil {
		t.Fatal(err)
	}
	at = at.In(loc)
	var list []string
	for range n {
		var ok bool
		if at, ok = s.Next(at); !ok {
			return append(list, "never")
		}
		list = append(list, at.Format("01-02 15:04 MST"))
	}
	return list
}

// P32: the days of a month or a week, months, years.
func TestP32_Next(t *testing.T) {
	for _, c := range []struct{ spec, from, want string }{
		{"* * * * *", "2026-11-25 12:00:00 +0000", "11-25 12:01"},
		{"* * * * *", "2026-11-25 12:00:59 +0000", "11-25 12:01"},
		{"0 * * * *", "2026-12-31 23:00:00 +0000", "01-01 00:00"},
		{"30 4 * * *", "2026-11-25 04:29:59 +0000", "11-25 04:30"},
		{"30 4 * * *", "2026-11-25 04:30:00 +0000", "11-26 04:30"},
		{"5-9/2 0 * * *", "2026-11-25 00:00:00 +0000", "11-25 00:06,11-25 00:08,11-26 00:06"},
		// both of the days restricted: either (2026-11-25 is a Wednesday)
		{"0 0 1,15 * 5", "2026-11-25 00:00:00 +0000", "11-27 00:00,12-01 00:00,12-04 00:00,12-11 00:00,12-15 00:00"},
		{"0 0 1,15 * *", "2026-11-25 00:00:00 +0000", "12-01 00:00,12-15 00:00"},
		{"0 0 * * 5", "2026-11-25 00:00:00 +0000", "11-27 00:00,12-04 00:00"},
		{"0 0 1-31 * 5", "2026-11-25 00:00:00 +0000", "11-27 00:00,12-04 00:00"}, // 1-31 restricts nothing
		{"0 0 1 * 0-6", "2026-11-25 00:00:00 +0000", "12-01 00:00,01-01 00:00"},
		{"0 0 * * 0", "2026-11-25 00:00:00 +0000", "11-29 00:00"},
		{"0 0 * * 7", "2026-11-25 00:00:00 +0000", "11-29 00:00"},
		{"0 0 0 * *", "2026-11-25 00:00:00 +0000", "12-31 00:00,01-31 00:00,03-31 00:00"},
		{"0 0 31 * *", "2026-11-25 00:00:00 +0000", "12-31 00:00,01-31 00:00,03-31 00:00"},
		{"0 0 1 0 *", "2026-11-25 00:00:00 +0000", "12-01 00:00,12-01 00:00"},
		{"0 0 29 2 *", "2026-11-25 00:00:00 +0000", "02-29 00:00"},
		{"0 0 29 2 *", "2096-02-29 00:00:00 +0000", "02-29 00:00"}, // 2100 is no leap year: 2104
		{"0 0 30 2 *", "2026-11-25 00:00:00 +0000", "never"},
		{"7/2 * * * *", "2026-11-25 00:00:00 +0000", "never"},
		{"0 7/2 * * *", "2026-11-25 00:00:00 +0000", "never"},
		{"0 0 30 2 1", "2026-11-25 00:00:00 +0000", "02-01 00:00,02-08 00:00"},
	} {
		want := strings.Split(c.want, ",")
		got := runs(t, c.spec, c.from, len(want), time.UTC)
		if all := strings.ReplaceAll(strings.Join(got, ","), " UTC", ""); all != c.want {
			t.Errorf("%s after %s: %s, want %s", c.spec, c.from, all, c.want)
		}
	}
}

// What happens where the clocks change, see the package's comment. In Berlin 02:00 to 03:00 is left out on 29 March
// 2026 and comes twice on 25 October; on Lord Howe half an hour; in Samoa all of 30 December 2011 was left out.
func TestDaylightSaving(t *testing.T) {
	const before, after = "2026-03-28 12:00:00 +0100", "2026-10-24 12:00:00 +0200"
	for _, c := range []struct{ zone, spec, from, want string }{
		{"Europe/Berlin", "30 2 * * *", before, "03-29 03:00 CEST,03-30 02:30 CEST"},
		{"Europe/Berlin", "*/15 2 * * *", "2026-03-28 02:45:00 +0100", "03-29 03:00 CEST,03-30 02:00 CEST"},
		{"Europe/Berlin", "30 2,3 * * *", before, "03-29 03:00 CEST,03-29 03:30 CEST,03-30 02:30 CEST"},
		{"Europe/Berlin", "0 3 * * *", before, "03-29 03:00 CEST,03-30 03:00 CEST"},
		{"Europe/Berlin", "59 1 * * *", before, "03-29 01:59 CET,03-30 01:59 CEST"},
		{"Europe/Berlin", "30 2 29 3 *", "2026-01-01 00:00:00 +0100", "03-29 03:00 CEST,03-29 02:30 CEST"},
		{"Europe/Berlin", "*/30 * * * *", "2026-03-29 01:00:00 +0100", "03-29 01:30 CET,03-29 03:00 CEST,03-29 03:30 CEST"},
		{"Europe/Berlin", "30 * * * *", "2026-03-29 01:00:00 +0100", "03-29 01:30 CET,03-29 03:30 CEST"},
		{"Europe/Berlin", "30 2 * * *", after, "10-25 02:30 CEST,10-26 02:30 CET"},
		{"Europe/Berlin", "*/20 2 * * *", "2026-10-25 02:10:00 +0200", "10-25 02:20 CEST,10-25 02:40 CEST,10-26 02:00 CET"},
		{"Europe/Berlin", "30 2 * * *", "2026-10-25 02:10:00 +0100", "10-26 02:30 CET"}, // 02:10 for the second time
		{"Europe/Berlin", "* * * * *", "2026-10-25 02:59:00 +0200", "10-25 02:00 CET"},
		{"Europe/Berlin", "*/30 * * * *", "2026-10-25 02:00:00 +0200",
			"10-25 02:30 CEST,10-25 02:00 CET,10-25 02:30 CET,10-25 03:00 CET"},
		{"Europe/Berlin", "15 2-3 * * *", "2026-10-25 02:15:00 +0200", "10-25 03:15 CET,10-26 02:15 CET"},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03 12:00:00 +1030", "10-04 02:30 +11,10-05 02:15 +11"},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00:00 +1100", "04-05 01:45 +11,04-06 01:45 +1030"},
		{"Australia/Lord_Howe", "15 * * * *", "2026-04-05 01:15:00 +1100", "04-05 02:15 +1030"},
		{"Australia/Lord_Howe", "45 * * * *", "2026-04-05 01:45:00 +1100", "04-05 01:45 +1030,04-05 02:45 +1030"},
		{"Pacific/Apia", "0 4 * * *", "2011-12-29 03:00:00 -1000", "12-29 04:00 -10,12-31 00:00 +14,12-31 04:00 +14"},
		{"Africa/Casablanca", "30 2 * * *", "2026-02-14 12:00:00 +0100", "02-15 02:30 +01,02-16 02:30 +00"},
		{"UTC", "30 2 * * *", "2026-03-28 12:00:00 +0000", "03-29 02:30 UTC"},
	} {
		want := strings.Split(c.want, ",")
		got := runs(t, c.spec, c.from, len(want), load(t, c.zone))
		if all := strings.Join(got, ","); all != c.want {
			t.Errorf("%s, %s after %s:\n%s, want\n%s", c.zone, c.spec, c.from, all, c.want)
		}
	}
}

// due lists the moments within some hours by looking at every minute: another way to the same answer.
func due(s *Spec, from time.Time, hours int) (list []time.Time) {
	shown := map[time.Time]bool{}
	matches := func(w time.Time) bool {
		return has(s.set[minute], w.Minute()) && has(s.set[hour], w.Hour()) && has(s.set[month], int(w.Month())) && s.on(w)
	}
	last := wallOf(from.Add(-48*time.Hour - time.Minute))
	for k := -48 * 60; k < hours*60; k++ { // from two days before, to know what was shown already
		t := from.Add(time.Duration(k) * time.Minute)
		w := wallOf(t)
		hit := matches(w) && (s.EveryHour() || !shown[w])
		for skipped := last.Add(time.Minute); skipped.Before(w) && !s.EveryHour(); skipped = skipped.Add(time.Minute) {
			hit = hit || matches(skipped) && !shown[skipped]
		}
		if last, shown[w] = w, true; hit && k > 0 {
			list = append(list, t)
		}
	}
	return list
}

// Next agrees with a look at every minute, at ordinary times and where clocks change.
func TestNextAgainstEveryMinute(t *testing.T) {
	rnd := rand.New(rand.NewPCG(32, 1))
	minutes := []string{"*", "*/5", "0", "30", "0-20/7", "15,45", "59"}
	hours := []string{"*", "*", "*/5", "2", "1-3", "3", "*/2", "23", "0,12", "0-23"}
	for _, at := range []struct{ zone, from string }{
		{"Europe/Berlin", "2026-03-28 20:00:00 +0100"}, {"Europe/Berlin", "2026-10-24 20:00:00 +0200"},
		{"Australia/Lord_Howe", "2026-10-03 20:00:00 +1030"}, {"Australia/Lord_Howe", "2026-04-04 20:00:00 +1100"},
		{"America/New_York", "2026-11-01 00:17:00 -0400"}, {"Asia/Kolkata", "2026-06-30 23:00:00 +0530"},
	} {
		begin, err := time.Parse(layout, at.from)
		if err != nil {
			t.Fatal(err)
		}
		begin = begin.In(load(t, at.zone))
		for range 60 {
			text := minutes[rnd.IntN(len(minutes))] + " " + hours[rnd.IntN(len(hours))] + " * * " +
				[]string{"*", "0-6/2"}[rnd.IntN(2)]
			s, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			got := begin
			for _, want := range due(s, begin, 30) {
				if got, _ = s.Next(got); !got.Equal(want) {
					t.Fatalf("%s, %s after %v: %v, want %v", at.zone, text, begin, got, want)
				}
			}
		}
	}
}

// FuzzNext: what comes next comes later, in the same location, and nothing is due between.
func FuzzNext(f *testing.F) {
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca",
		"America/New_York"}
	f.Add("30 2 * * *", int64(1774738800), 1)
	f.Add("*/30 * * * *", int64(1792886400), 1)
	f.Add("0 0 29 2 *", int64(4107542400), 5)
	f.Add("7/2 * * * *", int64(0), 3)
	f.Fuzz(func(t *testing.T, text string, unix int64, zone int) {
		s, err := Parse(text)
		if err != nil || unix < 0 || unix > 1<<33 {
			return
		}
		after := time.Unix(unix, 7).In(load(t, zones[uint(zone)%uint(len(zones))]))
		got, ok := s.Next(after)
		if !ok {
			return
		}
		if !got.After(after) || got.Location() != after.Location() || got.After(after.AddDate(years+1, 0, 0)) {
			t.Errorf("%s after %v: %v", s, after, got)
		}
		if between := after.Add(got.Sub(after) / 2); between.After(after) {
			if again, _ := s.Next(between); !again.Equal(got) {
				t.Errorf("%s: %v after %v, but %v after %v", s, got, after, again, between)
			}
		}
		if w := wallOf(got); s.EveryHour() && !(has(s.set[minute], w.Minute()) && s.on(w)) {
			t.Errorf("%s after %v: %v is not meant", s, after, got)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	loc := load(b, "Europe/Berlin")
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, loc)
	for _, text := range []string{"*/5 * * * *", "1 4 * * *", "0 0 29 2 *", "7/2 * * * *"} {
		s, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				s.Next(at)
			}
		})
	}
}
