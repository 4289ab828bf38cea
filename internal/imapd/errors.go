package imapd

import (
	"context"
	"errors"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// refusal is the answer NO.
type refusal struct {
	code imap.RespCode
	text string
}

func (e *refusal) Error() string { return e.text }

// refuse is the answer NO with that code (or "") and text.
func refuse(code imap.RespCode, text string) error { return &refusal{code, text} }

// badError is the answer BAD: well-formed, but wrong here.
type badError struct {
	code imap.RespCode // may be ""
	text string
}

func (e badError) Error() string { return e.text }

// bad is the answer BAD.
func bad(text string) error { return badError{text: text} }

// brokenError ends the connection: an answer cannot be completed, or the client is gone.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// kindAnswer is what a client is told of an error of that kind.
type kindAnswer struct {
	code imap.RespCode
	text string
}

// kindAnswers is the one table from kinds to response codes. RFC 5530 section 3.
var kindAnswers = [...]kindAnswer{
	mail.Internal:    {imap.CodeServerBug, "internal error"},
	mail.NotFound:    {imap.CodeNonexistent, "no such mailbox"},
	mail.Exists:      {imap.CodeAlreadyExists, "exists already"},
	mail.Denied:      {imap.CodeNoPerm, "not allowed"},
	mail.ReadOnly:    {imap.CodeNoPerm, "read-only"},
	mail.OverQuota:   {imap.CodeOverQuota, "over quota"},
	mail.Conflict:    {imap.CodeInUse, "changed by somebody else meanwhile, try again"},
	mail.Unavailable: {imap.CodeUnavailable, "temporarily unavailable, try again later"},
	mail.Corrupt:     {imap.CodeCorruption, "stored data is damaged"},
	mail.Invalid:     {imap.CodeCannot, "can never be done"},
	mail.Limit:       {imap.CodeLimit, "limit reached"},
}

// answerTo is the NO for an error that is neither a refusal nor bad syntax. Invalid says what is wrong: it is about
// what the client sent.
func answerTo(err error) kindAnswer {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return kindAnswers[mail.Unavailable]
	}
	a := kindAnswers[mail.KindOf(err)]
	var e *mail.Error
	if errors.As(err, &e) && e.Kind == mail.Invalid && e.Err != nil {
		if text := e.Err.Error(); printable(text) {
			a.text = text
		}
	}
	return a
}

// printable tells whether s can be a response's text. RFC 9051 section 9 (text).
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
