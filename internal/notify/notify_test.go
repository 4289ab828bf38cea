package notify

import (
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dir is files of 8 octets by key.
type dir struct {
	testing.TB
	path string
}

func newDir(t testing.TB) dir { return dir{t, t.TempDir()} }

func (d dir) of(key string) string { return d.path + "/" + key }

// set writes a file as the store does: in place.
func (d dir) set(key string, v uint64) {
	d.Helper()
	f, err := os.OpenFile(d.of(key), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		d.Fatal(err)
	}
	if _, err := f.WriteAt(binary.NativeEndian.AppendUint64(nil, v), 0); err != nil {
		d.Fatal(err)
	}
	if err := f.Close(); err != nil {
		d.Fatal(err)
	}
}

func start(t testing.TB, o Options) *Notifier {
	t.Helper()
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// watch is a channel that gets something after a wake.
func watch(n *Notifier, key string) (woken chan bool, stop func()) {
	woken = make(chan bool, 1)
	return woken, n.Watch(key, func() {
		select {
		case woken <- true:
		default:
		}
	})
}

func TestHintsAndPolls(t *testing.T) {
	for name, o := range map[string]Options{
		"inotify": {Poll: time.Hour}, "fast polls": {NoHints: true, Poll: time.Hour, Fast: time.Millisecond},
		"slow polls": {NoHints: true, Poll: 16 * time.Millisecond, Fast: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			d.set("a", 1)
			d.set("b", 1)
			o.Path = d.of
			n := start(t, o)
			a1, stop1 := watch(n, "a")
			a2, stop2 := watch(n, "a")
			b, stopB := watch(n, "b")
			defer stopB()
			d.set("a", 2)
			<-a1
			<-a2
			select {
			case <-b:
				t.Error("b was woken by a")
			default:
			}
			stop1()
			stop1() // twice is fine
			d.set("a", 3)
			<-a2
			stop2()
			d.set("b", 2)
			<-b
			n.mu.Lock()
			defer n.mu.Unlock()
			if len(n.keys) != 1 || len(n.order) != 1 {
				t.Errorf("%d keys, %d in order, want what b has", len(n.keys), len(n.order))
			}
		})
	}
}

// A file that is replaced, or comes into being after the watch, is found by the polls.
func TestReplacedFile(t *testing.T) {
	d := newDir(t)
	n := start(t, Options{Path: d.of, Poll: time.Hour, Fast: time.Millisecond})
	w, stop := watch(n, "a")
	defer stop()
	d.set("a", 1)
	<-w
	if err := os.Remove(d.of("a")); err != nil {
		t.Fatal(err)
	}
	<-w
	d.set("a", 7)
	<-w
}

func TestStopWaitsForWake(t *testing.T) {
	d := newDir(t)
	d.set("a", 1)
	n := start(t, Options{Path: d.of, Poll: time.Hour})
	entered, leave := make(chan bool), make(chan bool)
	ended := false // written by wake, read after stop: the race detector checks the order
	stop := n.Watch("a", func() {
		entered <- true
		<-leave
		ended = true
	})
	d.set("a", 2)
	<-entered
	go func() { leave <- true }()
	stop()
	if !ended {
		t.Error("stop returned while wake was running")
	}
}

// Dropping watchers in any order keeps the list that the polls walk whole.
func TestManyKeys(t *testing.T) {
	d := newDir(t)
	n := start(t, Options{Path: d.of, Poll: time.Hour, NoHints: true})
	var stops []func()
	for i := range 50 {
		_, stop := watch(n, strconv.Itoa(i%20))
		stops = append(stops, stop)
	}
	for i := range stops {
		stops[(i*7)%len(stops)]()
		n.mu.Lock()
		for j, e := range n.order {
			if int(e.place) != j || e.first == nil || n.keys[e.key] != e {
				t.Fatalf("after %d stops, entry %d is out of place", i+1, j)
			}
		}
		n.mu.Unlock()
	}
	if len(n.order) != 0 || len(n.keys) != 0 {
		t.Error("something is left")
	}
}

func BenchmarkWatchers(b *testing.B) {
	d := newDir(b)
	n := start(b, Options{Path: d.of, Poll: time.Hour})
	const accounts = 20000
	keys := make([]string, accounts)
	for i := range keys {
		keys[i] = "account" + strconv.Itoa(i)
		d.set(keys[i], 1)
	}
	wake := func() {}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	stops := make([]func(), accounts)
	for i := range stops {
		stops[i] = n.Watch(keys[i], wake)
	}
	per := float64(heap()-before) / accounts
	b.Run("wake", func(b *testing.B) {
		woken := make(chan bool, 1)
		stop := n.Watch(keys[77], func() { woken <- true })
		defer stop()
		f, err := os.OpenFile(d.of(keys[77]), os.O_WRONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		var v [8]byte
		for b.Loop() {
			if _, err := f.WriteAt(v[:], 0); err != nil {
				b.Fatal(err)
			}
			<-woken
		}
		b.ReportMetric(per, "B/watcher")
	})
	b.Run("poll 20000", func(b *testing.B) {
		for b.Loop() {
			for range pollParts {
				n.pollPart()
			}
		}
	})
	for _, stop := range stops {
		stop()
	}
}
