package master

import (
	"fmt"
	"io"
	"os"

	"github.com/constance-mail/constance/internal/master/roster"
)

// okay is what a daemon with Wait writes to descriptor 3 when it is ready; the contract is Cyrus's.
const okay = "ok\r\n"

// await reads the word of a daemon that is waited for. It ends when the pipe does, or when forget closes it.
func (m *Master) await(id roster.ChildID, pipe *os.File) {
	m.helpers.Go(func() {
		defer pipe.Close()
		var word [len(okay)]byte
		n, err := io.ReadFull(pipe, word[:])
		switch {
		case string(word[:n]) == okay:
			m.find(roster.Event{Kind: roster.Declared, Child: id})
		case n > 0:
			m.find(roster.Event{Kind: roster.Balked, Child: id, Text: fmt.Sprintf("it wrote %q", word[:n])})
		default:
			m.find(roster.Event{Kind: roster.Balked, Child: id, Text: fmt.Sprintf("it wrote nothing: %v", err)})
		}
	})
}

// ready is the end of the start: what it writes to disk, and whoever it tells, must not hold up the loop.
func (m *Master) ready() {
	m.writers.Go(func() {
		m.procs.clean()
		if m.conf.Opening != nil {
			if err := m.conf.Opening(); err != nil {
				m.find(roster.Event{Kind: roster.Abort, Code: ExitOS, Text: err.Error()})
				return
			}
		}
		m.find(roster.Event{Kind: roster.Go})
		m.open()
	})
}

func (m *Master) open() {
	m.log.Info("ready for work")
	if m.conf.Ready != nil {
		m.conf.Ready()
	}
}
