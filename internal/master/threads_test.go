package master

import (
	"os"
	"syscall"
	"testing"

	"github.com/constance-mail/constance/internal/master/roster"
)

// The threads are there, and stay when nobody needs them.
func TestKeepThreads(t *testing.T) {
	if err := keepThreads(sparesWanted); err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if len(tasks) < sparesWanted {
		t.Errorf("%d threads, %d wanted", len(tasks), sparesWanted)
	}
}

// Thousands of signals take many rounds; none is lost, and those for children that are gone do no harm.
func TestSignalsInShares(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 2*signalShare + 5 {
		m.toSend.Put(roster.Action{Op: roster.OpSignal, Child: roster.ChildID(k + 1), Sig: syscall.SIGHUP})
	}
	for _, left := range []int{signalShare + 5, 5, 0, 0} {
		m.sendSignals(signalShare)
		if m.toSend.Len() != left {
			t.Errorf("%d left, want %d", m.toSend.Len(), left)
		}
	}
}
