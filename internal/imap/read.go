package imap

import (
	"errors"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// Command is a command as a client sends it, without its tag: a pointer to one of this package's structs.
type Command interface {
	// Verb is the command's name in capitals. UID FETCH and FETCH are both "FETCH", with a UID field.
	Verb() string
	// Append appends the command as a client sends it, without tag and CRLF. Mailbox names are modified UTF-7 unless
	// utf8
	// is set; what cannot be quoted is a non-synchronizing literal. An Append ends with the announcement of its
	// literal.
	Append(b []byte, utf8 bool) []byte
}

// parsers reads what follows the verb, up to the end of the line; only APPEND and REPLACE stop before their octets.
var parsers = map[string]func(*wire.Decoder) Command{
	"CAPABILITY": simple(&Capability{}), "NOOP": simple(&Noop{}), "LOGOUT": simple(&Logout{}),
	"STARTTLS": simple(&StartTLS{}), "NAMESPACE": simple(&Namespace{}), "IDLE": simple(&Idle{}),
	"CHECK": simple(&Check{}), "CLOSE": simple(&Close{}), "UNSELECT": simple(&Unselect{}),
	"UNAUTHENTICATE": simple(&Unauthenticate{}), "COMPRESS": parseCompress,
	"ID": parseID, "AUTHENTICATE": parseAuthenticate, "LOGIN": parseLogin, "ENABLE": parseEnable,
	"SELECT": parseSelect, "EXAMINE": parseExamine, "CREATE": parseCreate, "DELETE": parseDelete,
	"RENAME": parseRename, "SUBSCRIBE": parseSubscribe, "UNSUBSCRIBE": parseUnsubscribe,
	"LIST": parseList, "LSUB": parseLSub, "STATUS": parseStatus, "APPEND": parseAppend, "REPLACE": parseReplace,
	"SETACL": parseSetACL, "DELETEACL": parseDeleteACL, "GETACL": parseGetACL, "LISTRIGHTS": parseListRights,
	"MYRIGHTS": parseMyRights,
	"GETQUOTA": parseGetQuota, "GETQUOTAROOT": parseGetQuotaRoot, "SETQUOTA": parseSetQuota,
	"GETMETADATA": parseGetMetadata, "SETMETADATA": parseSetMetadata, "NOTIFY": parseNotify,
	"EXPUNGE": parseExpunge, "SEARCH": parseSearch, "ESEARCH": parseESearch, "FETCH": parseFetch, "STORE": parseStore,
	"SORT": parseSort, "THREAD": parseThread, "COMPARATOR": parseComparator, "CANCELUPDATE": parseCancelUpdate,
	"COPY": parseCopy, "MOVE": parseMove, "UIDBATCHES": parseUIDBatches, "UID": nil, // nil: see uidParsers
}

// uidParsers reads what follows UID and the verb. RFC 9051 section 6.4.9.
var uidParsers = map[string]func(*wire.Decoder) Command{
	"EXPUNGE": parseUIDExpunge, "SEARCH": parseUIDSearch, "FETCH": parseUIDFetch, "STORE": parseUIDStore,
	"SORT": parseUIDSort, "THREAD": parseUIDThread,
	"COPY": parseUIDCopy, "MOVE": parseUIDMove, "REPLACE": parseUIDReplace,
}

// Read reads the next command. A *wire.SyntaxError is the client's mistake: the command was passed over, the answer
// is
// BAD, with the tag unless that is empty (then untagged), and the connection goes on; with Fatal set the answer is
// BYE and it ends. Any other error is one of the connection. RFC 9051 section 2.2.1.
func Read(d *wire.Decoder) (tag string, c Command, err error) {
	if err := d.Begin(); err != nil {
		return "", nil, err
	}
	c = readCommand(d, &tag)
	if c != nil && d.Err() == nil {
		return tag, c, nil
	}
	return tag, nil, refused(d)
}

// refused passes over the rest of a command that has an error, and returns the error.
func refused(d *wire.Decoder) error {
	err := d.Err()
	var se *wire.SyntaxError
	if !errors.As(err, &se) {
		return err
	}
	if skip := d.Skip(); skip != nil {
		return skip
	}
	return err
}

// command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF; RFC 9051 section 9.
func readCommand(d *wire.Decoder, tag *string) Command {
	if !d.MustTag(tag) || !d.MustSP() {
		return nil
	}
	verb := d.MustWord()
	if verb == nil {
		return nil
	}
	parse, known := parsers[string(verb)]
	if known && parse == nil {
		if !d.MustSP() {
			return nil
		}
		if verb = d.MustWord(); verb == nil {
			return nil
		}
		parse, known = uidParsers[string(verb)]
	}
	if !known {
		d.Fail("unknown command")
		return nil
	}
	return parse(d)
}

// end is c if the command ends here.
func end(d *wire.Decoder, c Command) Command {
	if !d.MustEnd() {
		return nil
	}
	return c
}

// simple reads a command without arguments.
func simple(c Command) func(*wire.Decoder) Command {
	return func(d *wire.Decoder) Command { return end(d, c) }
}

// ReadDone waits for the DONE that ends IDLE. Errors as Read's. RFC 9051 section 6.3.13.
func ReadDone(d *wire.Decoder) error {
	if err := d.Begin(); err != nil {
		return err
	}
	if d.MustKeyword("DONE") && d.MustEnd() {
		return nil
	}
	return refused(d)
}

// ReadAnswer reads what the client answers to a challenge of AUTHENTICATE, decoded; cancelled if it gave up ("*").
// Errors as Read's. RFC 9051 section 6.2.2.
func ReadAnswer(d *wire.Decoder) (answer []byte, cancelled bool, err error) {
	if err := d.Begin(); err != nil {
		return nil, false, err
	}
	cancelled = d.Special('*')
	if (cancelled || d.MustBase64(&answer)) && d.MustEnd() {
		return answer, cancelled, nil
	}
	return nil, false, refused(d)
}
