package sqlite

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// manyMessages is an account whose INBOX has so many messages that its outline is had without a snapshot, with gaps.
func manyMessages(t *testing.T, dir string) mail.Account {
	t.Helper()
	ctx := context.Background()
	a := openTest(t, dir, Options{}).Account("alice")
	deliver(t, a, 1, "text")
	for range 11 { // 2,048 copies
		all := mail.UIDSet{{Start: 1, Stop: 1 << 20}}
		if _, err := a.Copy(ctx, 1, all, 1); err != nil {
			t.Fatal(err)
		}
	}
	for flag, uids := range map[mail.Flag]mail.UIDSet{
		mail.Seen:    {{Start: 1, Stop: 700}},
		mail.Deleted: {{Start: 3, Stop: 3}, {Start: 250, Stop: 560}, {Start: 2000, Stop: 2048}},
	} {
		if _, err := a.SetFlags(ctx, 1, mail.FlagChange{UIDs: uids, Op: mail.AddFlags, Flags: []mail.Flag{flag}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.Expunge(ctx, 1, nil); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOutline(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	first := manyMessages(t, dir)
	s := openTest(t, dir, Options{})
	a := s.Account("alice")
	got, err := a.Outline(ctx, 1, mail.Never)
	if err != nil {
		t.Fatal(err)
	}
	if got.Snapshot != nil || s.snaps.list.Len() > 0 {
		t.Error("the snapshot of a large mailbox was read for its outline")
	}
	want := mail.UIDSet{{Start: 1, Stop: 2}, {Start: 4, Stop: 249}, {Start: 561, Stop: 1999}}
	if !slices.Equal(got.UIDs, want) || got.FirstUnseen != 700-312+1 || got.Mailbox.Messages != 1687 {
		t.Errorf("UIDs %v, the first unseen %d, %d messages", got.UIDs, got.FirstUnseen, got.Mailbox.Messages)
	}
	if changed := slices.Collect(got.Changed); len(changed) > 0 {
		t.Errorf("%d messages changed after all", len(changed))
	}
	since := got.Mailbox.HighestMod
	if _, err := first.SetFlags(ctx, 1, mail.FlagChange{UIDs: mail.SetOf(2), Op: mail.ReplaceFlags}); err != nil {
		t.Fatal(err)
	}
	if got, err = a.Outline(ctx, 1, since); err != nil || got.FirstUnseen != 2 {
		t.Errorf("after a change by another process the first unseen is %d, %v", got.FirstUnseen, err)
	}
	if changed := slices.Collect(got.Changed); !slices.Equal(changed, []mail.Mark{{UID: 2, ModSeq: since + 1}}) {
		t.Errorf("%+v changed after %d", changed, since)
	}
	snap, err := a.Snapshot(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = a.Outline(ctx, 1, mail.Never); err != nil || got.Snapshot != snap {
		t.Errorf("the outline is not that of the snapshot at hand: %v", err)
	}
}

// Nothing is made up where there is none, or where pages are missing.
func TestOutlineFails(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	manyMessages(t, dir)
	s := openTest(t, dir, Options{})
	a := s.Account("alice").(*account)
	if _, err := a.Outline(ctx, 77, 0); mail.KindOf(err) != mail.NotFound {
		t.Errorf("of a mailbox that is not there: %v", err)
	}
	err := a.update(ctx, "damage", "", func(x *tx) error {
		x.wrote = true
		st, err := x.c.prep("DELETE FROM item WHERE id = ?")
		if err != nil {
			return err
		}
		return st.bind(itemKey(kindPage, pageKey(1, 3))).run()
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Outline(ctx, 1, mail.Never); mail.KindOf(err) != mail.Corrupt {
		t.Errorf("with a page missing: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := a.Outline(gone, 1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}
