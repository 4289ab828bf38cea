package sim

import (
	"time"

	"github.com/constance-mail/constance/internal/master/roster"
	"github.com/constance-mail/constance/internal/service"
)

// silence of those services whose workers give signs of life, and the memory that they may have.
const (
	silence   = 2 * time.Second
	maxMemory = 200
)

// watched is whether signs of life are asked of a process.
func (w *World) watched(p *proc) bool {
	l := w.socks[p.inst]
	return l != nil && l.conf.Silence > 0
}

// live lets the processes give signs of life, but for those that hang.
func (w *World) live() {
	for _, p := range w.order {
		if p.alive() && !p.mute && !p.shut && w.watched(p) && len(p.pipe) < pipeMax {
			p.pipe = append(p.pipe, message{service.Life(p.conns, p.busy), 1})
		}
	}
}

// heard notes what of a process has reached roster.
func (w *World) heard(e *roster.Event) {
	p := w.kids[e.Child]
	if p == nil {
		return
	}
	if _, _, life := service.ParseLife(e.Code); e.Kind == roster.Spawned && p.heard == 0 || e.Kind == roster.Said && life {
		p.heard = w.high
	}
	if e.Kind == roster.Said && !w.watched(p) {
		p.given = false // it goes on
	}
	if e.Kind == roster.Spawned && p.begun == 0 {
		p.begun = w.high
	}
	p.bloated = p.bloated || e.Kind == roster.Sized && e.N > maxMemory
}

// examined: nobody is given up who was heard of, and nobody twice.
func (w *World) examined(id roster.ChildID) error {
	p := w.kids[id]
	switch {
	case p == nil || !p.known:
		return broken(GivenUp, "child %d is said to hang and does not run", id)
	case p.given:
		return broken(GivenUp, "child %d is given up twice", id)
	case w.watched(p) && w.high-p.heard < silence, w.high-p.begun < silence:
		return broken(GivenUp, "child %d is said to hang %v after a sign of life", id, w.high-p.heard)
	}
	p.given = true
	return nil
}

// age tells how long clients have waited, at least: since somebody was taken.
func (w *World) age(id roster.InstID) error {
	l := w.listener(id)
	if l == nil {
		return broken(Released, "the age of clients of listener %d, which has been given up", id)
	}
	e := roster.Event{Kind: roster.Aged, Inst: id, N: l.waiting}
	if l.waiting > 0 {
		e.Age = w.time() - l.idle
	}
	w.put(roster.Findings, e)
	return nil
}

// ail: a process hangs for good, or its memory is measured.
func (w *World) ail(p *proc) {
	if w.rnd.IntN(2) == 0 {
		p.mute, p.hangs = true, true
		return
	}
	w.put(roster.Findings, roster.Event{Kind: roster.Sized, Child: p.id, N: w.rnd.IntN(5 * maxMemory / 2)})
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
