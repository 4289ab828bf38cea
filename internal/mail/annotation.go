package mail

import (
	"context"
	"strings"
)

// Annotation is a value that clients keep beside a mailbox, or beside the account. RFC 5464 section 3.
type Annotation struct {
	Mailbox MailboxID // 0: the account
	Name    string    // see CleanEntry; what begins with PrivateEntries is seen by the one who set it alone
	Value   string    // octets
	Nil     bool      // there is none (any more)
	ModSeq  ModSeq    // of the change that set or removed it; 0 for what is computed
}

// Annotations are what is kept beside mailboxes and the account (mailbox 0). Private ones are of a viewer,
// which is the account of who is logged in. A mailbox that is gone: kind NotFound. RFC 5464.
type Annotations interface {
	// Annotations lists those that viewer sees, by name. SpecialUseEntry is among them while the mailbox has a use.
	Annotations(ctx context.Context, mailbox MailboxID, viewer AccountID) ([]Annotation, error)
	// Annotate sets the annotations of a mailbox, Nil takes away; all or none, under one ModSeq, which is the mailbox's
	// HighestMod then (RFC 7162 section 3.2), none if nothing is other than before. A SpecialUseEntry, of a mailbox, gives it
	// these uses and takes them from others. A rename keeps annotations (of INBOX: both have them then), a deletion deletes
	// them. Kinds Invalid (a name, a value too large, an unknown use), Limit (too many, or too much of them).
	Annotate(ctx context.Context, mailbox MailboxID, viewer AccountID, set []Annotation) (ModSeq, error)
	// Annotated lists those of all mailboxes and the account that were set or removed after since, as viewer sees it,
	// without values. Of a mailbox the last MaxRemovedAnnotations removals are remembered. Without a change it costs as little as Usage.
	Annotated(ctx context.Context, since ModSeq, viewer AccountID) ([]Annotation, error)
}

// The first component of an entry's name says who sees it. RFC 5464 section 3.2.
const (
	PrivateEntries = "/private/"
	SharedEntries  = "/shared/"
)

// SpecialUseEntry is the entry with the uses of a mailbox, separated by spaces. RFC 6154 section 4.
const SpecialUseEntry = "/private/specialuse"

// The bounds of annotations. RFC 5464 section 4.1 asks for at least 10 and 1024 octets.
const (
	MaxAnnotations      = 1000     // of a mailbox, or of the account, all viewers together
	MaxAnnotationName   = 256      // octets
	MaxAnnotationValue  = 64 << 10 // octets
	MaxMailboxOctets    = 1 << 20  // names and values of a mailbox, or of the account itself
	MaxAnnotationOctets = 16 << 20 // names and values of an account with all its mailboxes

	MaxRemovedAnnotations = 100 // of a mailbox, to be told of
)

// The parts of the bounds that private entries of guests may take, who are not the owner: one eighth for one of them,
// half for all.
const (
	OneGuest  = 8
	AllGuests = 2
)

// GuestUse is what private entries of guests take of the bounds.
type GuestUse struct {
	Entries int64 // of the mailbox
	Octets  int64 // of the mailbox
	Total   int64 // octets of the account
}

// Exceeds tells whether it is more than a part of the bounds, and more than it was before: less is never refused.
func (u GuestUse) Exceeds(part int64, before GuestUse) bool {
	return u.Entries > max(before.Entries, MaxAnnotations/part) || u.Octets > max(before.Octets, MaxMailboxOctets/part) ||
		u.Total > max(before.Total, MaxAnnotationOctets/part)
}

// Private tells whether the annotation is of one viewer alone.
func (a *Annotation) Private() bool { return strings.HasPrefix(a.Name, PrivateEntries) }

// Octets is what the annotation counts for MaxAnnotationOctets.
func (a *Annotation) Octets() int64 {
	if a.Nil {
		return 0
	}
	return int64(len(a.Name) + len(a.Value))
}

// CleanEntry is the canonical form of an entry's name: lower case, as case does not matter. The error has
// kind Invalid: neither private nor shared, an empty component, too few or too long, a wildcard, other than
// printable ASCII. RFC 5464 section 3.2.
func CleanEntry(name string) (string, error) {
	name = strings.ToLower(name)
	path, private := strings.CutPrefix(name, PrivateEntries)
	shared := false
	if !private {
		path, shared = strings.CutPrefix(name, SharedEntries)
	}
	why := ""
	switch {
	case !private && !shared:
		why = "must begin with /private/ or /shared/"
	case len(name) > MaxAnnotationName:
		why = "is too long"
	case path == "" || path[0] == '/' || path[len(path)-1] == '/' || strings.Contains(path, "//"):
		why = "holds an empty component"
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r > '~' || r == '*' || r == '%' }):
		why = "holds a wildcard, a control character or one that is not ASCII"
	case path == "vendor" || strings.HasPrefix(path, "vendor/") && strings.Count(path, "/") < 2:
		why = "names a vendor and nothing of it"
	}
	if why != "" {
		return "", &Error{Op: "entry", Kind: Invalid, Item: name, Err: nameError(why)}
	}
	return name, nil
}

// CleanAnnotations is set with names in their canonical form, each once: the last one counts. Kind Invalid: a
// name, or a value that is too large.
func CleanAnnotations(set []Annotation) ([]Annotation, error) {
	out := make([]Annotation, 0, len(set))
	at := make(map[string]int, len(set))
	for _, n := range set {
		name, err := CleanEntry(n.Name)
		if err != nil {
			return nil, err
		}
		if len(n.Value) > MaxAnnotationValue {
			return nil, &Error{Op: "annotate", Kind: Invalid, Item: name}
		}
		if n.Name = name; n.Nil {
			n.Value = ""
		}
		if i, twice := at[name]; twice {
			out[i] = n
			continue
		}
		at[name] = len(out)
		out = append(out, n)
	}
	return out, nil
}
