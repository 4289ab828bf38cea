package imap

import (
	"strconv"
	"strings"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Cond is the condition of a status response. RFC 9051 section 7.1.
type Cond string

// The conditions.
const (
	OK      Cond = "OK"
	NO      Cond = "NO"
	BAD     Cond = "BAD"
	BYE     Cond = "BYE"
	PreAuth Cond = "PREAUTH"
)

// Untagged is the tag of an untagged response.
const Untagged = "*"

// AppendCond appends a status response: tag (or Untagged), condition, code unless it is "", text. The text must be
// ASCII without line ends. RFC 9051 section 7.1.
func AppendCond(b []byte, tag string, c Cond, code RespCode, text string) []byte {
	b = AppendCondStart(b, tag, c)
	if code != "" {
		b = append(append(append(b, '['), code...), "] "...)
	}
	return append(append(b, text...), "\r\n"...)
}

// AppendCondStart appends the start of a status response, up to the space before a code with arguments ("[...]", with
// one
// of the Append...Code functions) or the text; AppendText ends it.
func AppendCondStart(b []byte, tag string, c Cond) []byte {
	b = append(append(b, tag...), ' ')
	return append(append(b, c...), ' ')
}

// AppendText ends a status response that has a code: a space, the text, CRLF.
func AppendText(b []byte, text string) []byte {
	return append(append(append(b, ' '), text...), "\r\n"...)
}

// AppendNumberCode appends a code with a number: UIDNEXT, UIDVALIDITY, UNSEEN, HIGHESTMODSEQ. RFC 9051 section 7.1.
func AppendNumberCode(b []byte, code RespCode, n uint64) []byte {
	b = append(append(append(b, '['), code...), ' ')
	return append(strconv.AppendUint(b, n, 10), ']')
}

// MessageLimitCode is MESSAGELIMIT with the limit, in messages, and the lowest UID that a command worked on, unless it is 0.
// RFC 9738 section 3.1.
func MessageLimitCode(limit int, lowest mail.UID) RespCode {
	b := strconv.AppendInt(append([]byte(CodeMessageLimit), ' '), int64(limit), 10)
	if lowest != 0 {
		b = strconv.AppendUint(append(b, ' '), uint64(lowest), 10)
	}
	return RespCode(b)
}

// AppendInProgressCode appends INPROGRESS with the tag of a command, unless it has a "]", with which some clients would
// end the code, and how much of it is done; a total of 0 is not known. RFC 9585.
func AppendInProgressCode(b []byte, tag string, done, total int) []byte {
	b = append(append(append(b, '['), CodeInProgress...), " ("...)
	if strings.Contains(tag, "]") {
		b = append(b, "NIL "...)
	} else {
		b = append(wire.AppendQuoted(b, tag), ' ')
	}
	if total <= 0 {
		return append(b, "NIL NIL)]"...)
	}
	b = append(strconv.AppendInt(b, int64(done), 10), ' ')
	return append(strconv.AppendInt(b, int64(total), 10), ")]"...)
}

// AppendModifiedCode appends MODIFIED with the messages that were left alone: UIDs, or message numbers in the same
// type.
// RFC 7162 section 3.1.3.
func AppendModifiedCode(b []byte, set mail.UIDSet) []byte {
	return append(set.Append(append(b, "[MODIFIED "...)), ']')
}

// AppendMailboxIDCode appends MAILBOXID. RFC 8474 section 4.1.
func AppendMailboxIDCode(b []byte, id string) []byte {
	return append(append(append(b, "[MAILBOXID ("...), id...), ")]"...)
}

// AppendBadCharsetCode appends BADCHARSET with the charsets that are known. RFC 9051 section 7.1.
func AppendBadCharsetCode(b []byte, known ...string) []byte {
	b = append(b, "[BADCHARSET ("...)
	for i, s := range known {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, s...)
	}
	return append(b, ")]"...)
}

// AppendAppendUIDCode appends APPENDUID. RFC 9051 section 7.1, RFC 4315 section 3.
func AppendAppendUIDCode(b []byte, v mail.UIDValidity, uids mail.UIDSet) []byte {
	b = strconv.AppendUint(append(b, "[APPENDUID "...), uint64(v), 10)
	return append(uids.Append(append(b, ' ')), ']')
}

// AppendCopyUIDCode appends COPYUID: from and to are in step and not empty. RFC 9051 section 7.1, RFC 4315 section 3.
func AppendCopyUIDCode(b []byte, v mail.UIDValidity, from, to mail.UIDSet) []byte {
	b = strconv.AppendUint(append(b, "[COPYUID "...), uint64(v), 10)
	b = from.Append(append(b, ' '))
	return append(to.Append(append(b, ' ')), ']')
}

// AppendPermanentFlagsCode appends PERMANENTFLAGS; more says that clients can make new keywords (`\*`). RFC 9051
// section 7.1.
func AppendPermanentFlagsCode(b []byte, flags []mail.Flag, more bool) []byte {
	b = AppendFlags(append(b, "[PERMANENTFLAGS "...), flags)
	if more {
		b = b[:len(b)-1]
		if len(flags) > 0 {
			b = append(b, ' ')
		}
		b = append(b, `\*)`...)
	}
	return append(b, ']')
}

// AppendCapabilityCode appends CAPABILITY as a code. RFC 9051 section 7.1.
func AppendCapabilityCode(b []byte, caps []string) []byte {
	return append(appendWords(append(b, "[CAPABILITY"...), caps), ']')
}

func appendWords(b []byte, words []string) []byte {
	for _, w := range words {
		b = append(append(b, ' '), w...)
	}
	return b
}

// AppendCapability appends an untagged CAPABILITY. RFC 9051 section 7.2.2.
func AppendCapability(b []byte, caps []string) []byte {
	return append(appendWords(append(b, "* CAPABILITY"...), caps), "\r\n"...)
}

// AppendEnabled appends ENABLED with what was enabled. RFC 9051 section 7.2.1.
func AppendEnabled(b []byte, caps []string) []byte {
	return append(appendWords(append(b, "* ENABLED"...), caps), "\r\n"...)
}

// AppendContinue appends a continuation request; the text must not be empty. RFC 9051 section 7.6.
func AppendContinue(b []byte, text string) []byte {
	return append(append(append(b, "+ "...), text...), "\r\n"...)
}

// AppendNumber appends an untagged response of a number and a word: EXISTS, RECENT, EXPUNGE. RFC 9051 section 7.4.
func AppendNumber(b []byte, n uint32, word string) []byte {
	b = strconv.AppendUint(append(b, "* "...), uint64(n), 10)
	return append(append(append(b, ' '), word...), "\r\n"...)
}

// AppendExists appends EXISTS. RFC 9051 section 7.4.1.
func AppendExists(b []byte, n uint32) []byte { return AppendNumber(b, n, "EXISTS") }

// AppendRecent appends RECENT. RFC 3501 section 7.3.2.
func AppendRecent(b []byte, n uint32) []byte { return AppendNumber(b, n, "RECENT") }

// AppendExpunge appends EXPUNGE of the message with number n. RFC 9051 section 7.5.1.
func AppendExpunge(b []byte, n uint32) []byte { return AppendNumber(b, n, "EXPUNGE") }

// AppendVanished appends VANISHED; earlier says that the client may have seen them go already. RFC 7162 section
// 3.2.10.
func AppendVanished(b []byte, uids mail.UIDSet, earlier bool) []byte {
	b = append(b, "* VANISHED "...)
	if earlier {
		b = append(b, "(EARLIER) "...)
	}
	return append(uids.Append(b), "\r\n"...)
}

// AppendFlagsResponse appends the untagged FLAGS of a mailbox. RFC 9051 section 7.3.5.
func AppendFlagsResponse(b []byte, flags []mail.Flag) []byte {
	return append(AppendFlags(append(b, "* FLAGS "...), flags), "\r\n"...)
}

// AppendNamespace appends NAMESPACE with one personal namespace, the root, and the prefixes of other users' and shared
// ones, each with its separator at its end. RFC 9051 section 7.3.4.
func AppendNamespace(b []byte, others, shared []string, utf8 bool) []byte {
	b = append(b, "* NAMESPACE ((\"\" \"/\"))"...)
	for _, prefixes := range [...][]string{others, shared} {
		if len(prefixes) == 0 {
			b = append(b, " NIL"...)
			continue
		}
		b = append(b, " ("...)
		for _, p := range prefixes {
			b = append(wire.AppendMailbox(append(b, '('), p, utf8), " \"/\")"...)
		}
		b = append(b, ')')
	}
	return append(b, "\r\n"...)
}

// AppendID appends the server's ID, NIL without fields. RFC 2971 section 3.2.
func AppendID(b []byte, fields []IDField) []byte {
	b = append(b, "* "...)
	return append((&ID{Fields: fields}).Append(b, false), "\r\n"...)
}

// AppendString appends s as a server does: quoted if it can be, a literal otherwise; with utf8 a quoted string may
// hold UTF-8. RFC 9051 section 9.
func AppendString(b []byte, s string, utf8 bool) []byte { return wire.AppendString(b, s, utf8) }

// AppendMailbox appends a mailbox name (UTF-8) as a server does, in modified UTF-7 unless utf8 is set.
// RFC 9051 section 5.1, RFC 3501 section 5.1.3.
func AppendMailbox(b []byte, name string, utf8 bool) []byte { return wire.AppendMailbox(b, name, utf8) }
