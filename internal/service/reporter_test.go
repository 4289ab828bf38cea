package service

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// told is a reporter whose channel the test reads; nothing runs by itself.
type told struct {
	*reporter
	t    *testing.T
	r, w *os.File
}

func newTold(t *testing.T) *told {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return &told{newReporter(int(w.Fd()), &pulse{}, slog.New(slog.DiscardHandler)), t, r, w}
}

// got reads what was written so far.
func (d *told) got() (codes []int32) {
	d.t.Helper()
	for {
		p := []unix.PollFd{{Fd: int32(d.r.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(p, 0); n == 0 {
			return codes
		}
		var b [MessageSize]byte
		if _, err := io.ReadFull(d.r, b[:]); err != nil {
			d.t.Fatal(err)
		}
		m := ParseMessage(b[:])
		if m.PID != int32(os.Getpid()) {
			d.t.Errorf("%+v is not of this process", m)
		}
		codes = append(codes, m.Code)
	}
}

// What is told for what happened since the last report: connections while READY, room before them and its end after
// them, so that a master, whatever its state, meets no message that Cyrus's would warn of.
func TestWhatIsTold(t *testing.T) {
	type step struct {
		conns int
		busy  bool
		want  []int32
	}
	for name, steps := range map[string][]step{
		"nothing":                       {{0, false, nil}, {0, false, nil}},
		"connections":                   {{1, false, []int32{4}}, {3, false, []int32{4, 4, 4}}, {0, false, nil}},
		"full":                          {{1, true, []int32{4, 2}}, {0, true, nil}, {0, false, []int32{1}}},
		"full at once, several":         {{3, true, []int32{4, 4, 4, 2}}},
		"room came and went":            {{1, true, []int32{4, 2}}, {1, true, []int32{1, 4, 2}}},
		"room, taken, room":             {{1, true, []int32{4, 2}}, {2, false, []int32{1, 4, 4}}, {0, false, nil}},
		"no room without a connection":  {{0, true, []int32{2}}, {0, true, nil}, {0, false, []int32{1}}},
		"room went before it was told":  {{0, true, []int32{2}}, {5, true, []int32{1, 4, 4, 4, 4, 4, 2}}},
		"drains after some connections": {{2, false, []int32{4, 4}}, {0, true, []int32{2}}},
	} {
		d := newTold(t)
		busy := false // as a master believes
		for k, s := range steps {
			d.set(s.conns, 0, s.busy)
			d.report()
			got := d.got()
			if !slices.Equal(got, s.want) {
				t.Errorf("%s, step %d: %v, want %v", name, k, got, s.want)
			}
			for _, code := range got {
				if code == Available && !busy || code == Unavailable && busy || code == ConnectionMulti && busy {
					t.Errorf("%s, step %d: %d does not fit busy=%v", name, k, code, busy)
				}
				busy = code == Unavailable || busy && code != Available
			}
		}
	}
}

// Several changes before one report are one.
func TestReportsAreGathered(t *testing.T) {
	d := newTold(t)
	for range 10 {
		d.set(1, 5, true)
		d.set(0, 5, false)
	}
	d.report()
	if got := d.got(); !slices.Equal(got, slices.Repeat([]int32{4}, 10)) {
		t.Errorf("%v", got)
	}
	if len(d.kick) != 1 {
		t.Error("the writer was not woken, or twice")
	}
}

// A sign of life says what was told, not what will be told next, and comes only if a master wants it.
func TestAlive(t *testing.T) {
	d := newTold(t)
	d.alive()
	if got := d.got(); len(got) != 0 {
		t.Errorf("nobody asked for %v", got)
	}
	d.pulse.every = 1
	d.set(0, 7, true)
	d.alive()
	if got := d.got(); !slices.Equal(got, []int32{Life(7, false)}) {
		t.Errorf("%#x", got)
	}
	d.report()
	d.alive()
	if got := d.got(); !slices.Equal(got, []int32{Unavailable, Life(7, true)}) {
		t.Errorf("%#x", got)
	}
}

// The end of the master is noticed without a word to say, once, and nothing is written from then on.
func TestOrphanIsNoticed(t *testing.T) {
	for name, notice := range map[string]func(*told){
		"by a look":    func(d *told) { d.alive() },
		"by a message": func(d *told) { d.set(1, 1, false); d.report() },
	} {
		d := newTold(t)
		d.r.Close()
		select {
		case <-d.orphan:
			t.Fatalf("%s: too early", name)
		default:
		}
		notice(d)
		notice(d)
		select {
		case <-d.orphan:
		default:
			t.Errorf("%s: not noticed", name)
		}
	}
}

// A worker whose channel is full ends nevertheless.
func TestFullChannelAtTheEnd(t *testing.T) {
	d := newTold(t)
	unix.SetNonblock(d.fd, true)
	for {
		if _, err := unix.Write(d.fd, make([]byte, MessageSize)); err != nil {
			break
		}
	}
	unix.SetNonblock(d.fd, false)
	go d.run()
	d.set(100, 1, true)
	d.stop()
}
