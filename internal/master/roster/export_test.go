package roster

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// reborn is a state that went through a text and back.
func reborn(t testing.TB, s *State) (*State, []Action) {
	t.Helper()
	text, err := json.Marshal(s.Export())
	if err != nil {
		t.Fatal(err)
	}
	var p Snapshot
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	twin, acts, err := Import(&p)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if again, err := json.Marshal(twin.Export()); err != nil || string(again) != string(text) {
		t.Fatalf("%s\nbecame\n%s %v", text, again, err)
	}
	return twin, acts
}

// feedBoth gives an event to a state and to its twin, who must decide alike.
func (z *fuzzed) feedBoth(e Event) {
	twin, _ := reborn(z, z.s)
	z.feed(e)
	acts := twin.Step(e, z.now, nil)
	if len(acts)+len(z.acts) > 0 && !reflect.DeepEqual(acts, z.acts) {
		z.Fatalf("after %+v: %+v, and what was exported before does %+v", e, z.acts, acts)
	}
}

// history leads a state through what octets say, exporting it before every event.
func history(t *testing.T, in []byte) {
	z := &fuzzed{T: t, s: New(), forgotten: map[ChildID]bool{}, now: time.Second}
	z.feed(Event{Kind: Reload, Conf: configs()[0]})
	z.step = z.feedBoth
	for ; len(in) >= 3 && !z.s.Done(); in = in[3:] {
		z.event(in[0], in[1], in[2])
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte{7, 0, 0, 1, 1, 5, 2, 1, 3, 3, 1, 9, 4, 1, 0, 9, 0, 0})
	f.Add([]byte{6, 0, 2, 6, 0, 50, 1, 1, 0, 1, 2, 0, 1, 3, 0, 5, 1, 2, 5, 2, 3, 8, 0, 7, 11, 1, 0, 12, 0, 200})
	f.Fuzz(history)
}

// A state that is exported and imported before every event decides as one that is not.
func TestExportChangesNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		in := make([]byte, 900)
		for k := range in {
			in[k] = byte(rnd.Uint32())
		}
		history(t, in)
	}
}

// What the outside was asked for before, it is asked for again.
func TestImportReconnects(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a", Prefork: 2, MaxChild: -1}, Service{Key: "b", Name: "b", MaxChild: -1})
	w.step(Event{Kind: Spawned, Child: 1, PID: 7})
	w.step(Event{Kind: Pending, Inst: 2, N: 1}) // starts child 3
	w.step(Event{Kind: Spawned, Child: 3, PID: 9})
	w.now += lookAgain
	w.after(probeEvery) // still there? asks for a look
	_, acts := reborn(t, w.s)
	want := []Action{{Op: OpArm, Inst: 1}, {Op: OpSpawn, Inst: 1, Child: 2}, {Op: OpProbe, Inst: 2}}
	if !reflect.DeepEqual(acts, want) {
		t.Errorf("%+v, want %+v", acts, want)
	}
}

// A snapshot that contradicts itself is refused.
func TestImportRefuses(t *testing.T) {
	w := newWorld(t, Service{Key: "a", Name: "a", Prefork: 2, MaxChild: -1})
	for name, spoil := range map[string]func(*Snapshot){
		"a child twice":            func(p *Snapshot) { p.Insts[0].Kids[1].ID = p.Insts[0].Kids[0].ID },
		"a child of the future":    func(p *Snapshot) { p.LastKid = 1 },
		"a class that is none":     func(p *Snapshot) { p.Insts[0].Kids[0].Class = 99 },
		"gone and not ended":       func(p *Snapshot) { p.Insts[0].Kids[0].Class = gone },
		"an instance twice":        func(p *Snapshot) { p.Insts = append(p.Insts, p.Insts[0]) },
		"an unknown child's end":   func(p *Snapshot) { p.Ended = []ChildID{77} },
		"the end of one who lives": func(p *Snapshot) { p.Ended = []ChildID{1} },
		"a listener unwatched":     func(p *Snapshot) { p.Insts[0].Armed = false },
		"a job's run is a worker": func(p *Snapshot) {
			p.Jobs = []JobSnapshot{{Running: &p.Insts[0].Kids[0]}}
		},
	} {
		p := w.s.Export()
		if _, _, err := Import(p); err != nil {
			t.Fatal(err)
		}
		spoil(p)
		if _, _, err := Import(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Whoever adds a field to the state must think of the export: each has its counterpart, or is computed.
func TestExportIsComplete(t *testing.T) {
	for _, c := range []struct {
		of, as   any
		computed string
	}{
		{State{}, Snapshot{}, "order children acts cheat done"},
		{inst{}, InstSnapshot{}, "count starting"},
		{child{}, ChildSnapshot{}, "inst job at stray"},
		{job{}, JobSnapshot{}, ""},
	} {
		of, as := reflect.TypeOf(c.of), reflect.TypeOf(c.as)
		for k := range of.NumField() {
			name := of.Field(k).Name
			_, there := as.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
			if !there && !strings.Contains(" "+c.computed+" ", " "+name+" ") {
				t.Errorf("%v.%s is not exported", of, name)
			}
		}
	}
}
