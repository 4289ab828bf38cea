package imapd

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// snapshotOf is a snapshot of messages with these ascending UIDs.
func snapshotOf(uids []mail.UID) *mail.Snapshot {
	var pages []*mail.Page
	for _, u := range uids {
		if n := len(pages); n == 0 || pages[n-1].UIDs[0]/mail.PageSize != u/mail.PageSize {
			pages = append(pages, &mail.Page{})
		}
		p := pages[len(pages)-1]
		p.UIDs = append(p.UIDs, u)
	}
	return mail.NewSnapshot(mail.Mailbox{}, pages)
}

// checkView compares a view with the naive one: the UIDs in a slice.
func checkView(t *testing.T, v *view, want []mail.UID) {
	t.Helper()
	if int(v.len()) != len(want) {
		t.Fatalf("length %d, want %d", v.len(), len(want))
	}
	if got := slices.Collect(v.uids().All()); !slices.Equal(got, want) {
		t.Fatalf("UIDs %v, want %v", got, want)
	}
	top := mail.UID(0)
	for i, u := range want {
		top = u
		if v.uid(uint32(i+1)) != u || v.seq(u) != uint32(i+1) {
			t.Fatalf("message %d: UID %d, want %d, which has number %d", i+1, v.uid(uint32(i+1)), u, v.seq(u))
		}
	}
	if v.max() != top || v.uid(0) != 0 || v.uid(v.len()+1) != 0 {
		t.Fatalf("max %d, uid(0) %d, beyond %d", v.max(), v.uid(0), v.uid(v.len()+1))
	}
	for u := range top + 3 {
		if !slices.Contains(want, u) && v.seq(u) != 0 {
			t.Fatalf("UID %d has number %d", u, v.seq(u))
		}
	}
}

// checkSets compares what a set of UIDs and one of numbers stand for.
func checkSets(t *testing.T, r *rand.Rand, v *view, want []mail.UID) {
	t.Helper()
	var uids mail.UIDSet
	for range r.IntN(4) {
		a := mail.UID(1 + r.IntN(600))
		uids.AddRange(a, a+mail.UID(r.IntN(100)))
	}
	var in []mail.UID
	var numbers mail.UIDSet
	for i, u := range want {
		if uids.Contains(u) {
			in = append(in, u)
			numbers.Add(mail.UID(i + 1))
		}
	}
	if got := slices.Collect(v.contained(uids).All()); !slices.Equal(got, in) {
		t.Fatalf("contained %v: got %v, want %v", uids, got, in)
	}
	var seqs mail.UIDSet
	last := uint32(0)
	v.seqRanges(uids, func(first, l uint32) {
		if first <= last+1 && last != 0 {
			t.Fatalf("ranges touch: %d after %d", first, last)
		}
		last = l
		seqs.AddRange(mail.UID(first), mail.UID(l))
	})
	if !slices.Equal(seqs, numbers) {
		t.Fatalf("numbers of %v: got %v, want %v", uids, seqs, numbers)
	}
	a, b := 1+r.IntN(len(want)+2), 1+r.IntN(len(want)+2)
	lo, hi := min(a, b), min(max(a, b), len(want))
	var slice []mail.UID
	if lo <= hi {
		slice = want[lo-1 : hi]
	}
	if got := slices.Collect(v.uidRange(uint32(a), uint32(b)).All()); !slices.Equal(got, slice) {
		t.Fatalf("messages %d:%d are %v, want %v", a, b, got, slice)
	}
}

// TestViewAgainstModel plays random histories of a mailbox and of what its client is told.
func TestViewAgainstModel(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		var box, known []mail.UID
		next := mail.UID(1)
		var v view
		for range 40 {
			for range r.IntN(20) { // arrivals, with gaps
				if r.IntN(4) == 0 {
					next += mail.UID(r.IntN(30))
				}
				box = append(box, next)
				next++
			}
			box = slices.DeleteFunc(box, func(mail.UID) bool { return r.IntN(9) == 0 })
			snap := snapshotOf(box)

			missing := v.missing(snap)
			want := slices.DeleteFunc(slices.Clone(known), func(u mail.UID) bool { return slices.Contains(box, u) })
			if got := slices.Collect(missing.All()); !slices.Equal(got, want) {
				t.Fatalf("seed %d: missing %v, want %v", seed, got, want)
			}
			if r.IntN(2) == 0 { // expunges are allowed now
				v.remove(missing)
				known = slices.DeleteFunc(known, missing.Contains)
			}
			if r.IntN(3) > 0 {
				old := v.max()
				v.add(v.arrived(snap))
				for _, u := range box {
					if u > old {
						known = append(known, u)
					}
				}
			}
			checkView(t, &v, known)
			checkSets(t, r, &v, known)
		}
	}
}

func TestResolve(t *testing.T) {
	m := &selected{view: newView(mail.SetOf(2, 3, 7, 20)), saved: mail.SetOf(3, 5, 20)}
	ranges := func(n ...uint32) imap.NumSet {
		var s imap.NumSet
		for i := 0; i < len(n); i += 2 {
			s.Ranges = append(s.Ranges, imap.NumRange{Start: n[i], Stop: n[i+1]})
		}
		return s
	}
	for _, c := range []struct {
		set  imap.NumSet
		uid  bool
		want string
	}{
		{ranges(1, imap.Star), false, "2:3,7,20"}, {ranges(imap.Star, imap.Star), false, "20"}, {ranges(3, 2), false, "3,7"},
		{ranges(1, 1, 4, 4), false, "2,20"}, {ranges(5, 5), false, "BAD"}, {ranges(1, 5), false, "BAD"},
		{ranges(1, imap.Star), true, "2:3,7,20"}, {ranges(100, imap.Star), true, "20"}, {ranges(4, 6), true, ""},
		{ranges(3, 7, 1000, 2000), true, "3,7"},
		{imap.NumSet{Saved: true}, false, "3,20"}, {imap.NumSet{Saved: true}, true, "3,20"},
	} {
		got, err := m.messages(c.set, c.uid)
		text := got.String()
		if err != nil {
			text = "BAD"
		}
		if text != c.want {
			t.Errorf("%+v uid %v: got %q, want %q", c.set, c.uid, text, c.want)
		}
	}
	empty := &selected{}
	if _, err := empty.messages(ranges(imap.Star, imap.Star), false); err == nil {
		t.Error("* in an empty mailbox is a number")
	}
	if got, err := empty.messages(ranges(1, imap.Star), true); got != nil || err != nil {
		t.Errorf("UID 1:* in an empty mailbox: %v %v", got, err)
	}
}

func TestKnownTakesOnlyWhatFollows(t *testing.T) {
	m := &selected{told: 7, flags: 6}
	m.known(9)
	if m.told != 7 {
		t.Error("somebody else's change was hidden")
	}
	m.known(8)
	m.known(9)
	if m.told != 9 || m.flags != 6 { // other changes of flags were not told yet
		t.Errorf("told %d, flags %d", m.told, m.flags)
	}
	m.flags = 9
	m.known(10)
	if m.told != 10 || m.flags != 10 {
		t.Errorf("told %d, flags %d", m.told, m.flags)
	}
}

func BenchmarkViewSeq(b *testing.B) {
	var uids mail.UIDSet
	for u := mail.UID(1); u < 300_000; u += 3 {
		uids.AddRange(u, u+1)
	}
	v := newView(uids)
	u := mail.UID(0)
	for b.Loop() {
		u = (u + 7919) % 300_000
		v.seq(u)
	}
}

// A set in a search takes room for what the client wrote, and stands for the same messages as anywhere else.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 267))
	var v view
	for u := mail.UID(2); u < 2000; u += mail.UID(2 + r.IntN(3)) { // no two are neighbours
		v.add(mail.SetOf(u))
	}
	saved := v.uids()[3:9]
	for range 2000 {
		set := imap.NumSet{Saved: r.IntN(9) == 0}
		for range r.IntN(5) {
			set.Ranges = append(set.Ranges, imap.NumRange{Start: uint32(r.IntN(2500)), Stop: uint32(r.IntN(2500))})
		}
		for _, uid := range []bool{false, true} {
			got := v.bounds(set, uid, saved)
			if want := v.resolve(set, uid, saved); !slices.Equal(v.contained(got), v.contained(want)) {
				t.Fatalf("%s, uid %v: got %v, want %v", set.Append(nil), uid, got, want)
			}
			if !set.Saved && len(got) > len(set.Ranges) {
				t.Fatalf("%s, uid %v, takes %d ranges", set.Append(nil), uid, len(got))
			}
		}
	}
}
