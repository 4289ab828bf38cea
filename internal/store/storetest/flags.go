package storetest

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// costly tells whether tests that take minutes were asked for.
func costly() bool { return os.Getenv("CONSTANCE_HISTORIES") != "" }

var flagCases = []testCase{
	{"SetFlags replaces, adds and removes", func(e *env) {
		e.append(1, e.upload(Message{Size: 300}.Octets(), mail.Seen, "a"))
		for i, c := range []struct {
			op    mail.FlagOp
			flags []mail.Flag
			want  []mail.Flag
		}{
			{mail.AddFlags, []mail.Flag{mail.Draft, "b"}, []mail.Flag{mail.Seen, mail.Draft, "a", "b"}},
			{mail.RemoveFlags, []mail.Flag{`\seen`, "A", "unknown"}, []mail.Flag{mail.Draft, "b"}},
			{mail.ReplaceFlags, []mail.Flag{mail.Answered, "c", `\Recent`}, []mail.Flag{mail.Answered, "c"}},
			{mail.ReplaceFlags, nil, nil},
			{mail.AddFlags, []mail.Flag{mail.Deleted, mail.Flagged}, []mail.Flag{mail.Flagged, mail.Deleted}},
		} {
			before := e.modSeq()
			done := e.setFlags(1, mail.FlagChange{UIDs: mail.SetOf(1), Op: c.op, Flags: c.flags})
			if done.Changed.String() != "1" || done.Failed != nil || done.ModSeq != before+1 ||
				e.box("INBOX").HighestMod != before+1 {
				e.Errorf("%d: %+v", i, done)
			}
			if got := e.flags(1, 1); !slices.Equal(got, c.want) {
				e.Errorf("%d: %q, want %q", i, got, c.want)
			}
		}
		m := e.box("INBOX")
		if m.Unseen != 1 || m.Deleted != 1 || !slices.Equal(m.Keywords, []mail.Flag{"a", "b", "c"}) {
			e.Errorf("%+v", m)
		}
	}},
	{"SetFlags passes over UIDs that are not there and says which messages really changed", func(e *env) {
		e.add(1, 3)
		e.addFlags(1, mail.SetOf(2), mail.Seen)
		done := e.addFlags(1, mail.UIDSet{{Start: 1, Stop: 1000}}, mail.Seen)
		e.uidSet("changed", done.Changed, "1,3")
		done = e.addFlags(1, rangeOf(4, 4_294_967_295), mail.Seen)
		if done.Changed != nil || done.ModSeq != 0 {
			e.Errorf("%+v", done)
		}
		done = e.addFlags(1, nil, mail.Seen)
		if done.Changed != nil || done.ModSeq != 0 {
			e.Errorf("%+v", done)
		}
		s := e.snapshot(1)
		if m := s.Pages[0].ModSeqs; m[0] != 4 || m[1] != 3 || m[2] != 4 {
			e.Errorf("ModSeqs %v", m)
		}
	}},
	{"SetFlags with UnchangedSince leaves alone what was changed since", func(e *env) {
		e.add(1, 3)
		e.addFlags(1, mail.SetOf(2), mail.Seen)
		change := mail.FlagChange{UIDs: rangeOf(1, 9), Op: mail.AddFlags, Flags: []mail.Flag{mail.Seen},
			Conditional: true, UnchangedSince: 2}
		done := e.setFlags(1, change)
		e.uidSet("changed", done.Changed, "1,3")
		e.uidSet("failed", done.Failed, "2")
		change.UnchangedSince = 0
		change.Flags = []mail.Flag{"new"}
		done = e.setFlags(1, change)
		if done.Changed != nil || done.ModSeq != 0 || done.Failed.String() != "1:3" ||
			e.box("INBOX").Keywords != nil {
			e.Errorf("%+v", done)
		}
		change.UnchangedSince = 1 << 60
		done = e.setFlags(1, change)
		e.uidSet("changed", done.Changed, "1:3")
	}},
	{"SetFlags refuses what can never be a flag with Invalid", func(e *env) {
		e.add(1, 1)
		for _, f := range badFlags {
			for op := mail.ReplaceFlags; op <= mail.RemoveFlags; op++ {
				c := mail.FlagChange{UIDs: mail.SetOf(1), Op: op, Flags: []mail.Flag{mail.Seen, f}}
				e.unchanged(mail.Invalid, func() error { _, err := e.acc.SetFlags(e.ctx, 1, c); return err })
			}
		}
		c := mail.FlagChange{UIDs: mail.SetOf(1), Op: mail.RemoveFlags + 1}
		e.unchanged(mail.Invalid, func() error { _, err := e.acc.SetFlags(e.ctx, 1, c); return err })
	}},
	{"a new keyword is known only if a message carries it", func(e *env) {
		e.add(1, 1)
		e.addFlags(1, mail.SetOf(7), "x")
		e.setFlags(1, mail.FlagChange{UIDs: mail.SetOf(1), Op: mail.RemoveFlags, Flags: []mail.Flag{"y"}})
		if k := e.box("INBOX").Keywords; k != nil {
			e.Errorf("keywords %q", k)
		}
		e.addFlags(1, mail.SetOf(1), "X", "x", "longer-and-$tranger!#&'+,-./:;<=>?@[^_`|}~")
		if k := e.box("INBOX").Keywords; len(k) != 2 || k[0] != "X" {
			e.Errorf("keywords %q", k)
		}
	}},
	{"a full table of keywords gives up those that no message carries", keywordCase},
}

func keywordCase(e *env) {
	e.add(1, 2)
	var all []mail.Flag
	for i := range mail.MaxKeywords {
		all = append(all, mail.Flag(fmt.Sprintf("k%d", i)))
	}
	e.addFlags(1, mail.SetOf(1), all...)
	if k := e.box("INBOX").Keywords; !slices.Equal(k, all) {
		e.Fatalf("keywords %q", k)
	}
	one := func(flags ...mail.Flag) func() error {
		return func() error {
			_, err := e.acc.SetFlags(e.ctx, 1, mail.FlagChange{UIDs: mail.SetOf(2), Op: mail.AddFlags, Flags: flags})
			return err
		}
	}
	e.unchanged(mail.Limit, one("new"))
	m := e.upload(Message{Size: 300}.Octets(), "new")
	e.unchanged(mail.Limit, func() error { _, err := e.acc.Append(e.ctx, 1, []mail.NewMessage{m}); return err })
	e.setFlags(1, mail.FlagChange{UIDs: mail.SetOf(1), Op: mail.RemoveFlags, Flags: []mail.Flag{"k3", "k7", "k9"}})
	if k := e.box("INBOX").Keywords; !slices.Equal(k, all) {
		e.Fatalf("given up without need: %q", k)
	}
	e.unchanged(mail.Limit, one("n1", "n2", "n3", "n4"))
	e.unchanged(mail.Limit, one("K7", "n1", "n2", "n3")) // K7 is wanted and stays
	e.ok(one("k7", "n1")())
	all[3], all[9] = "n1", ""
	if k := e.box("INBOX").Keywords; !slices.Equal(k, all) {
		e.Fatalf("got  %q\nwant %q", k, all)
	}
	if f := e.flags(1, 2); !slices.Equal(f, []mail.Flag{"n1", "k7"}) {
		e.Errorf("flags %q", f)
	}
	e.append(1, m)
	if all[9] = "new"; !slices.Equal(e.box("INBOX").Keywords, all) {
		e.Errorf("got %q", e.box("INBOX").Keywords)
	}
	e.reopen()
	if f := e.flags(1, 3); !slices.Equal(f, []mail.Flag{"new"}) {
		e.Errorf("flags %q", f)
	}
}

var expungeCases = []testCase{
	{"Expunge removes the messages with \\Deleted", func(e *env) {
		e.add(1, 5)
		e.addFlags(1, mail.SetOf(2, 3, 5), mail.Deleted)
		before := e.modSeq()
		uids, at, err := e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		e.uidSet("expunged", uids, "2:3,5")
		e.uidSet("left", e.snapshot(1).UIDSet(), "1,4")
		if m := e.box("INBOX"); at != before+1 || m.HighestMod != at || m.Deleted != 0 || m.UIDNext != 6 {
			e.Errorf("ModSeq %d, %+v", at, m)
		}
		if done := e.add(1, 1); done.UIDs[0] != 6 {
			e.Errorf("UID %d was used again", done.UIDs[0])
		}
	}},
	{"Expunge with uids removes only those of them that carry \\Deleted", func(e *env) {
		e.add(1, 5)
		e.addFlags(1, mail.SetOf(2, 3, 5), mail.Deleted)
		uids, _, err := e.acc.Expunge(e.ctx, 1, mail.UIDSet{{Start: 1, Stop: 3}, {Start: 9, Stop: 4_294_967_295}})
		e.ok(err)
		e.uidSet("expunged", uids, "2:3")
		e.uidSet("left", e.snapshot(1).UIDSet(), "1,4:5")
	}},
	{"Expunge of nothing is no error", func(e *env) {
		e.add(1, 2)
		for _, set := range []mail.UIDSet{nil, {}, mail.SetOf(1)} {
			uids, at, err := e.acc.Expunge(e.ctx, 1, set)
			if uids != nil || at != 0 || err != nil {
				e.Errorf("%v %d %v", uids, at, err)
			}
		}
		e.addFlags(1, mail.SetOf(1), mail.Deleted)
		uids, _, err := e.acc.Expunge(e.ctx, 1, mail.UIDSet{})
		if uids != nil || err != nil || e.box("INBOX").Messages != 2 {
			e.Errorf("no UIDs were asked for: %v %v", uids, err)
		}
	}},
	{"an expunged content can be opened until it is purged", func(e *env) {
		octets := Message{Seed: 9, Size: 50_000}.Octets()
		done := e.append(1, e.upload(octets, mail.Deleted))
		_, _, err := e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		e.same("content", e.octets(done.Contents[0]), octets)
	}},
	{"Vanished are the UIDs expunged after a ModSeq", func(e *env) {
		e.add(1, 300)
		e.addFlags(1, rangeOf(10, 20), mail.Deleted)
		_, first, err := e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		e.addFlags(1, mail.SetOf(9, 21, 290), mail.Deleted)
		_, second, err := e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		for round := range 2 {
			for since, want := range map[mail.ModSeq]string{
				0: "9:21,290", first - 1: "9:21,290", first: "9,21,290", second - 1: "9,21,290", second: "",
				second + 100: "",
			} {
				uids, complete, err := e.acc.Vanished(e.ctx, 1, since)
				e.ok(err)
				e.uidSet("vanished", uids, want)
				if !complete {
					e.Errorf("round %d: not complete since %d", round, since)
				}
			}
			e.reopen()
		}
	}},
}

var copyCases = []testCase{
	{"Copy adds the messages with flags and internal date to another mailbox", func(e *env) {
		e.create("to")
		to := e.box("to").ID
		e.append(to, e.upload(Message{Seed: 1, Size: 300}.Octets(), "other"))
		for i, f := range [][]mail.Flag{{mail.Seen, "a"}, {"b", "c"}, {mail.Deleted, "c"}, nil} {
			e.append(1, e.upload(Message{Seed: uint64(i), Size: 400}.Octets(), f...))
		}
		from := e.snapshot(1)
		done, err := e.acc.Copy(e.ctx, 1, mail.UIDSet{{Start: 2, Stop: 3}, {Start: 77, Stop: 88}}, to)
		e.ok(err)
		if done.From.String() != "2:3" || done.To.String() != "2:3" ||
			done.UIDValidity != e.box("to").UIDValidity || done.ModSeq != e.modSeq() {
			e.Errorf("%+v", done)
		}
		s := e.snapshot(to)
		p, q := s.Pages[0], from.Pages[0]
		if p.Contents[1] != q.Contents[1] || p.Internal[1] != q.Internal[1] || p.Sizes[2] != q.Sizes[2] ||
			p.ModSeqs[2] != done.ModSeq {
			e.Errorf("copies %+v of %+v", p, q)
		}
		if k := s.Mailbox.Keywords; !slices.Equal(k, []mail.Flag{"other", "b", "c"}) {
			e.Errorf("keywords %q", k)
		}
		if f := e.flags(to, 3); !slices.Equal(f, []mail.Flag{mail.Deleted, "c"}) {
			e.Errorf("flags %q", f)
		}
		if e.snapshot(1).Pages[0] != q && checksum(e.snapshot(1).Pages[0]) != checksum(q) {
			e.Error("the source has changed")
		}
	}},
	{"Copy to the same mailbox makes new messages", func(e *env) {
		e.add(1, 2, "x")
		done, err := e.acc.Copy(e.ctx, 1, rangeOf(1, 2), 1)
		e.ok(err)
		e.uidSet("copies", done.To, "3:4")
		e.uidSet("mailbox", e.snapshot(1).UIDSet(), "1:4")
	}},
	{"Copy of nothing gives empty sets", func(e *env) {
		for _, f := range []func() (mail.Copied, error){
			func() (mail.Copied, error) { return e.acc.Copy(e.ctx, 1, rangeOf(1, 9), 2) },
			func() (mail.Copied, error) { return e.acc.Move(e.ctx, 1, nil, 2) },
		} {
			done, err := f()
			e.ok(err)
			if done.From != nil || done.To != nil || done.ModSeq != 0 ||
				done.UIDValidity != e.box("Drafts").UIDValidity {
				e.Errorf("%+v", done)
			}
		}
	}},
	{"Copy over a limit copies none, Move is never over a limit", func(e *env) {
		e.add(1, 3)
		u, err := e.acc.Usage(e.ctx)
		e.ok(err)
		for _, q := range [][2]int64{{u.Storage + 100, 0}, {0, 4}, {1, 1}} {
			e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: q[0], Messages: q[1]}))
			e.unchanged(mail.OverQuota, func() error { _, err := e.acc.Copy(e.ctx, 1, rangeOf(1, 2), 2); return err })
		}
		done, err := e.acc.Move(e.ctx, 1, rangeOf(1, 2), 2)
		e.ok(err)
		e.uidSet("moved", done.To, "1:2")
	}},
	{"Copy is refused with Limit if the keywords do not fit", func(e *env) {
		e.add(1, 1, "new")
		var flags []mail.Flag
		for i := range mail.MaxKeywords {
			flags = append(flags, mail.Flag(strings.Repeat("x", i+1)))
		}
		e.add(2, 1, flags...)
		e.unchanged(mail.Limit, func() error { _, err := e.acc.Copy(e.ctx, 1, mail.SetOf(1), 2); return err })
		e.unchanged(mail.Limit, func() error { _, err := e.acc.Move(e.ctx, 1, mail.SetOf(1), 2); return err })
		e.add(1, 1)
		_, err := e.acc.Copy(e.ctx, 1, mail.SetOf(2), 2)
		e.ok(err)
	}},
	{"Move is Copy and the expunge of the originals under one ModSeq", func(e *env) {
		e.add(1, 600, "x")
		before := e.modSeq()
		done, err := e.acc.Move(e.ctx, 1, rangeOf(200, 520), 2)
		e.ok(err)
		e.uidSet("from", done.From, "200:520")
		e.uidSet("to", done.To, "1:321")
		e.uidSet("left", e.snapshot(1).UIDSet(), "1:199,521:600")
		uids, complete, err := e.acc.Vanished(e.ctx, 1, before)
		e.ok(err)
		e.uidSet("vanished", uids, "200:520")
		if !complete || done.ModSeq != before+1 || e.box("INBOX").HighestMod != before+1 ||
			e.box("Drafts").HighestMod != before+1 {
			e.Errorf("complete %v, ModSeq %d", complete, done.ModSeq)
		}
		s := e.snapshot(2)
		for i, p := range s.Pages {
			if p.ModSeqs[0] != before+1 || s.Start(i) != s.Len() && p.Highest != before+1 {
				e.Errorf("page %d: %v", i, p.ModSeqs[0])
			}
		}
	}},
	{"Move within a mailbox gives new UIDs", func(e *env) {
		e.add(1, 3)
		done, err := e.acc.Move(e.ctx, 1, mail.SetOf(1, 3), 1)
		e.ok(err)
		e.uidSet("from", done.From, "1,3")
		e.uidSet("to", done.To, "4:5")
		e.uidSet("mailbox", e.snapshot(1).UIDSet(), "2,4:5")
	}},
}
