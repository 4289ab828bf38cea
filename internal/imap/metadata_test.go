package imap

import (
	"errors"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// RFC 5464 sections 4.2 and 5.
func TestGetMetadata(t *testing.T) {
	good{
		`GETMETADATA "" /shared/comment`: &GetMetadata{Entries: []string{"/shared/comment"}},
		`GETMETADATA "INBOX" ("/Shared/Comment" {16+}` + "\r\n/private/comment)": &GetMetadata{Mailbox: "INBOX",
			Entries: []string{"/shared/comment", "/private/comment"}},
		`GETMETADATA (MAXSIZE 1024 DEPTH 1) &Jjo- /shared`: &GetMetadata{Mailbox: "☺", Entries: []string{"/shared"},
			Depth: 1, Limited: true, MaxSize: 1024},
		`GETMETADATA (DEPTH infinity) a (/private)`: &GetMetadata{Mailbox: "a", Entries: []string{"/private"},
			Depth: DepthInfinity},
		`GETMETADATA INBOX (maxsize 0) (/shared/vendor)`: &GetMetadata{Mailbox: "INBOX", Limited: true,
			Entries: []string{"/shared/vendor"}},
		`GETMETADATA a ("/Private/*" "/shared/%" "/shared/vendor/*" /shared/a)`: &GetMetadata{Mailbox: "a",
			Entries: []string{"/private/*", "/shared/%", "/shared/vendor/*", "/shared/a"}},
		`GETMETADATA "" "/shared/a/*"`:         &GetMetadata{Entries: []string{"/shared/a/*"}},
		`GETMETADATA (DEPTH 0) a (/private/a)`: &GetMetadata{Mailbox: "a", Entries: []string{"/private/a"}},
	}.run(t)
	bad{"GETMETADATA", "GETMETADATA a", "GETMETADATA a ()", "GETMETADATA a b", "GETMETADATA a /shared/a /shared/b",
		"GETMETADATA a /shared/", "GETMETADATA a /shared//a", "GETMETADATA a (/shared/a*)", `GETMETADATA a "/shared/a*"`, `GETMETADATA a "/*"`, `GETMETADATA a "*"`,
		`GETMETADATA a "/shared/%/a"`, `GETMETADATA a "/shared/*/*"`, `GETMETADATA a "/shared//*"`, `GETMETADATA a "/other/*"`, `GETMETADATA a "/shared/ü"`, "GETMETADATA a /", "GETMETADATA a /other/x",
		"GETMETADATA a (/shared/a", "GETMETADATA () a /shared/a b", "GETMETADATA (FOO) a /shared/a",
		"GETMETADATA (DEPTH 2) a /shared/a", "GETMETADATA (DEPTH) a /shared/a", "GETMETADATA (MAXSIZE) a /shared/a",
		"GETMETADATA (MAXSIZE -1) a /shared/a", "GETMETADATA a (MAXSIZE 1)", "GETMETADATA a (MAXSIZE 1 /shared/a)",
		"GETMETADATA a /shared/" + strings.Repeat("x", 300),
		"GETMETADATA a (" + strings.Repeat("/shared/a ", maxEntries) + "/shared/a)"}.run(t)
}

// RFC 5464 sections 4.3 and 5.
func TestSetMetadata(t *testing.T) {
	good{
		`SETMETADATA INBOX (/private/comment "new")`: &SetMetadata{
			Mailbox: "INBOX", Entries: []mail.Annotation{{Name: "/private/comment", Value: "new"}}},
		`SETMETADATA "" (/Private/Comment NIL /shared/a "")`: &SetMetadata{Entries: []mail.Annotation{
			{Name: "/private/comment", Nil: true}, {Name: "/shared/a"}}},
		"SETMETADATA a (/private/a {4+}\r\na\r\nb /shared/b ~{3+}\r\na\x00b /shared/c {0+}\r\n)": &SetMetadata{Mailbox: "a",
			Entries: []mail.Annotation{{Name: "/private/a", Value: "a\r\nb"}, {Name: "/shared/b", Value: "a\x00b"},
				{Name: "/shared/c"}}},
	}.run(t)
	bad{"SETMETADATA", "SETMETADATA a", "SETMETADATA a ()", "SETMETADATA a /shared/a b", "SETMETADATA a (/shared/a)",
		"SETMETADATA a (/shared/a b)", "SETMETADATA a (/shared NIL)", "SETMETADATA a (/shared/vendor/x NIL)",
		"SETMETADATA a (/shared/a NIL", "SETMETADATA a (/shared/a NIL) x", "SETMETADATA a (/shared/a NIL )",
		`SETMETADATA a ("/shared/*" NIL)`, "SETMETADATA a (/shared/a {3+}\r\na\x00b)",
		"SETMETADATA a (/shared/a ~\"x\")",
		"SETMETADATA a (" + strings.Repeat("/shared/a NIL ", maxEntries) + "/shared/a NIL)",
		"SETMETADATA a (" + strings.Repeat("/shared/a {60000+}\r\n"+strings.Repeat("x", 60000)+" ", 5) + "/shared/a NIL)",
	}.run(t)
}

// Before login less is kept in memory, and nothing is asked for beyond that. RFC 7888 section 6.
func TestSetMetadataBounds(t *testing.T) {
	for _, announced := range []string{"{11}", "{11+}", "~{11}", "~{4+}\r\nabcd /shared/b {7}"} {
		d := wire.NewDecoder(stored{strings.NewReader("t SETMETADATA a (/shared/a " + announced + "\r\n")},
			wire.Options{Limits: wire.Limits{Literal: 10, Literals: 10, Skip: 5}, Continue: func(int64) error {
				t.Errorf("%s: asked for it", announced)
				return nil
			}})
		var se *wire.SyntaxError
		if _, c, err := Read(d); !errors.As(err, &se) || !se.TooBig {
			t.Errorf("%s: %+v, %v", announced, c, err)
		}
	}
}

// A value that is too large is not read. RFC 5464 section 4.3.
func TestSetMetadataTooBig(t *testing.T) {
	d := decoderOf("t SETMETADATA a (/shared/a x{99999+}\r\n", false)
	if _, c, err := Read(d); err == nil {
		t.Errorf("malformed: %+v", c)
	}
	d = decoderOf("t SETMETADATA a (/shared/a {65537+}\r\n"+strings.Repeat("x", 65537)+" /shared/b NIL)\r\nnext NOOP\r\n", false)
	_, c, err := Read(d)
	if err != nil || !c.(*SetMetadata).TooBig {
		t.Fatalf("got %+v, %v", c, err)
	}
	if err := d.Skip(); err != nil {
		t.Fatal(err)
	}
	if tag, _, err := Read(d); err != nil || tag != "next" {
		t.Errorf("afterwards: %s, %v", tag, err)
	}
}

// RFC 5464 section 4.4.
func TestMetadataResponses(t *testing.T) {
	notes := []mail.Annotation{{Name: "/shared/comment", Value: `a "b"`}, {Name: "/private/a", Nil: true},
		{Name: "/private/b c", Value: "x\x00"}, {Name: "/private/d", Value: "ü"}}
	appended{
		{s(AppendMetadata(nil, "INBOX", notes, false)), "* METADATA \"INBOX\" (/shared/comment \"a \\\"b\\\"\" " +
			"/private/a NIL \"/private/b c\" ~{2}\r\nx\x00 /private/d {2}\r\nü)\r\n"},
		{s(AppendMetadata(nil, "☺", notes[3:], true)), "* METADATA \"☺\" (/private/d \"ü\")\r\n"},
		{s(AppendMetadataNames(nil, "", []string{"/shared/a", "/private/b"}, false)), "* METADATA \"\" /shared/a /private/b\r\n"},
		{s(AppendLongEntriesCode(nil, 2199)), "[METADATA LONGENTRIES 2199]"},
	}.run(t)
}
