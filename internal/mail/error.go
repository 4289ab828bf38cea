package mail

import (
	"errors"
	"strings"
)

// Kind says what an error means for whoever asked, the same in every store and on every wire.
type Kind uint8

// The kinds. Internal is the zero: an error that nobody classified is our fault.
const (
	Internal    Kind = iota // our own bug or a failing disk; the text is for the log, not for the client
	NotFound                // the mailbox, message, account or part is not there (any more)
	Exists                  // the name is taken
	Denied                  // wrong password, or not allowed
	ReadOnly                // opened read-only, or an object that cannot be changed
	OverQuota               // the account has no room for it
	Conflict                // changed by somebody else meanwhile; look again
	Unavailable             // not now: overload, lock, disk full; try later
	Corrupt                 // stored data is damaged
	Invalid                 // an argument that can never be right: a bad name, too large a message
	Limit                   // a bound of the server: too many keywords, mailboxes, connections
)

var kindNames = [...]string{
	Internal: "internal error", NotFound: "not found", Exists: "exists already", Denied: "denied", ReadOnly: "read-only",
	OverQuota: "over quota", Conflict: "conflict", Unavailable: "unavailable", Corrupt: "corrupt", Invalid: "invalid",
	Limit: "limit reached",
}

func (k Kind) String() string { return kindNames[k] }

// Error is operation + item + kind + cause.
type Error struct {
	Op   string // what was tried: "create", "append"
	Kind Kind
	Item string // what it was tried on: a mailbox name, an account; may be empty
	Err  error  // the cause for the log, may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Item != "" {
		b.WriteString(" " + e.Item)
	}
	b.WriteString(": " + e.Kind.String())
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost Error in err's chain, Internal if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
