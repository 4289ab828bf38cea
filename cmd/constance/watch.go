package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// shower gives what is to be shown now.
type shower func(context.Context) (string, error)

// watch is redraw until Ctrl-C.
func (p *program) watch(ctx context.Context, every time.Duration, show shower) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return p.redraw(ctx, every, show)
}

// redraw draws what show gives until the end of ctx, which is how one leaves and no error. On a terminal each
// drawing replaces the one before, line by line, so that nothing flickers; elsewhere they follow each other.
func (p *program) redraw(ctx context.Context, every time.Duration, show shower) error {
	s := &screen{w: p.stdout}
	if f, ok := p.stdout.(*os.File); ok && !p.json {
		s.file = f
		_, s.isTerm = s.size()
	}
	defer s.close()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		text, err := show(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !s.drawn:
			return err // it was not there in the first place
		case err != nil:
			text = time.Now().Format(time.TimeOnly) + " no answer: " + err.Error() + "\n"
		}
		if err := s.draw(text); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// screen is where drawings go.
type screen struct {
	w      io.Writer
	file   *os.File // of a terminal, if isTerm
	isTerm bool
	drawn  bool
}

// size is the number of lines and columns of the terminal.
func (s *screen) size() (unix.Winsize, bool) {
	ws, err := unix.IoctlGetWinsize(int(s.file.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Row == 0 || ws.Col == 0 {
		return unix.Winsize{}, false
	}
	return *ws, true
}

// Control sequences of ECMA-48 and of xterm's alternate screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	restOfLine  = "\x1b[K"
	restBelow   = "\x1b[J"
)

func (s *screen) draw(text string) error {
	first := !s.drawn
	s.drawn = true
	if !s.isTerm {
		_, err := io.WriteString(s.w, text)
		return err
	}
	if first {
		text = enterScreen + s.page(text)
	} else {
		text = s.page(text)
	}
	_, err := io.WriteString(s.w, text) // one write: the terminal never shows half of it
	return err
}

// page is text cut to the terminal, over what was there before.
func (s *screen) page(text string) string {
	ws, ok := s.size()
	if !ok {
		ws = unix.Winsize{Row: 24, Col: 80}
	}
	return fit(text, int(ws.Row), int(ws.Col))
}

// fit cuts text to rows and columns, says what is left out, and wipes what was there before.
func fit(text string, rows, cols int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if more := len(lines) - rows; more > 0 {
		lines = append(lines[:max(rows-1, 0)], fmt.Sprintf("... and %d more lines", more+1))
	}
	var b strings.Builder
	b.WriteString(home)
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		r := []rune(l)
		b.WriteString(string(r[:min(len(r), cols)]))
		if len(r) < cols { // else it would wipe the last column
			b.WriteString(restOfLine)
		}
	}
	return b.String() + restBelow
}

func (s *screen) close() {
	if s.isTerm && s.drawn {
		_, _ = io.WriteString(s.w, leaveScreen) // a terminal that went away needs no restoring
	}
}
