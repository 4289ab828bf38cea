package imap

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// RFC 9051 section 6.3.12, RFC 3516 section 4.4, RFC 4469 section 5, RFC 6855 section 4: what is said before the first octets.
func TestAppend(t *testing.T) {
	at := time.Date(1996, 7, 17, 2, 44, 25, 0, time.FixedZone("", -7*3600))
	plain := AppendPart{Size: 3}
	for line, want := range map[string]AppendMessage{
		"{3}":                {Part: AppendPart{Size: 3, Sync: true}},
		"{3+}":               {Part: plain},
		"~{3+}":              {Part: AppendPart{Size: 3, Binary: true}},
		"() {3+}":            {Part: plain},
		"utf8 (~{3+}":        {Part: AppendPart{Size: 3, Binary: true, UTF8: true}},
		"catenate (text {3}": {Catenate: true, Part: AppendPart{Size: 3, Sync: true}},
		"(\\Seen) CATENATE (URL /x/;UID=1 TEXT {3}":            {Catenate: true, Part: AppendPart{URL: "/x/;UID=1"}, Flags: []mail.Flag{mail.Seen}},
		"CATENATE (UTF8 (~{3}":                                 {Catenate: true, Part: AppendPart{Size: 3, Binary: true, UTF8: true, Sync: true}},
		`(\seen $x \Recent) {3+}`:                              {Part: plain, Flags: []mail.Flag{mail.Seen, "$x"}},
		`"17-Jul-1996 02:44:25 -0700" {3+}`:                    {Part: plain, Date: at},
		`(x) "17-Jul-1996 02:44:25 -0700" CATENATE (TEXT {3+}`: {Part: plain, Catenate: true, Date: at, Flags: []mail.Flag{"x"}},
	} {
		for _, verb := range []string{"APPEND ", "REPLACE 7 ", "UID REPLACE * "} {
			_, c, err := Read(decoderOf("t "+verb+"&Jjo- "+line+"\r\n", false))
			if err != nil {
				t.Errorf("%s%s: %v", verb, line, err)
				continue
			}
			got := appendOf(c)
			if got.Mailbox != "☺" || !got.Message.Date.Equal(want.Date) {
				t.Errorf("%s%s: %+v", verb, line, got)
			}
			got.Message.Date = want.Date // the same, but for the zone's name
			if len(got.Message.Flags) == 0 {
				got.Message.Flags = nil
			}
			if !reflect.DeepEqual(got.Message, want) {
				t.Errorf("%s%s: got %+v, want %+v", verb, line, got.Message, want)
			}
			if _, again, err := Read(decoderOf("t "+string(c.Append(nil, false))+"\r\n", false)); err != nil ||
				!reflect.DeepEqual(appendOf(again).Message.Part, want.Part) {
				t.Errorf("%s%s is written %q: %v", verb, line, c.Append(nil, false), err)
			}
		}
	}
	for _, verb := range []string{"APPEND", "REPLACE 1"} {
		bad{verb, verb + " a", verb + " a ", verb + " a {3", verb + ` a "x" {3+}` + "\r\nabc", verb + " a x {3+}\r\nabc",
			verb + ` a (\) {3+}` + "\r\nabc", verb + " a (x){3+}\r\nabc", verb + " a {x}", verb + " a ~{3",
			verb + ` a "17-Jul-1996 02:44:25 -0700"{3+}` + "\r\nabc", verb + " a ~~{3+}\r\nabc",
			verb + " a UTF8 ({3+}\r\nabc)", verb + " a UTF8 ~{3+}\r\nabc", verb + " a CATENATE", verb + " a CATENATE ()",
			verb + " a CATENATE (FOO {3+}\r\nabc)", verb + " a CATENATE (URL)", verb + ` a CATENATE (URL "")`,
			verb + " a CATENATE (TEXT abc)", verb + " a CATENATE {3+}\r\nabc", verb + " a CATENATE (UTF8 {3+}\r\nabc)"}.run(t)
	}
}

func appendOf(c Command) *Append {
	if r, ok := c.(*Replace); ok {
		return &r.To
	}
	return c.(*Append)
}

// RFC 8508 section 5.
func TestReplace(t *testing.T) {
	c, err := parse("UID REPLACE 7 a {3+}", false)
	if r, ok := c.(*Replace); err != nil || !ok || !r.UID || !reflect.DeepEqual(r.Set.Ranges, []NumRange{{7, 7}}) {
		t.Errorf("%+v, %v", c, err)
	}
	bad{"REPLACE", "REPLACE a {3+}\r\nabc", "REPLACE 1:2 a {3+}\r\nabc", "REPLACE 1,2 a {3+}\r\nabc", "REPLACE 0 a {3+}\r\nabc",
		"REPLACE $ a {3+}\r\nabc", "UID REPLACE 1", "UID REPLACE x a {3+}\r\nabc"}.run(t)
}

// sayAppend reads a command with its octets, and says what came: octets, <URLs>, "|" between messages.
func sayAppend(d *wire.Decoder) (said string, err error) {
	_, cmd, err := Read(d)
	if err != nil {
		return "", err
	}
	for c := appendOf(cmd); ; {
		if p := c.Message.Part; p.URL != "" {
			said += "<" + p.URL + ">"
		} else {
			r, err := d.Literal()
			if err != nil {
				return said, err
			}
			octets, err := io.ReadAll(r)
			if err != nil {
				return said, err
			}
			said += string(octets)
		}
		next, err := c.Next(d)
		if err != nil || next == AppendEnd {
			return said, err
		}
		if next == AppendMoreMessage {
			said += "|"
		}
	}
}

// RFC 3502 section 6.3.11, RFC 4469 section 5.
func TestAppendNext(t *testing.T) {
	for line, want := range map[string]string{
		"APPEND a {3+}\r\nabc":                                                 "abc",
		"APPEND a {3+}\r\nabc (x) {0+}\r\n":                                    "abc|",
		"APPEND a UTF8 (~{3+}\r\nabc) {1+}\r\nd":                               "abc|d",
		"APPEND a CATENATE (TEXT {3+}\r\nabc)":                                 "abc",
		"APPEND a CATENATE (URL /a)":                                           "</a>",
		"APPEND a CATENATE (URL /a) CATENATE (URL /b) {1+}\r\nx":               "</a>|</b>|x",
		"APPEND a CATENATE (URL {2+}\r\n/a TEXT {1+}\r\nx URL \"/ b\")":        "</a>x</ b>",
		"APPEND a CATENATE (TEXT ~{1+}\r\nx UTF8 (~{1+}\r\ny) TEXT {1+}\r\nz)": "xyz",
		"REPLACE 1 a CATENATE (TEXT {1+}\r\nx URL /b)":                         "x</b>",
	} {
		d := decoderOf("t "+line+"\r\nnext NOOP\r\n", false)
		if got, err := sayAppend(d); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
		if tag, _, err := Read(d); err != nil || tag != "next" {
			t.Errorf("%q: then tag %q, %v", line, tag, err)
		}
	}
}

func TestAppendEndsBadly(t *testing.T) {
	for _, line := range []string{"APPEND a {1+}\r\n!x", "APPEND a {1+}\r\n! x", "APPEND a {1+}\r\n! {3+", "APPEND a {1+}\r\n! (x) {2+}x",
		"APPEND a UTF8 (~{1+}\r\n!", "APPEND a CATENATE (TEXT {1+}\r\n!", "APPEND a CATENATE (TEXT {1+}\r\n! )",
		"APPEND a CATENATE (TEXT {1+}\r\n! FOO)", "APPEND a CATENATE (URL x URL)", "APPEND a CATENATE (URL x) x",
		"APPEND a CATENATE (UTF8 (~{1+}\r\n! TEXT {1+}\r\n!)", "REPLACE 1 a {1+}\r\n! {1+}\r\n!",
		"REPLACE 1 a CATENATE (URL x) CATENATE (URL y)"} {
		d := decoderOf("t "+line+"\r\nnext NOOP\r\n", false)
		if got, err := sayAppend(d); err == nil {
			t.Errorf("%q: taken as %q", line, got)
		}
		if tag, _, err := Read(d); err != nil || tag != "next" {
			t.Errorf("%q: then tag %q, %v", line, tag, err)
		}
	}
	long := "t APPEND a CATENATE (URL " + strings.Repeat("x", 70000) + ")\r\n"
	if got, err := sayAppend(decoderOf(long, false)); err == nil {
		t.Errorf("a URL of %d octets", len(got))
	}
}
