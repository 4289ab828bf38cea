package mail

import (
	"strings"
	"unicode/utf8"
)

// Inbox is the mailbox every account has; its name is the one that knows no case. RFC 9051 section 5.1.
const Inbox = "INBOX"

// Separator stands between the levels of a mailbox name.
const Separator = '/'

// The bounds of a mailbox name: octets, levels.
const (
	MaxNameLen   = 1000
	MaxNameDepth = 50
)

// MaxMailboxes is how many mailboxes an account can have.
const MaxMailboxes = 10000

// SpecialUse is what a mailbox is for, as in `\Sent`. RFC 6154 section 2.
type SpecialUse string

// The special uses that can be set. `\All` and `\Flagged` are virtual mailboxes, which Constance does not have.
const (
	UseArchive SpecialUse = `\Archive`
	UseDrafts  SpecialUse = `\Drafts`
	UseJunk    SpecialUse = `\Junk`
	UseSent    SpecialUse = `\Sent`
	UseTrash   SpecialUse = `\Trash`
)

// Mailbox is a mailbox and its counters, which all belong to one transaction.
type Mailbox struct {
	ID          MailboxID
	Name        string // UTF-8, levels separated by Separator; INBOX in capitals
	UIDValidity UIDValidity
	UIDNext     UID
	HighestMod  ModSeq // of any change in the mailbox, expunges included; at least 1. RFC 7162 section 3.1.2.1
	Messages    uint32
	Unseen      uint32 // messages without \Seen
	Deleted     uint32 // messages with \Deleted. RFC 9051 section 6.3.11
	Size        int64  // octets of all messages. RFC 8438
	Keywords    []Flag // see FlagSet; a place is "" when its keyword was given up and may be taken again
	Uses        []SpecialUse
	Subscribed  bool
	ACL         ACL
	Personal    Personal
}

// CleanName is the canonical form of a mailbox name: INBOX in capitals, also as the first level. The error has kind
// Invalid and says what is wrong: empty or too long, not UTF-8, a control character, an empty level, too deep,
// `%` or `*`. RFC 9051 section 5.1.
func CleanName(name string) (string, error) {
	why := ""
	switch {
	case name == "" || len(name) > MaxNameLen:
		why = "must have 1 to 1000 octets"
	case !utf8.ValidString(name):
		why = "not UTF-8"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 }):
		why = "holds a control character"
	case strings.ContainsAny(name, "%*"):
		why = "holds a wildcard"
	case name[0] == Separator || name[len(name)-1] == Separator || strings.Contains(name, "//"):
		why = "holds an empty level"
	case strings.Count(name, "/") >= MaxNameDepth:
		why = "too many levels"
	}
	if why != "" {
		return "", &Error{Op: "name", Kind: Invalid, Item: name, Err: nameError(why)}
	}
	first, rest, deeper := strings.Cut(name, "/")
	if !strings.EqualFold(first, Inbox) {
		return name, nil
	}
	if deeper {
		return Inbox + "/" + rest, nil
	}
	return Inbox, nil
}

type nameError string

func (e nameError) Error() string { return "the name " + string(e) }
