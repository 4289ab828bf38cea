package mail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCleanName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"inbox", "INBOX"},
		{"Inbox/Sub", "INBOX/Sub"},
		{"inboxes", "inboxes"},
		{"a/inbox", "a/inbox"},
		{"Entwürfe/日本", "Entwürfe/日本"},
		{"with space & amp", "with space & amp"},
		{strings.Repeat("x", MaxNameLen), strings.Repeat("x", MaxNameLen)},
		{strings.Repeat("x/", MaxNameDepth-1) + "x", strings.Repeat("x/", MaxNameDepth-1) + "x"},
		{"", ""},
		{strings.Repeat("x", MaxNameLen+1), ""},
		{strings.Repeat("x/", MaxNameDepth) + "x", ""},
		{"/a", ""}, {"a/", ""}, {"a//b", ""}, {"a*", ""}, {"a%b", ""},
		{"a\tb", ""}, {"a\x00", ""}, {"a\u0085", ""}, {"a\u2028", ""}, {"a\xff", ""},
	} {
		got, err := CleanName(c.in)
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		if (err != nil) != (c.want == "") || err != nil && KindOf(err) != Invalid {
			t.Errorf("%q: error %v", c.in, err)
		}
	}
}

// RFC 5464 section 3.2.
func TestCleanAnnotations(t *testing.T) {
	got, err := CleanAnnotations([]Annotation{{Name: "/Shared/A", Value: "1"}, {Name: "/private/b", Value: "x", Nil: true},
		{Name: "/shared/a", Value: "2"}})
	want := []Annotation{{Name: "/shared/a", Value: "2"}, {Name: "/private/b", Nil: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []Annotation{{Name: "/x/a"}, {Name: "/shared/a", Value: strings.Repeat("x", MaxAnnotationValue+1)}} {
		if _, err := CleanAnnotations([]Annotation{bad}); err == nil || KindOf(err) != Invalid {
			t.Errorf("%.20s: %v", bad.Name, err)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	cause := errors.New("disk on fire")
	err := fmt.Errorf("append to %s: %w", "INBOX", &Error{Op: "append", Kind: Unavailable, Item: "INBOX", Err: cause})
	if KindOf(err) != Unavailable || !errors.Is(err, cause) {
		t.Errorf("%v: kind %v", err, KindOf(err))
	}
	if want := "append INBOX: unavailable: disk on fire"; err.Error() != "append to INBOX: "+want {
		t.Errorf("text %q", err)
	}
	if k := KindOf(cause); k != Internal {
		t.Errorf("an unclassified error has kind %v", k)
	}
	if k := KindOf(nil); k != Internal {
		t.Errorf("no error has kind %v", k)
	}
	if got := (&Error{Op: "open", Kind: Corrupt}).Error(); got != "open: corrupt" {
		t.Errorf("text %q", got)
	}
}

func TestFlagSet(t *testing.T) {
	keywords := []Flag{"$Forwarded", "", "work"}
	for _, c := range []struct {
		flag Flag
		want FlagSet
	}{
		{Seen, BitSeen}, {`\SEEN`, BitSeen}, {Answered, BitAnswered}, {Flagged, BitFlagged}, {Deleted, BitDeleted}, {Draft, BitDraft},
		{"$forwarded", 1 << 5}, {"Work", 1 << 7}, {"other", 0}, {`\Recent`, 0},
	} {
		if got := c.flag.Bit(keywords); got != c.want {
			t.Errorf("%s: got %b, want %b", c.flag, got, c.want)
		}
	}
	set := BitSeen | BitDraft | 1<<5 | 1<<7
	if got, want := set.Flags(keywords), []Flag{Seen, Draft, "$Forwarded", "work"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if MaxKeywords != 59 {
		t.Errorf("a FlagSet has room for 59 keywords, not %d", MaxKeywords)
	}
}

func TestObjectIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range []AccountID{"alice", "bob"} {
		for _, n := range []uint64{1, 2, 1 << 60} {
			for _, id := range []string{MailboxID(n).ObjectID(a), ContentID(n).ObjectID(a), ThreadID(n).ObjectID(a)} {
				if seen[id] || len(id) > 255 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
					t.Errorf("%q is taken already or no objectid (RFC 8474 section 7)", id)
				}
				seen[id] = true
			}
		}
	}
}

func TestAccountIDValid(t *testing.T) {
	for id, want := range map[AccountID]bool{
		"a": true, "0z9": true, "": false, "A": false, "../x": false, "a b": false,
		AccountID(strings.Repeat("a", 32)): true, AccountID(strings.Repeat("a", 33)): false,
	} {
		if id.Valid() != want {
			t.Errorf("%q: got %v", id, !want)
		}
	}
}

// snapshotOf builds pages as a store does.
func snapshotOf(uids ...UID) *Snapshot {
	var pages []*Page
	for _, u := range uids {
		if n := len(pages); n == 0 || pages[n-1].UIDs[0]/PageSize != u/PageSize {
			pages = append(pages, &Page{})
		}
		p := pages[len(pages)-1]
		p.UIDs = append(p.UIDs, u)
	}
	return NewSnapshot(Mailbox{}, pages)
}

func TestSnapshot(t *testing.T) {
	uids := []UID{1, 2, 3, 255, 256, 600, 601, 70000}
	s := snapshotOf(uids...)
	if s.Len() != len(uids) || len(s.Pages) != 4 {
		t.Fatalf("%d messages in %d pages", s.Len(), len(s.Pages))
	}
	for i, u := range uids {
		if got := s.UID(i); got != u {
			t.Errorf("message %d: UID %d, want %d", i, got, u)
		}
		if at, ok := s.Find(u); at != i || !ok {
			t.Errorf("UID %d: found at %d %v", u, at, ok)
		}
		p, row := s.Locate(i)
		if p.UIDs[row] != u {
			t.Errorf("message %d is not where Locate says", i)
		}
	}
	for _, c := range []struct {
		uid UID
		at  int
	}{{0, 0}, {4, 3}, {257, 5}, {602, 7}, {70001, 8}} {
		if at, ok := s.Find(c.uid); at != c.at || ok {
			t.Errorf("missing UID %d: got %d %v, want %d", c.uid, at, ok, c.at)
		}
	}
	if got := s.UIDSet().String(); got != "1:3,255:256,600:601,70000" {
		t.Errorf("set %s", got)
	}
	if s.Start(2) != 5 {
		t.Errorf("page 2 starts at %d", s.Start(2))
	}
	empty := snapshotOf()
	if at, ok := empty.Find(1); empty.Len() != 0 || at != 0 || ok || empty.UIDSet() != nil {
		t.Error("an empty snapshot is not empty")
	}
}
