package mail

import (
	"slices"
	"strings"
)

// Rights is a set of rights on a mailbox, as bits. RFC 4314 section 2.1.
type Rights uint16

// The rights, in the order of rightLetters.
const (
	RightLookup         Rights = 1 << iota // l: LIST shows it
	RightRead                              // r: SELECT, STATUS
	RightSeen                              // s: \Seen is kept
	RightWrite                             // w: flags other than \Seen and \Deleted
	RightInsert                            // i: APPEND, COPY into it
	RightPost                              // p: mail to its address, see lmtpd
	RightCreate                            // k: mailboxes below it
	RightDelete                            // x: DELETE and RENAME it
	RightDeleteMessages                    // t: \Deleted
	RightExpunge                           // e: EXPUNGE
	RightAnnotate                          // n: annotations that all see. RFC 5257 section 4.1
	RightAdmin                             // a: change its ACL

	AllRights Rights = 1<<iota - 1
)

const rightLetters = "lrswipkxtena"

// What an owner and an administrator always have, so that nobody can lock them out.
const (
	OwnerRights = RightLookup | RightCreate | RightDelete | RightAdmin
	AdminRights = OwnerRights
)

// String is the letters of r, without the obsolete ones.
func (r Rights) String() string {
	var b strings.Builder
	for i := range len(rightLetters) {
		if r&(1<<i) != 0 {
			b.WriteByte(rightLetters[i])
		}
	}
	return b.String()
}

// RightOf is the right of that letter, 0 if there is none.
func RightOf(letter byte) Rights {
	if i := strings.IndexByte(rightLetters, letter); i >= 0 {
		return 1 << i
	}
	return 0
}

// Flags are the flags that may be changed with these rights: see FlagChange.Mask. RFC 4314 section 4.
func (r Rights) Flags() FlagSet {
	var out FlagSet
	if r&RightSeen != 0 {
		out |= BitSeen
	}
	if r&RightDeleteMessages != 0 {
		out |= BitDeleted
	}
	if r&RightWrite != 0 {
		out |= ^(BitSeen | BitDeleted)
	}
	return out
}

// The identifiers that are no login names. A group is GroupPrefix and its name. RFC 4314 section 2.
const (
	Anyone      = "anyone"
	Anonymous   = "anonymous"
	GroupPrefix = "group:"
	// Owner stands for whoever has the account. No login name is like it.
	Owner = ":owner"
	// negative before an identifier takes the rights away from it.
	negative = "-"
)

// Grant is an entry of an ACL. An identifier with a dash before it has these rights taken away.
type Grant struct {
	Identifier string
	Rights     Rights
}

// ACL is the access control list of a mailbox: in the order in which its identifiers came, each once. Nobody changes
// one. An empty one leaves everything to the owner. RFC 4314 section 2.
type ACL []Grant

// MaxGrants is how many entries an ACL can have.
const MaxGrants = 1000

// Of is what somebody with these identifiers may do: all that any of them is given, without what any is denied.
func (a ACL) Of(identifiers []string) Rights {
	var given, denied Rights
	for _, g := range a {
		if id, minus := strings.CutPrefix(g.Identifier, negative); !minus && slices.Contains(identifiers, id) {
			given |= g.Rights
		} else if minus && slices.Contains(identifiers, id) {
			denied |= g.Rights
		}
	}
	return given &^ denied
}

// OfOwner is what the owner may do: everything, unless the ACL has an entry for the owner.
func (a ACL) OfOwner() Rights {
	own := a.Of([]string{Owner})
	if _, ok := a.find(Owner); !ok {
		own = AllRights &^ a.denied(Owner)
	}
	return own | OwnerRights
}

func (a ACL) denied(identifier string) Rights {
	i, ok := a.find(negative + identifier)
	if !ok {
		return 0
	}
	return a[i].Rights
}

func (a ACL) find(identifier string) (int, bool) {
	i := slices.IndexFunc(a, func(g Grant) bool { return g.Identifier == identifier })
	return i, i >= 0
}

// With is the ACL after a change. An entry without rights goes; the owner's stays then, as it means another thing than
// none. Kind Limit.
func (a ACL) With(c ACLChange) (ACL, error) {
	out := slices.Clone(a)
	i, ok := out.find(c.Identifier)
	was := Rights(0)
	switch {
	case ok:
		was = out[i].Rights
	case c.Identifier == Owner:
		was = AllRights
	}
	now := c.apply(was)
	keep := now != 0
	if c.Identifier == Owner {
		keep = now != AllRights
	}
	switch {
	case ok && keep:
		out[i].Rights = now
	case ok:
		out = slices.Delete(out, i, i+1)
	case keep && len(out) >= MaxGrants:
		return nil, &Error{Op: "set acl", Kind: Limit, Item: c.Identifier}
	case keep:
		out = append(out, Grant{c.Identifier, now})
	}
	return out, nil
}

// ACLChange is one SETACL. RFC 4314 section 3.1.
type ACLChange struct {
	Identifier string
	Op         ACLOp
	Rights     Rights
}

// ACLOp says how ACLChange.Rights changes an entry.
type ACLOp uint8

// The operations of SETACL.
const (
	ReplaceRights ACLOp = iota
	AddRights
	RemoveRights
)

func (c *ACLChange) apply(was Rights) Rights {
	switch c.Op {
	case AddRights:
		return was | c.Rights
	case RemoveRights:
		return was &^ c.Rights
	}
	return c.Rights
}

// Grantees are the identifiers to whom any of the mailboxes is visible, in order; the owner is none.
func Grantees(boxes []Mailbox) []string {
	var out []string
	for i := range boxes {
		for _, g := range boxes[i].ACL {
			if g.Rights&RightLookup != 0 && g.Identifier != Owner && !strings.HasPrefix(g.Identifier, negative) {
				out = append(out, g.Identifier)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// String is the ACL as it is stored: identifiers and rights in turn, with spaces between; no identifier has one.
func (a ACL) String() string {
	var b strings.Builder
	for i, g := range a {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(g.Identifier + " " + g.Rights.String())
	}
	return b.String()
}

// ParseACL undoes String; what is damaged is left out.
func ParseACL(s string) ACL {
	if s == "" {
		return nil
	}
	words := strings.Split(s, " ")
	var out ACL
	for i := 0; i+1 < len(words); i += 2 {
		g := Grant{Identifier: words[i]}
		for _, c := range []byte(words[i+1]) {
			g.Rights |= RightOf(c)
		}
		out = append(out, g)
	}
	return out
}

// Personal says which flags of a mailbox everybody but the owner has for themselves.
type Personal uint8

// The values of Personal.
const (
	PersonalSeen Personal = iota // \Seen
	PersonalNone                 // none: all see the same
	PersonalAll                  // all flags but \Deleted, which is about the mailbox
)

// Mask is those flags as bits.
func (p Personal) Mask() FlagSet {
	switch p {
	case PersonalNone:
		return 0
	case PersonalAll:
		return ^BitDeleted
	}
	return BitSeen
}

// CompareNames orders mailbox names with Separator before every other character, so that what is below a mailbox
// follows it.
func CompareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch x, y := a[i], b[i]; {
		case x == y:
		case x == Separator:
			return -1
		case y == Separator || x > y:
			return 1
		default:
			return -1
		}
	}
	return len(a) - len(b)
}
