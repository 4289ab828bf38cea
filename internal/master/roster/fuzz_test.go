package roster

import (
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/service"
)

// FuzzEvents makes events out of octets, three for each: whatever the order, the books are right after every step, a
// child is never forgotten twice, nothing happens after the end, and the end comes.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{7, 0, 0, 1, 1, 5, 2, 1, 3, 3, 1, 9, 4, 1, 0, 9, 0, 0})
	f.Add([]byte{6, 0, 2, 6, 0, 50, 1, 1, 0, 1, 2, 0, 1, 3, 0, 5, 1, 2, 5, 2, 3, 8, 0, 7, 11, 1, 0, 12, 0, 200})
	f.Fuzz(func(t *testing.T, in []byte) {
		z := &fuzzed{T: t, s: New(), forgotten: map[ChildID]bool{}, now: time.Second}
		z.feed(Event{Kind: Reload, Conf: configs()[0]})
		for ; len(in) >= 3; in = in[3:] {
			z.event(in[0], in[1], in[2])
		}
		z.feed(Event{Kind: Stop})
		z.now = max(z.now, z.s.now) // a clock that went back stands still until it has caught up
		for range 4 {
			z.now += defaultGrace
			z.feed(Event{Kind: Tick})
		}
		if !z.s.Done() {
			t.Error("it does not end")
		}
	})
}

// configs are what a reload may bring.
func configs() []*Config {
	a := Service{Key: "a", Name: "a", Prefork: 2, MaxChild: 4, DrainOver: true, Silence: time.Second, MaxMemory: 2}
	b := Service{Key: "b", Name: "b", MaxChild: -1, MaxForkRate: 3}
	d := Service{Key: "d", Name: "d", Prefork: 1, MaxChild: 1, Daemon: true}
	j := Job{Key: "j", Name: "j", Period: time.Minute}
	small := a
	small.MaxChild, small.Prefork, small.DrainOver = 1, 9, false
	return []*Config{
		{Services: []Service{a, b}, Jobs: []Job{j}}, {Services: []Service{b, d}}, {Services: []Service{small}, Grace: 1},
		{Jobs: []Job{j, {Key: "k"}}}, {}, nil,
	}
}

type fuzzed struct {
	*testing.T
	s         *State
	now       time.Duration
	forgotten map[ChildID]bool
	acts      []Action
	step      func(Event) // nil: feed
}

func (z *fuzzed) event(kind, a, b byte) {
	e := Event{Kind: Kind(kind % 14), Inst: InstID(a % 8), Child: ChildID(a), PID: int(b) + 1, Code: int32(b % 8),
		N: int(b) - 3, Status: 0, Text: []string{"j", "k", ""}[b%3], Conf: configs()[b%6]}
	switch {
	case b >= 240:
		e.Code = service.Life(int(b-240), b%2 == 0)
	case b >= 200:
		e.Status = 9
	case b >= 150:
		e.Status = 1 << 8
	}
	if a%16 != 0 { // mostly a child that there is
		e.Child = z.s.lastKid - min(ChildID(a%16), z.s.lastKid)
	}
	if e.Kind == Stop && b%8 != 0 { // seldom
		e.Kind = Tick
	}
	if e.Kind == Reload && e.Conf == nil {
		e.Kind = Tick
	}
	z.now += time.Duration(b) * time.Duration(a) * time.Millisecond
	if b == 255 {
		z.now -= time.Hour
	}
	if z.step != nil {
		z.step(e)
		return
	}
	z.feed(e)
}

func (z *fuzzed) feed(e Event) {
	over := z.s.Done()
	z.acts = z.s.Step(e, z.now, z.acts[:0])
	if over && len(z.acts) > 0 {
		z.Fatalf("after the end: %v", z.acts)
	}
	for _, a := range z.acts {
		if a.Child != 0 && z.forgotten[a.Child] {
			z.Fatalf("%+v for a child that was forgotten", a)
		}
		if a.Op == OpForget {
			z.forgotten[a.Child] = true
		}
	}
	if err := z.s.Check(); err != nil {
		z.Fatalf("after %+v: %v", e, err)
	}
}
