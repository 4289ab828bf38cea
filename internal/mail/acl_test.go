package mail

import (
	"slices"
	"strings"
	"testing"
)

func rights(t *testing.T, letters string) Rights {
	t.Helper()
	var r Rights
	for _, c := range []byte(letters) {
		one := RightOf(c)
		if one == 0 {
			t.Fatalf("no right %c", c)
		}
		r |= one
	}
	return r
}

func TestRights(t *testing.T) {
	if got := AllRights.String(); got != "lrswipkxtena" || rights(t, got) != AllRights {
		t.Errorf("all rights are %q", got)
	}
	for _, c := range "cdqLZ0 " {
		if RightOf(byte(c)) != 0 {
			t.Errorf("%c is a right", c)
		}
	}
	for _, c := range []struct {
		rights string
		want   FlagSet
	}{
		{"lripkxena", 0}, {"s", BitSeen}, {"t", BitDeleted}, {"w", ^(BitSeen | BitDeleted)}, {"swt", ^FlagSet(0)},
	} {
		if got := rights(t, c.rights).Flags(); got != c.want {
			t.Errorf("%s: flags %x, want %x", c.rights, got, c.want)
		}
	}
}

// RFC 4314 section 2: what several identifiers give is added, what a dash denies is taken away, whoever gave it.
func TestACLOf(t *testing.T) {
	acl := ParseACL("bob lrsw group:staff ip -bob w anyone l -group:banned lr :owner lr")
	for _, c := range []struct {
		who  []string
		want string
	}{
		{[]string{"bob"}, "lrs"},
		{[]string{"bob", Anyone, "group:staff"}, "lrsip"},
		{[]string{"carol", Anyone}, "l"},
		{[]string{"carol", Anyone, "group:banned"}, ""},
		{[]string{"carol"}, ""},
		{[]string{"-bob"}, ""},
	} {
		if got := acl.Of(c.who).String(); got != c.want {
			t.Errorf("%v: got %q, want %q", c.who, got, c.want)
		}
	}
}

func TestACLOfOwner(t *testing.T) {
	for _, c := range []struct{ acl, want string }{
		{"", "lrswipkxtena"},
		{"anyone l -anyone lr", "lrswipkxtena"},
		{"-:owner rwa", "lsipkxtena"},
		{":owner r", "lrkxa"},
		{":owner rsw -:owner w", "lrskxa"},
		{":owner ", "lkxa"},
	} {
		if got := ParseACL(c.acl).OfOwner(); got != rights(t, c.want) {
			t.Errorf("%q: got %q, want %q", c.acl, got, c.want)
		}
	}
}

func TestACLWith(t *testing.T) {
	for _, c := range []struct {
		acl    string
		id     string
		op     ACLOp
		rights string
		want   string
	}{
		{"", "bob", ReplaceRights, "lr", "bob lr"},
		{"bob lr", "bob", AddRights, "rs", "bob lrs"},
		{"bob lr anyone l", "bob", RemoveRights, "ra", "bob l anyone l"},
		{"bob lr anyone l", "bob", RemoveRights, "lr", "anyone l"},
		{"bob lr", "bob", ReplaceRights, "", ""},
		{"bob lr", "carol", RemoveRights, "l", "bob lr"},
		{"bob lr", "-bob", AddRights, "r", "bob lr -bob r"},
		{"", Owner, RemoveRights, "swipkxtena", ":owner lr"},
		{"", Owner, ReplaceRights, "", ":owner "},
		{":owner lr", Owner, AddRights, "lrswipkxtena", ""},
		{":owner lr", Owner, RemoveRights, "lr", ":owner "},
	} {
		before := ParseACL(c.acl)
		got, err := before.With(ACLChange{c.id, c.op, rights(t, c.rights)})
		if err != nil || got.String() != c.want || before.String() != c.acl {
			t.Errorf("%q %s %d %s: got %q, %v; want %q", c.acl, c.id, c.op, c.rights, got, err, c.want)
		}
		if back := ParseACL(got.String()); !slices.Equal(back, got) && len(got) > 0 {
			t.Errorf("%q comes back as %q", got, back)
		}
	}
	full := make(ACL, MaxGrants)
	if _, err := full.With(ACLChange{"bob", AddRights, RightRead}); KindOf(err) != Limit {
		t.Errorf("one grant too many: %v", err)
	}
}

func TestGrantees(t *testing.T) {
	boxes := []Mailbox{{ACL: ParseACL("bob lr :owner l -carol l")}, {}, {ACL: ParseACL("anyone p bob l group:x lra")}}
	if got := Grantees(boxes); !slices.Equal(got, []string{"bob", "group:x"}) {
		t.Errorf("got %v", got)
	}
}

func TestPersonalMask(t *testing.T) {
	for p, want := range map[Personal]FlagSet{PersonalSeen: BitSeen, PersonalNone: 0, PersonalAll: ^BitDeleted} {
		if got := p.Mask(); got != want {
			t.Errorf("%d: %x, want %x", p, got, want)
		}
	}
}

// FuzzACL: an ACL is read again as it was written; who may do what is as a slow reader of it says; a change leaves the
// others' rights alone.
func FuzzACL(f *testing.F) {
	f.Add("bob lrsw group:staff ip -bob w anyone l -group:banned lr :owner lr", "bob", uint8(0), uint16(RightRead))
	f.Add(":owner ", Owner, uint8(2), uint16(AllRights))
	f.Add("bob", "carol", uint8(1), uint16(0xffff))
	f.Add("  lr a", "", uint8(1), uint16(1))
	f.Add("bob lr bob w -bob lrcdZ", "-bob", uint8(0), uint16(0))
	f.Fuzz(func(t *testing.T, text, who string, op uint8, bits uint16) {
		a := ParseACL(text)
		if back := ParseACL(a.String()); !slices.Equal(back, a) {
			t.Errorf("%q: %v, written and read again %v", text, a, back)
		}
		if got, want := a.Of([]string{who}), slowRights(a, who); got != want || got&^AllRights != 0 {
			t.Errorf("%q: %q may %s, want %s", text, who, got, want)
		}
		if own := a.OfOwner(); own&OwnerRights != OwnerRights || own&^AllRights != 0 {
			t.Errorf("%q: the owner may %s", text, own)
		}
		fuzzChange(t, a, ACLChange{who, ACLOp(op % 3), Rights(bits) & AllRights})
	})
}

// slowRights is what one identifier may do, right by right.
func slowRights(a ACL, who string) (out Rights) {
	for right := Rights(1); right <= AllRights; right <<= 1 {
		has := func(id string) bool {
			return slices.ContainsFunc(a, func(g Grant) bool { return g.Identifier == id && g.Rights&right != 0 })
		}
		if has(who) && !strings.HasPrefix(who, "-") && !has("-"+who) {
			out |= right
		}
	}
	return out
}

func fuzzChange(t *testing.T, a ACL, c ACLChange) {
	before := a.String()
	got, err := a.With(c)
	if err != nil && (KindOf(err) != Limit || len(a) < MaxGrants) || a.String() != before {
		t.Fatalf("%q with %+v: %v, and it is %q", before, c, err, a)
	}
	others := func(l ACL) ACL {
		return slices.DeleteFunc(slices.Clone(l), func(g Grant) bool { return g.Identifier == c.Identifier })
	}
	if err == nil && !slices.Equal(others(got), others(a)) {
		t.Errorf("%q with %+v: %v", before, c, got)
	}
	if i, _ := a.find(c.Identifier); i < 0 && err == nil && c.Op == ReplaceRights && c.Identifier != Owner {
		if j, ok := got.find(c.Identifier); ok != (c.Rights != 0) || ok && got[j].Rights != c.Rights {
			t.Errorf("%q with %+v: %v", before, c, got)
		}
	}
}
