package storetest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

var appendCases = []testCase{
	{"Append puts messages into a mailbox with ascending UIDs under one ModSeq", func(e *env) {
		first := e.add(1, 1)
		done := e.append(1,
			e.upload(Message{Seed: 1, Size: 500}.Octets(), mail.Seen),
			e.upload(Message{Seed: 2, Size: 500}.Octets(), mail.Deleted, "work"))
		m := e.box("INBOX")
		if done.UIDValidity != m.UIDValidity || !slices.Equal(done.UIDs, []mail.UID{2, 3}) || done.ModSeq != 3 {
			e.Errorf("%+v after %+v", done, first)
		}
		if !slices.Equal(done.Contents, []mail.ContentID{2, 3}) {
			e.Errorf("contents %v", done.Contents)
		}
		if m.Messages != 3 || m.Unseen != 2 || m.Deleted != 1 || m.UIDNext != 4 || m.HighestMod != 3 {
			e.Errorf("%+v", m)
		}
		if f := e.flags(1, 3); !slices.Equal(f, []mail.Flag{mail.Deleted, "work"}) {
			e.Errorf("flags %q", f)
		}
	}},
	{"the octets of a message come back as they were, whatever their number", func(e *env) {
		for _, n := range []int{0, 1, 2, 511, 4096, inlineBorder - 1, inlineBorder, inlineBorder + 1, 65_537,
			1<<20 + 3} {
			octets := []byte(strings.Repeat("Subject: \x00\x80\r\nx\n", n/15+1))[:n]
			done := e.append(1, e.upload(octets))
			e.same(fmt.Sprint(n), e.octets(done.Contents[0]), octets)
		}
		e.reopen()
		s := e.snapshot(1)
		for i := range s.Len() {
			p, row := s.Locate(i)
			if got := e.octets(p.Contents[row]); int64(len(got)) != p.Sizes[row] {
				e.Errorf("message %d: %d octets, size %d", i, len(got), p.Sizes[row])
			}
		}
	}},
	{"an Upload takes octets in pieces, gives them back and forgets what no Append took", func(e *env) {
		u, err := e.acc.NewUpload(e.ctx, -1)
		e.ok(err)
		var want []byte
		for i := range 40 {
			piece := []byte(strings.Repeat(string(rune('a'+i%26)), 1+i*97))
			n, err := u.Write(piece)
			if n != len(piece) || err != nil {
				e.Fatalf("wrote %d of %d: %v", n, len(piece), err)
			}
			want = append(want, piece...)
		}
		got, err := io.ReadAll(io.NewSectionReader(u, 0, u.Size()))
		e.ok(err)
		e.same("upload", got, want)
		part := make([]byte, 50)
		if n, err := u.ReadAt(part, u.Size()-20); n != 20 || !errors.Is(err, io.EOF) {
			e.Errorf("read %d at the end: %v", n, err)
		}
		e.ok(u.Close())
		usage(e, 0, 0)
	}},
	{"an Upload may be larger or smaller than announced", func(e *env) {
		for _, announced := range []int64{0, 1, 100_000, -1} {
			u, err := e.acc.NewUpload(e.ctx, announced)
			e.ok(err)
			octets := Message{Seed: 1, Size: 50_000}.Octets()
			_, err = u.Write(octets)
			e.ok(err)
			done := e.append(1, mail.NewMessage{Upload: u, Digest: e.upload(octets).Digest})
			e.same("content", e.octets(done.Contents[0]), octets)
		}
	}},
	{"the internal date is the one given or now, the save date is now", func(e *env) {
		start := time.Now().Unix()
		m := e.upload(Message{Size: 300}.Octets())
		m.Internal = time.Date(1999, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600))
		n := e.upload(Message{Size: 300}.Octets())
		n.Internal = time.Time{}
		e.append(1, m, n)
		p, end := e.snapshot(1).Pages[0], time.Now().Unix()
		if p.Internal[0] != m.Internal.Unix() || p.Internal[1] < start || p.Internal[1] > end ||
			p.Saved[0] < start || p.Saved[0] > end {
			e.Errorf("internal %v saved %v between %d and %d", p.Internal, p.Saved, start, end)
		}
	}},
	{"Append of no messages changes nothing", func(e *env) {
		before := e.modSeq()
		done := e.append(1)
		if done.UIDs != nil || done.ModSeq != 0 || e.modSeq() != before ||
			done.UIDValidity != e.box("INBOX").UIDValidity {
			e.Errorf("%+v", done)
		}
	}},
	{"Append refuses uploads that are none and messages without a digest", func(e *env) {
		good := func() mail.NewMessage { return e.upload(Message{Size: 300}.Octets()) }
		closed, taken, bare, bob := good(), good(), good(), good()
		e.ok(closed.Upload.Close())
		e.append(1, taken)
		bare.Digest = nil
		other, err := e.store.Account("bob").NewUpload(e.ctx, 10)
		e.ok(err)
		bob.Upload = other
		twice := good()
		for i, msgs := range [][]mail.NewMessage{{closed}, {taken}, {bare}, {bob}, {{Digest: bob.Digest}},
			{twice, twice}, {good(), closed}} {
			e.unchanged(mail.Invalid, func() error {
				_, err := e.acc.Append(e.ctx, 1, msgs)
				if err == nil {
					e.Errorf("case %d", i)
				}
				return err
			})
		}
		e.append(1, twice)
		e.ok(other.Close())
	}},
	{"Append over a limit puts in none, and the uploads can be used again", func(e *env) {
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Messages: 2}))
		msgs := []mail.NewMessage{
			e.upload(Message{Seed: 1, Size: 300}.Octets()), e.upload(Message{Seed: 2, Size: 40_000}.Octets()),
			e.upload(Message{Seed: 3, Size: 300}.Octets()),
		}
		e.unchanged(mail.OverQuota, func() error { _, err := e.acc.Append(e.ctx, 1, msgs); return err })
		octets := int64(0)
		for _, m := range msgs {
			octets += m.Upload.Size()
		}
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: octets - 1}))
		e.unchanged(mail.OverQuota, func() error { _, err := e.acc.Append(e.ctx, 1, msgs); return err })
		e.ok(e.acc.SetQuota(e.ctx, mail.Quota{Storage: octets, Messages: 3}))
		done := e.append(1, msgs...)
		if !slices.Equal(done.UIDs, []mail.UID{1, 2, 3}) || !slices.Equal(done.Contents, []mail.ContentID{1, 2, 3}) {
			e.Errorf("a refused call used up numbers: %+v", done)
		}
		e.same("content", e.octets(2), Message{Seed: 2, Size: 40_000}.Octets())
	}},
	{"bad flags are refused with Invalid and \\Recent is ignored", func(e *env) {
		for _, f := range badFlags {
			m := e.upload(Message{Size: 300}.Octets(), f)
			e.unchanged(mail.Invalid, func() error {
				_, err := e.acc.Append(e.ctx, 1, []mail.NewMessage{m})
				return err
			})
			e.ok(m.Upload.Close())
		}
		e.append(1, e.upload(Message{Size: 300}.Octets(), `\Recent`, `\recent`, `\SEEN`, "Work", "work"))
		if f := e.flags(1, 1); !slices.Equal(f, []mail.Flag{mail.Seen, "Work"}) {
			e.Errorf("flags %q", f)
		}
	}},
	{"the store finds the thread of a message", threadCase},
	{"Append leaves the caller's digest alone", func(e *env) {
		m := e.upload(Message{Size: 300, ID: 1}.Octets())
		m.Digest.Thread = 99
		e.append(1, m)
		if m.Digest.Thread != 99 {
			e.Errorf("thread %d", m.Digest.Thread)
		}
		if d := readDigest(e, 1); d.Thread != 1 {
			e.Errorf("stored thread %d", d.Thread)
		}
	}},
}

// badFlags are neither system flags nor keywords.
var badFlags = []mail.Flag{"", `\Nonsense`, "a b", "a(", `a"`, "a\x00", "é", "a*", "%", "]",
	mail.Flag(strings.Repeat("x", 256))}

func threadCase(e *env) {
	thread := func(m Message) mail.ThreadID {
		e.Helper()
		m.Size = 400
		return readDigest(e, e.append(1, e.upload(m.Octets())).Contents[0]).Thread
	}
	for i, c := range []struct {
		m    Message
		want mail.ThreadID
	}{
		{Message{ID: 1}, 1},
		{Message{ID: 2}, 2},
		{Message{ID: 3, Parent: 1}, 1},
		{Message{}, 3}, {Message{}, 4},
		{Message{ID: 5, Parent: 6, Root: 7}, 5}, // answers to what is not there
		{Message{ID: 7}, 5}, {Message{ID: 6}, 5},
		{Message{ID: 8, Parent: 2, Root: 1}, 1}, // the oldest decides
		{Message{ID: 2}, 2}, {Message{ID: 9, Parent: 2, Root: 77}, 2}, {Message{ID: 77}, 2},
		{Message{Parent: 8}, 1}, // no message id of its own
	} {
		if got := thread(c.m); got != c.want {
			e.Errorf("message %d: thread %d, want %d", i, got, c.want)
		}
	}
	e.addFlags(1, rangeOf(1, 100), mail.Deleted)
	_, _, err := e.acc.Expunge(e.ctx, 1, nil)
	e.ok(err)
	if got := thread(Message{ID: 20, Parent: 3}); got != 1 {
		e.Errorf("an expunged message is forgotten before the purge: thread %d", got)
	}
	_, err = e.acc.Purge(e.ctx, time.Now().Add(time.Hour))
	e.ok(err)
	if got := thread(Message{ID: 3}); got != 1 { // message 20 refers to it
		e.Errorf("an id that a message refers to: thread %d", got)
	}
	if got := thread(Message{ID: 2}); got != 6 {
		e.Errorf("a purged id: thread %d, want a new one, 6", got)
	}
}

func readDigest(e *env, id mail.ContentID) mail.Digest {
	e.Helper()
	var out mail.Digest
	e.ok(e.acc.Digests(e.ctx, []mail.ContentID{id}, mail.ColKeys, func(_ int, d *mail.Digest) error {
		out = cloneDigest(d)
		return nil
	}))
	return out
}

var readCases = []testCase{
	{"Snapshot has pages of PageSize UIDs", func(e *env) {
		e.add(1, 600)
		e.addFlags(1, rangeOf(256, 511), mail.Deleted)
		_, _, err := e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		s := e.snapshot(1)
		if len(s.Pages) != 2 || len(s.Pages[0].UIDs) != 255 || s.Pages[1].UIDs[0] != 512 || s.Len() != 344 {
			e.Errorf("%d pages, %d messages", len(s.Pages), s.Len())
		}
	}},
	{"Snapshot after a change shares the pages that did not change", func(e *env) {
		e.add(1, 600)
		old := e.snapshot(1)
		sums := sumsOf(old)
		e.addFlags(1, mail.SetOf(300), mail.Seen)
		s := e.snapshot(1)
		if s.Pages[0] != old.Pages[0] || s.Pages[1] == old.Pages[1] || s.Pages[2] != old.Pages[2] {
			e.Error("pages are not shared")
		}
		e.add(1, 1)
		e.addFlags(1, mail.SetOf(1), mail.Deleted)
		_, _, err := e.acc.Expunge(e.ctx, 1, nil)
		e.ok(err)
		if got := sumsOf(old); !slices.Equal(got, sums) || old.Mailbox.Messages != 600 {
			e.Error("an old snapshot has changed")
		}
	}},
	{"Snapshot has every change acknowledged before, by another process too", func(e *env) {
		other := e.second().Account("alice")
		for i := range mail.UID(20) {
			done := e.add(1, 1)
			s, err := other.Snapshot(e.ctx, 1)
			e.ok(err)
			if _, ok := s.Find(done.UIDs[0]); !ok || s.Len() != int(i)+1 {
				e.Fatalf("UID %d is missing", done.UIDs[0])
			}
			_, err = other.SetFlags(e.ctx, 1, mail.FlagChange{UIDs: mail.SetOf(i + 1), Op: mail.AddFlags,
				Flags: []mail.Flag{mail.Seen}})
			e.ok(err)
			if f := e.flags(1, i+1); !slices.Equal(f, []mail.Flag{mail.Seen}) {
				e.Fatalf("flags %q", f)
			}
		}
	}},
	{"a mailbox that never was is NotFound everywhere", func(e *env) { goneCase(e, 77); goneCase(e, 0) }},
	{"ClaimRecent gives each message to one caller of a store and passes over none that nobody was given",
		func(e *env) {
			claim := func(a mail.Account, least, most mail.UID) {
				e.Helper()
				got, err := a.ClaimRecent(e.ctx, 1)
				e.ok(err)
				if got < least || got > most {
					e.Errorf("recent from UID %d, want %d to %d", got, least, most)
				}
			}
			claim(e.acc, 1, 1)
			e.add(1, 2)
			claim(e.store.Account("alice"), 1, 1)
			claim(e.acc, 3, 3)
			other := e.second().Account("alice")
			claim(other, 1, 3)
			e.add(1, 1)
			claim(other, 3, 3)
			claim(e.acc, 3, 4)
			claim(e.acc, 4, 4)
			e.reopen()
			claim(e.acc, 1, 4)
		}},
	{"Digests yields the wanted columns in the order of ids and passes over what is gone", digestCase},
	{"Digests tells an empty preview from none", func(e *env) {
		for i, want := range [][]byte{nil, {}, []byte("one")} {
			up := e.upload([]byte([]string{"", "\r\n", "\r\none"}[i]))
			up.Digest.Preview = want
			id := e.append(1, up).Contents[0]
			for _, columns := range []mail.Columns{mail.ColPreview, mail.ColPreview | mail.ColEnvelope, mail.ColEnvelope} {
				e.ok(e.acc.Digests(e.ctx, []mail.ContentID{id}, columns, func(_ int, d *mail.Digest) error {
					got, asked := d.Preview, columns&mail.ColPreview != 0
					if asked && (string(got) != string(want) || (got == nil) != (want == nil)) || !asked && got != nil {
						e.Errorf("columns %b: got %#v, want %#v", columns, got, want)
					}
					return nil
				}))
			}
		}
	}},
	{"Digests ends with the error of yield", func(e *env) {
		e.add(1, 3)
		stop, n := errors.New("enough"), 0
		err := e.acc.Digests(e.ctx, []mail.ContentID{1, 2, 3}, mail.ColKeys, func(int, *mail.Digest) error {
			n++
			return stop
		})
		if !errors.Is(err, stop) || n != 1 {
			e.Errorf("%v after %d", err, n)
		}
		e.ok(e.acc.Digests(e.ctx, nil, mail.ColKeys, func(int, *mail.Digest) error { return stop }))
	}},
	{"OpenContent reads from any place", func(e *env) {
		for _, size := range []int{2000, 200_000} {
			octets := Message{Seed: 5, Size: size}.Octets()
			c, err := e.acc.OpenContent(e.ctx, e.append(1, e.upload(octets)).Contents[0])
			e.ok(err)
			if c.Size() != int64(len(octets)) {
				e.Errorf("size %d", c.Size())
			}
			for _, off := range []int{0, 1, len(octets) / 2, len(octets) - 7} {
				b := make([]byte, 7)
				n, err := c.ReadAt(b, int64(off))
				if n != 7 || err != nil && !errors.Is(err, io.EOF) {
					e.Errorf("read %d at %d: %v", n, off, err)
				}
				e.same("part", b, octets[off:off+7])
			}
			if n, err := c.ReadAt(make([]byte, 7), int64(len(octets))); n != 0 || !errors.Is(err, io.EOF) {
				e.Errorf("past the end: %d %v", n, err)
			}
			e.ok(c.Close())
		}
		_, err := e.acc.OpenContent(e.ctx, 99)
		e.kind(err, mail.NotFound)
		_, err = e.acc.OpenContent(e.ctx, 0)
		e.kind(err, mail.NotFound)
	}},
	{"OpenContents reads ahead as far as it may", func(e *env) {
		var ids []mail.ContentID
		var want [][]byte
		for i, size := range []int{2000, 200_000, 3000, 10, 40_000, 500, 600, 700} {
			want = append(want, Message{Seed: uint64(i), Size: size}.Octets())
			ids = append(ids, e.append(1, e.upload(want[i])).Contents[0])
		}
		gone := mail.ContentID(99)
		for _, c := range []struct {
			octets int64
			ask    []int // indexes of ids; -1: gone
		}{
			{0, []int{0, 1}}, {1 << 20, []int{0, 1, 2, 3, 4, 5, 6, 7}}, {5000, []int{7, 6, 5, 3, 2, 0}}, {1 << 20, []int{-1, 2, -1, 7}},
			{1 << 20, []int{0, 0, 4, 4, 5}}, {100, []int{5, 6, 7}}, {1 << 20, []int{1}}, {1 << 20, nil},
		} {
			for ask := c.ask; len(ask) > 0; {
				list := make([]mail.ContentID, len(ask))
				for i, k := range ask {
					if list[i] = gone; k >= 0 {
						list[i] = ids[k]
					}
				}
				got, err := e.acc.OpenContents(e.ctx, list, c.octets)
				e.ok(err)
				if len(got) == 0 || len(got) > len(ask) {
					e.Fatalf("%d contents of %d", len(got), len(ask))
				}
				kept := int64(0)
				for i, content := range got {
					if (content == nil) != (ask[i] < 0) {
						e.Fatalf("content %d of %v is %v", i, ask, content)
					}
					if content == nil {
						continue
					}
					if i > 0 && kept > c.octets {
						e.Errorf("%d octets are kept before content %d of %v, allowed are %d", kept, i, ask, c.octets)
					}
					kept += content.Size()
					b := make([]byte, content.Size())
					if n, err := content.ReadAt(b, 0); n != len(b) {
						e.Errorf("read %d of %d: %v", n, len(b), err)
					}
					e.same("content", b, want[ask[i]])
					e.ok(content.Close())
				}
				ask = ask[len(got):]
			}
		}
	}},
}

func sumsOf(s *mail.Snapshot) []uint64 {
	var out []uint64
	for _, p := range s.Pages {
		out = append(out, checksum(p))
	}
	return out
}

func digestCase(e *env) {
	var want []*mail.Digest
	for i := range 5 {
		m := e.upload(Message{Seed: uint64(i), Size: 500 + i*20_000, ID: i + 1, Parent: i}.Octets())
		want = append(want, m.Digest)
		e.append(1, m)
	}
	ids := []mail.ContentID{5, 99, 1, 3, 0, 3}
	// all combinations of the large columns and of some keys, and each key alone
	var combinations []mail.Columns
	for columns := mail.Columns(1); columns <= mail.ColSubject; columns++ {
		combinations = append(combinations, columns)
	}
	for c := mail.ColDates; c <= mail.ColToDisplay; c <<= 1 {
		combinations = append(combinations, c, allColumns&^c)
	}
	for _, columns := range append(combinations, allColumns, allColumns|mail.ColBorrowed, mail.ColSubject|mail.ColBorrowed) {
		var at []int
		e.ok(e.acc.Digests(e.ctx, ids, columns, func(i int, d *mail.Digest) error {
			at = append(at, i)
			w := *want[ids[i]-1]
			w.Thread = 1
			if why := diffDigest(d, &w, columns); why != "" {
				e.Errorf("columns %b of %d: %s", columns, ids[i], why)
			}
			return nil
		}))
		if !slices.Equal(at, []int{0, 2, 3, 5}) {
			e.Fatalf("yielded %v", at)
		}
	}
}
