package mail

import "strings"

// Flag is a system flag (`\Seen`) or a keyword ("$Forwarded"). Case does not matter. RFC 9051 section 2.3.2.
type Flag string

// The system flags. \Recent is no Flag: it belongs to a session, see Messages.ClaimRecent.
const (
	Answered Flag = `\Answered`
	Flagged  Flag = `\Flagged`
	Deleted  Flag = `\Deleted`
	Seen     Flag = `\Seen`
	Draft    Flag = `\Draft`
)

// FlagSet is the set of flags of one message: bit i is SystemFlags[i], or, from bit len(SystemFlags) on, the
// keywords of the mailbox in the order of Mailbox.Keywords.
type FlagSet uint64

// The bits of the system flags.
const (
	BitAnswered FlagSet = 1 << iota
	BitFlagged
	BitDeleted
	BitSeen
	BitDraft
)

// SystemFlags are the flags every mailbox has, in the order of their bits.
var SystemFlags = [...]Flag{Answered, Flagged, Deleted, Seen, Draft}

// MaxKeywords is how many keywords a mailbox can have at a time.
const MaxKeywords = 64 - len(SystemFlags)

// Bit is the bit of f in a mailbox with these keywords, 0 if the mailbox does not know f.
func (f Flag) Bit(keywords []Flag) FlagSet {
	for i, s := range SystemFlags {
		if strings.EqualFold(string(f), string(s)) {
			return 1 << i
		}
	}
	for i, k := range keywords {
		if strings.EqualFold(string(f), string(k)) {
			return 1 << (len(SystemFlags) + i)
		}
	}
	return 0
}

// Flags lists the flags of s in the order of their bits.
func (s FlagSet) Flags(keywords []Flag) []Flag {
	var out []Flag
	for i, f := range SystemFlags {
		if s&(1<<i) != 0 {
			out = append(out, f)
		}
	}
	for i, k := range keywords {
		if s&(1<<(len(SystemFlags)+i)) != 0 {
			out = append(out, k)
		}
	}
	return out
}
