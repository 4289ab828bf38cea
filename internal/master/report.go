package master

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
)

// series is what one pair of labels has in the report: all listeners of a service of one address family.
type series struct {
	service, family string
	waits           bool // a wait daemon
	ready, active   int
	maxChild        int
	forks           uint64
	rate            float64
	maxRate         int
	readyFails      uint64
}

// unbounded is what Cyrus's master writes for no bound.
const unbounded = 1<<31 - 1

// reporter writes the report that Cyrus's promstatsd and a node exporter collect: the metrics of Cyrus's master.
type reporter struct {
	file  string
	every time.Duration
	past  map[string][2]uint64        // forks and failures of listeners that are no more, by labels
	last  map[roster.InstID]*instPast // what was seen last of each listener
}

type instPast struct {
	labels string
	counts [2]uint64
}

func newReporter(file string, every time.Duration) *reporter {
	if every <= 0 {
		every = 10 * time.Second
	}
	return &reporter{file: file, every: every, past: map[string][2]uint64{}, last: map[roster.InstID]*instPast{}}
}

// report writes until ctx ends.
func (m *Master) report(ctx context.Context, r *reporter) {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		var insts []roster.InstView
		if m.do(ctx, func() { insts, _ = m.roster.View() }) != nil {
			return
		}
		if err := replace(r.file, r.text(insts, time.Now())); err != nil {
			m.log.Error("IOERROR: prometheus report", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// replace puts a new file in the place of an old one. A reader that has locked the old one, or is halfway through it,
// keeps it whole and holds nobody up.
func replace(path, text string) error {
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// gather sums up listeners that have the same labels. What listeners counted that are no more stays counted.
func (r *reporter) gather(insts []roster.InstView) []*series {
	by := map[string]*series{}
	var list []*series
	seen := map[roster.InstID]bool{}
	for k := range insts {
		v := &insts[k]
		s := by[v.Service.Name]
		if s == nil {
			s = &series{waits: v.Service.Wait}
			s.service, s.family, _ = strings.Cut(v.Service.Name, "/")
			by[v.Service.Name] = s
			list = append(list, s)
		}
		s.add(v)
		seen[v.ID] = true
		r.last[v.ID] = &instPast{v.Service.Name, [2]uint64{uint64(v.Forks), uint64(v.ReadyFails)}}
	}
	for id, l := range r.last {
		if !seen[id] {
			p := r.past[l.labels]
			r.past[l.labels] = [2]uint64{p[0] + l.counts[0], p[1] + l.counts[1]}
			delete(r.last, id)
		}
	}
	for labels, s := range by {
		s.forks += r.past[labels][0]
		s.readyFails += r.past[labels][1]
	}
	slices.SortStableFunc(list, func(a, b *series) int {
		switch {
		case a.waits == b.waits:
			return 0
		case a.waits:
			return 1
		}
		return -1
	})
	return list
}

func (s *series) add(v *roster.InstView) {
	s.ready += v.Ready
	s.active += len(v.Children)
	s.forks += uint64(v.Forks)
	s.readyFails += uint64(v.ReadyFails)
	s.rate += v.ForkRate
	if v.Removed {
		return
	}
	s.maxRate += v.Service.MaxForkRate
	if v.Service.MaxChild < 0 || s.maxChild == unbounded {
		s.maxChild = unbounded
	} else {
		s.maxChild += v.Service.MaxChild
	}
}

// reported are the metrics of Cyrus's master, with its texts.
var reported = []struct {
	name, help, kind string
	value            func(*series) string
}{
	{"ready_workers", "The number of ready workers", "gauge", func(s *series) string { return strconv.Itoa(s.ready) }},
	{"forks_total", "The number of children spawned", "counter",
		func(s *series) string { return strconv.FormatUint(s.forks, 10) }},
	{"active_children", "The number of children servicing clients", "gauge",
		func(s *series) string { return strconv.Itoa(s.active) }},
	{"max_children", "The maximum number of child processes", "gauge",
		func(s *series) string { return strconv.Itoa(s.maxChild) }},
	{"forks_per_second", "The rate at which we're spawning children", "gauge",
		func(s *series) string { return strconv.FormatFloat(s.rate, 'g', 6, 64) }},
	{"max_forks_per_second", "The maximum rate at which we will spawn children", "gauge",
		func(s *series) string { return strconv.Itoa(s.maxRate) }},
	{"ready_fails_total", "The number of failures in READY state", "counter",
		func(s *series) string { return strconv.FormatUint(s.readyFails, 10) }},
}

// text is the report.
func (r *reporter) text(insts []roster.InstView, now time.Time) string {
	list := r.gather(insts)
	var b strings.Builder
	for _, m := range reported {
		fmt.Fprintf(&b, "# HELP cyrus_master_%s %s\n# TYPE cyrus_master_%[1]s %[3]s\n", m.name, m.help, m.kind)
		for _, s := range list {
			fmt.Fprintf(&b, "cyrus_master_%s{service=\"%s\",family=\"%s\"} %s %d\n", m.name, s.service, s.family,
				m.value(s), now.UnixMilli())
		}
	}
	return b.String()
}
