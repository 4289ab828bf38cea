package sim

import (
	"encoding/json"

	"github.com/constance-mail/constance/internal/master/roster"
)

// upgrade replaces the state by one that went through a text, as when another program goes on in place of this one:
// what was asked of the outside is forgotten and asked again, what has happened is still to be told.
func (w *World) upgrade() error {
	if w.done {
		return nil
	}
	text, err := json.Marshal(w.s.Export())
	if err != nil {
		return broken(Books, "what is exported cannot be written: %v", err)
	}
	var p roster.Snapshot
	if err := json.Unmarshal(text, &p); err != nil {
		return broken(Books, "what is exported cannot be read: %v", err)
	}
	s, acts, err := roster.Import(&p)
	if err != nil {
		return broken(Books, "what was exported cannot be imported: %v", err)
	}
	s.SetCheat(w.wrong.Cheat)
	w.s = s
	for _, place := range []roster.Place{roster.Listen, roster.Probes} {
		w.in.places[place].Take(w.in.places[place].Len(), nil)
		w.in.due[place] = w.in.due[place][:0]
	}
	w.in.due[roster.Findings] = w.in.due[roster.Findings][:0]
	for _, e := range w.in.places[roster.Findings].Take(1<<20, nil) {
		if e.Kind != roster.Go && e.Kind != roster.Swept {
			w.put(roster.Findings, e)
		}
	}
	for _, l := range w.socks {
		l.armed = false
	}
	return w.reconnect(acts)
}

// reconnect does what the new state asks for. A start that was under way is the same start.
func (w *World) reconnect(acts []roster.Action) error {
	for _, a := range acts {
		if a.Op != roster.OpSpawn {
			if err := w.perform(a); err != nil {
				return err
			}
			continue
		}
		if p := w.kids[a.Child]; p == nil || p.known {
			return broken(MaxChild, "child %d is to be started again", a.Child)
		}
	}
	return w.books()
}
