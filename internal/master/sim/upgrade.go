package sim

import (
	"encoding/json"
	"fmt"

	"github.com/constance-mail/constance/internal/master/roster"
)

// upgrade replaces the state by one that went through a text, as when another program goes on in place of this one:
// what was asked of the outside is forgotten and asked again, what has happened is still to be told.
func (w *World) upgrade() error {
	text, err := json.Marshal(w.s.Export())
	if err != nil {
		return err
	}
	var p roster.Snapshot
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	s, acts, err := roster.Import(&p)
	if err != nil {
		return fmt.Errorf("what was exported cannot be imported: %w", err)
	}
	s.SetCheat(w.cheat)
	w.s = s
	kept := w.todo[:0]
	for _, e := range w.todo {
		switch e.Kind {
		case roster.Probed, roster.Pending, roster.Go, roster.Swept:
		default:
			kept = append(kept, e)
		}
	}
	w.todo = kept
	for _, l := range w.ls {
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
		if p := w.procs[a.Child]; p == nil || len(p.events) == 0 {
			return fmt.Errorf("child %d is to be started again", a.Child)
		}
	}
	for _, id := range w.lsIDs {
		if err := w.notice(id, w.ls[id]); err != nil {
			return err
		}
	}
	return w.s.Check()
}
