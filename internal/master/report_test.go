package master

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// P38: the text of the report, to the octet.
func TestP38_Text(t *testing.T) {
	r := newReporter("x", 0)
	insts := []roster.InstView{
		{ID: 1, Service: roster.Service{Name: "idled/daemon", MaxChild: 1, MaxForkRate: 10, Wait: true}, Ready: 1, Forks: 1,
			Children: make([]roster.ChildView, 1)},
		{ID: 2, Service: roster.Service{Name: "imap/ipv4", MaxChild: -1, MaxForkRate: 5}, Ready: 2, Forks: 7, ReadyFails: 3,
			ForkRate: 0.125, Children: make([]roster.ChildView, 4)},
		{ID: 3, Service: roster.Service{Name: "imap/ipv4", MaxChild: 9}, Ready: 1, Forks: 2, Children: make([]roster.ChildView, 1)},
	}
	const want = `# HELP cyrus_master_ready_workers The number of ready workers
# TYPE cyrus_master_ready_workers gauge
cyrus_master_ready_workers{service="imap",family="ipv4"} 3 1700000000123
cyrus_master_ready_workers{service="idled",family="daemon"} 1 1700000000123
# HELP cyrus_master_forks_total The number of children spawned
# TYPE cyrus_master_forks_total counter
cyrus_master_forks_total{service="imap",family="ipv4"} 9 1700000000123
cyrus_master_forks_total{service="idled",family="daemon"} 1 1700000000123
# HELP cyrus_master_active_children The number of children servicing clients
# TYPE cyrus_master_active_children gauge
cyrus_master_active_children{service="imap",family="ipv4"} 5 1700000000123
cyrus_master_active_children{service="idled",family="daemon"} 1 1700000000123
# HELP cyrus_master_max_children The maximum number of child processes
# TYPE cyrus_master_max_children gauge
cyrus_master_max_children{service="imap",family="ipv4"} 2147483647 1700000000123
cyrus_master_max_children{service="idled",family="daemon"} 1 1700000000123
# HELP cyrus_master_forks_per_second The rate at which we're spawning children
# TYPE cyrus_master_forks_per_second gauge
cyrus_master_forks_per_second{service="imap",family="ipv4"} 0.125 1700000000123
cyrus_master_forks_per_second{service="idled",family="daemon"} 0 1700000000123
# HELP cyrus_master_max_forks_per_second The maximum rate at which we will spawn children
# TYPE cyrus_master_max_forks_per_second gauge
cyrus_master_max_forks_per_second{service="imap",family="ipv4"} 5 1700000000123
cyrus_master_max_forks_per_second{service="idled",family="daemon"} 10 1700000000123
# HELP cyrus_master_ready_fails_total The number of failures in READY state
# TYPE cyrus_master_ready_fails_total counter
cyrus_master_ready_fails_total{service="imap",family="ipv4"} 3 1700000000123
cyrus_master_ready_fails_total{service="idled",family="daemon"} 0 1700000000123
`
	if got := r.text(insts, time.UnixMilli(1700000000123)); got != want {
		t.Errorf("%s", got)
	}
}

// P38: counters never go back, though listeners come and go; a service that is gone is not in the report.
func TestP38_Monotonic(t *testing.T) {
	r := newReporter("x", 0)
	view := func(id roster.InstID, forks int) roster.InstView {
		return roster.InstView{ID: id, Service: roster.Service{Name: "imap/ipv4"}, Forks: forks, ReadyFails: forks / 2}
	}
	for _, c := range []struct {
		insts []roster.InstView
		want  uint64
	}{
		{[]roster.InstView{view(1, 5)}, 5},
		{[]roster.InstView{view(1, 6), view(2, 1)}, 7}, // a new address; the old one's workers still drain
		{[]roster.InstView{view(2, 2)}, 8},
		{nil, 0},
		{[]roster.InstView{view(3, 1)}, 9},
	} {
		list := r.gather(c.insts)
		switch {
		case c.want == 0 && len(list) == 0:
		case len(list) != 1 || list[0].forks != c.want:
			t.Errorf("%+v, want %d forks", list, c.want)
		}
	}
}

var reportLine = regexp.MustCompile(`(?m)^cyrus_master_[a-z_]+\{service="[a-z]+",family="[a-z0-9]+"\} [0-9.e+-]+ [0-9]{13}$`)

// P38: the file is made, is its owner's alone, is refreshed, also while a reader has locked it, and is never half.
func TestP38_File(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stats", "master.txt")
	d := newDiary(t)
	r := start(t, Config{Services: []Service{d.herald("idled", okay), d.service("imap")}, ReportFile: file,
		ReportEvery: 10 * time.Millisecond})
	read := func() string { b, _ := os.ReadFile(file); return string(b) }
	r.eventually("all lines", func() bool { return len(reportLine.FindAllString(read(), -1)) == 2*len(reported) })
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi, err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil {
		t.Fatal(err)
	}
	before := read()
	r.eventually("a fresh one", func() bool {
		now := read()
		if !strings.HasSuffix(now, "\n") || strings.Contains(now, "null") {
			t.Errorf("%q", now)
		}
		return now != before
	})
	locked := make([]byte, 1<<16)
	if n, err := f.ReadAt(locked, 0); err != io.EOF || len(reportLine.FindAllString(string(locked[:n]), -1)) != 2*len(reported) {
		t.Errorf("who has locked it sees %v %q", err, locked[:n])
	}
	stamp := reportLine.FindString(read())
	ms, err := strconv.ParseInt(stamp[strings.LastIndexByte(stamp, ' ')+1:], 10, 64)
	if age := time.Since(time.UnixMilli(ms)); err != nil || age < 0 || age > time.Minute {
		t.Errorf("%q: %v", stamp, err)
	}
}
