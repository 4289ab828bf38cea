package lmtpd

import (
	"errors"

	"github.com/constance-mail/constance/internal/mail"
)

// answer is a reply of one line. The zero stands for none, or for no fault.
type answer struct {
	code string // with the enhanced code: RFC 2034
	text string
	item string // put behind the text
}

func (a answer) isSet() bool { return a.code != "" }

// isMistake tells whether the reply is to a client that does not speak the protocol.
func (a answer) isMistake() bool { return a.isSet() && (a.code[:2] == "50" || a.code[:3] == "555") }

// The replies. RFC 5321 section 4.2, RFC 3463 section 3.
var (
	done             = answer{code: "250 2.0.0", text: "OK"}
	begin            = answer{code: "354", text: "end data with <CR><LF>.<CR><LF>"}
	unknownCommand   = answer{code: "500 5.5.2", text: "command not recognized"}
	badLine          = answer{code: "500 5.5.2", text: "line too long or not ended by CRLF"}
	notSMTP          = answer{code: "500 5.5.1", text: "this is LMTP: say LHLO"}
	notImplemented   = answer{code: "502 5.5.1", text: "not implemented"}
	badSyntax        = answer{code: "501 5.5.2", text: "syntax error"}
	badArgument      = answer{code: "501 5.5.4", text: "bad argument"}
	badParameter     = answer{code: "501 5.5.4", text: "bad parameter"}
	unknownParameter = answer{code: "555 5.5.4", text: "parameter not known"}
	helloFirst       = answer{code: "503 5.5.1", text: "say LHLO first"}
	nestedMail       = answer{code: "503 5.5.1", text: "MAIL was given already"}
	mailFirst        = answer{code: "503 5.5.1", text: "MAIL first"}
	inChunks         = answer{code: "503 5.5.1", text: "the message is being transferred by BDAT"}
	onlyChunks       = answer{code: "503 5.5.1", text: "BINARYMIME needs BDAT"}
	noRecipients     = answer{code: "503 5.5.1", text: "no valid recipients"}
	badCharacters    = answer{code: "553 5.1.3", text: "bad characters in the address"}
	pathTooLong      = answer{code: "553 5.1.3", text: "address too long"}
	needsUTF8        = answer{code: "553 5.6.7", text: "address needs SMTPUTF8"}
	tooManyRcpts     = answer{code: "452 4.5.3", text: "too many recipients"}
	tooLarge         = answer{code: "552 5.3.4", text: "message too large"}
	delivered        = answer{code: "250 2.1.5", text: "delivered, "}
)

// errTooLarge is a message above Options.MaxSize.
var errTooLarge = errors.New("message too large")

// kinds are what a client is told for each kind of error; our own words about it are not its business.
var kinds = [...]answer{
	mail.Internal:    {code: "451 4.3.0", text: "internal error, try again later"},
	mail.NotFound:    {code: "550 5.1.1", text: "no such user here"},
	mail.Exists:      {code: "451 4.3.0", text: "internal error, try again later"},
	mail.Denied:      {code: "550 5.7.1", text: "not allowed"},
	mail.ReadOnly:    {code: "451 4.2.1", text: "mailbox takes no mail at present"},
	mail.OverQuota:   {code: "452 4.2.2", text: "mailbox full"},
	mail.Conflict:    {code: "451 4.3.0", text: "try again later"},
	mail.Unavailable: {code: "451 4.3.0", text: "store not available, try again later"},
	mail.Corrupt:     {code: "451 4.3.0", text: "store damaged, try again later"},
	mail.Invalid:     {code: "554 5.6.0", text: "message cannot be stored"},
	mail.Limit:       {code: "452 4.3.1", text: "a limit of the server is reached"},
}

// status is the reply to an error.
func status(err error) answer {
	if errors.Is(err, errTooLarge) {
		return tooLarge
	}
	return kinds[mail.KindOf(err)]
}
