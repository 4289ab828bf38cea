package sim

import (
	"fmt"
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// silence of those services whose workers give signs of life.
const silence = 2 * time.Second

// watched is whether signs of life are asked of a process.
func (w *World) watched(p *proc) bool {
	l := w.ls[p.inst]
	return l != nil && l.conf.Silence > 0
}

// live lets the processes give signs of life: as often as the steps come, but for those that hang.
func (w *World) live() {
	for _, p := range w.order {
		if running(p) && !p.mute && w.watched(p) && w.high >= p.lived+silence/8 {
			p.lived = w.high
			p.events = append(p.events, roster.Event{Kind: roster.Said, Child: p.id, Code: service.Life(p.conns, p.busy), N: 1})
		}
	}
}

// heard notes what of a process has reached roster.
func (w *World) heard(e *roster.Event) {
	p := w.procs[e.Child]
	if p == nil {
		return
	}
	if _, _, life := service.ParseLife(e.Code); e.Kind == roster.Spawned || e.Kind == roster.Said && life {
		p.heard = w.high
	}
}

// examined: nobody is given up who was heard of, and nobody twice.
func (w *World) examined(id roster.ChildID) error {
	p := w.procs[id]
	switch {
	case p == nil || p.pid == 0:
		return fmt.Errorf("child %d is said to hang and does not run", id)
	case p.given:
		return fmt.Errorf("child %d is given up twice", id)
	case w.high-p.heard < silence:
		return fmt.Errorf("child %d is said to hang %v after a sign of life", id, w.high-p.heard)
	}
	p.given = true
	return nil
}

// ail: a process hangs, or its memory is measured.
func (w *World) ail(p *proc) {
	if w.rnd.IntN(2) == 0 {
		p.mute, p.hangs = true, true
		return
	}
	p.events = append(p.events, roster.Event{Kind: roster.Sized, Child: p.id, N: w.rnd.IntN(300)})
}

// ailing: some process hangs that is asked for signs of life; it must not stay.
func (w *World) ailing() bool {
	for _, p := range w.order {
		if p.mute && w.watched(p) {
			return true
		}
	}
	return false
}
