package master

import (
	"os"
	"testing"
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
