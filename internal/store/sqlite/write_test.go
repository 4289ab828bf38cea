package sqlite

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// together makes changes of an account in one transaction, in their order. One that is refused before it is a change is done
// by itself.
func together(t *testing.T, a *account, changes ...func()) {
	t.Helper()
	if !a.queue.tryLead() {
		t.Fatal("somebody writes")
	}
	var wg sync.WaitGroup
	waiting := 0
	for _, change := range changes {
		var over atomic.Bool
		wg.Go(func() { change(); over.Store(true) })
		for !over.Load() {
			if w, _ := a.queue.head(); w.Waiting > waiting {
				waiting = w.Waiting
				break
			}
			runtime.Gosched()
		}
	}
	a.queue.pass()
	wg.Wait()
}

// TestDeletedTogether: who comes right behind the deletion of a mailbox, in the same transaction, does not find it any more.
func TestDeletedTogether(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{})
	a := s.Account("ann").(*account)
	box, err := a.CreateMailbox(ctx, "box", nil)
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, a, box.ID, "one")
	if _, err := a.Mailboxes(ctx); err != nil { // the list is at hand
		t.Fatal(err)
	}
	var deleted, appended, flagged error
	together(t, a,
		func() { deleted = a.DeleteMailbox(ctx, "box") },
		func() { _, appended = tryDeliver(a, box.ID, "two") },
		func() {
			_, flagged = a.SetFlags(ctx, box.ID, mail.FlagChange{UIDs: mail.SetOf(1), Flags: []mail.Flag{mail.Seen}})
		})
	if deleted != nil {
		t.Fatal(deleted)
	}
	for name, err := range map[string]error{"APPEND": appended, "STORE": flagged} {
		if err == nil || mail.KindOf(err) != mail.NotFound {
			t.Errorf("%s into a mailbox that was deleted just before: %v", name, err)
		}
	}
	if m, err := a.Mailbox(ctx, "box"); err == nil {
		t.Errorf("the mailbox is there again: %+v", m)
	}
	report := func(p mail.Problem) {
		if !strings.HasPrefix(p.Text, "content ") { // whose digest is made up
			t.Errorf("%+v", p)
		}
	}
	if err := a.Verify(ctx, report); err != nil {
		t.Error(err)
	}
}
