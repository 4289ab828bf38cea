package imap

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// input is a client that sends text and is never waited for.
type input struct{ *strings.Reader }

func (input) Wait() error { return nil }

func decoderOf(text string, utf8 bool) *wire.Decoder {
	d := wire.NewDecoder(input{strings.NewReader(text)}, wire.Options{Continue: func(int64) error { return nil }})
	d.SetUTF8(utf8)
	return d
}

// parse reads one command without tag.
func parse(line string, utf8 bool) (Command, error) {
	_, c, err := Read(decoderOf("t "+line+"\r\n", utf8))
	return c, err
}

// good is a table of commands and what they mean.
type good map[string]Command

func (g good) run(t *testing.T) {
	t.Helper()
	for line, want := range g {
		got, err := parse(line, false)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", line, got, err, want)
			continue
		}
		back := string(got.Append(nil, false))
		if again, err := parse(back, false); err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%q is written %q, which is %+v, %v", line, back, again, err)
		}
	}
}

// bad is a list of commands that are refused.
type bad []string

func (b bad) run(t *testing.T) {
	t.Helper()
	for _, line := range b {
		d := decoderOf("t "+line+"\r\nnext NOOP\r\n", false)
		tag, c, err := Read(d)
		var se *wire.SyntaxError
		if !errors.As(err, &se) || c != nil || tag != "t" {
			t.Errorf("%q: got %+v, tag %q, %v", line, c, tag, err)
		}
		if tag, c, err = Read(d); err != nil || tag != "next" || c.Verb() != "NOOP" {
			t.Errorf("%q: then %+v, tag %q, %v", line, c, tag, err)
		}
	}
}

// RFC 9051 sections 6.1 to 6.4: the commands without arguments.
func TestSimple(t *testing.T) {
	good{
		"capability": &Capability{}, "NOOP": &Noop{}, "Logout": &Logout{}, "STARTTLS": &StartTLS{},
		"NAMESPACE": &Namespace{}, "IDLE": &Idle{},
		"CHECK": &Check{}, "CLOSE": &Close{}, "UNSELECT": &Unselect{}, "EXPUNGE": &Expunge{},
	}.run(t)
	bad{"NOOP ", "NOOP x", "NOOPS", "X", "", " ", "(", "UID", "UID ", "UID NOOP", "UID FETCH", "FOO BAR {3+}\r\nabc",
		"NOOP {5}"}.run(t)
}

func TestReadTags(t *testing.T) {
	for in, want := range map[string]string{"a NOOP\r\n": "a", "\r\n": "", "+ NOOP\r\n": "", "a\r\n": "a", "\n": "",
		"a b {1}\r\n": "a"} {
		tag, c, err := Read(decoderOf(in, false))
		if tag != want || (err == nil) != (c != nil) {
			t.Errorf("%q: tag %q, %+v, %v", in, tag, c, err)
		}
	}
	if _, _, err := Read(decoderOf("", false)); err != io.EOF {
		t.Errorf("nothing more: %v", err)
	}
	if _, _, err := Read(decoderOf("a NOOP", false)); err != io.ErrUnexpectedEOF {
		t.Errorf("cut: %v", err)
	}
	if _, _, err := Read(decoderOf("a ! {5+}\r\nab", false)); err != io.ErrUnexpectedEOF {
		t.Errorf("cut while it is passed over: %v", err)
	}
}

// RFC 9051 section 6.3.13.
func TestReadDone(t *testing.T) {
	for in, want := range map[string]bool{"DONE\r\n": true, "done\r\n": true, "a NOOP\r\n": false,
		"DONE x\r\n": false, "\r\n": false} {
		if err := ReadDone(decoderOf(in, false)); (err == nil) != want {
			t.Errorf("%q: %v", in, err)
		}
	}
	if err := ReadDone(decoderOf("", false)); err != io.EOF {
		t.Errorf("cut: %v", err)
	}
}

// RFC 9051 section 6.2.2.
func TestReadAnswer(t *testing.T) {
	for _, c := range []struct {
		in, answer string
		cancelled  bool
		bad        bool
	}{
		{in: "YWJj\r\n", answer: "abc"}, {in: "\r\n"}, {in: "*\r\n", cancelled: true}, {in: "a!\r\n", bad: true},
		{in: "YWJj x\r\n", bad: true}, {in: "** \r\n", bad: true},
	} {
		answer, cancelled, err := ReadAnswer(decoderOf(c.in, false))
		if string(answer) != c.answer || cancelled != c.cancelled || (err != nil) != c.bad {
			t.Errorf("%q: %q, %v, %v", c.in, answer, cancelled, err)
		}
	}
	if _, _, err := ReadAnswer(decoderOf("", false)); err != io.EOF {
		t.Errorf("cut: %v", err)
	}
}

// seeds are commands of every kind, from the RFCs.
var seeds = []string{
	"SORT (SUBJECT REVERSE DATE DISPLAYFROM) UTF-8 SINCE 1-Feb-1994", `UID SORT RETURN (PARTIAL -1:-5 COUNT) (REVERSE SIZE) "US-ASCII" ALL`,
	`CANCELUPDATE "B01" "B02"`, "SEARCH RETURN (CONTEXT UPDATE) ALL", "SEARCH RETURN (UPDATE (UID BODY[])) ALL", "COMPARATOR \"cz;*\" i;basic", "THREAD REFERENCES UTF-8 SINCE 5-MAR-2000", "UID THREAD ORDEREDSUBJECT US-ASCII TEXT gewp", "UID FETCH 1:* FLAGS (PARTIAL 1:5 CHANGEDSINCE 7)",
	"NOOP", "UID EXPUNGE 3000:3002", `ID ("name" "sodr" "version" NIL)`, "ID NIL", "AUTHENTICATE PLAIN =",
	"AUTHENTICATE PLAIN dGVzdA==",
	`LOGIN SMITH "SESAME"`, "LOGIN {4+}\r\nFRED \"x y\"", "ENABLE CONDSTORE IMAP4rev2", "SELECT INBOX (CONDSTORE)",
	"EXAMINE &U,BTFw-",
	"SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541 (5000,7500 15000,22500)))",
	`CREATE "New Arch" (USE (\Archive))`, "RENAME blurdybloop sarasoop",
	`LIST (SUBSCRIBED RECURSIVEMATCH) "" ("INBOX" "Drafts/%") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))`,
	`LSUB "#news." "comp.mail.*"`, "STATUS blurdybloop (UIDNEXT MESSAGES)",
	`APPEND saved (\Seen $x) "17-Jul-1996 02:44:25 -0700" ~{10+}`,
	"FETCH 2:4 (FLAGS BODY.PEEK[1.2.HEADER.FIELDS.NOT (DATE FROM)]<10.20>)",
	"UID FETCH 1:* FULL (CHANGEDSINCE 12345 VANISHED)",
	"FETCH 1 BINARY.PEEK[1.2]<0.5>", "FETCH 1 BINARY.SIZE[3]", "FETCH 1 RFC822.TEXT", "FETCH $ BODY[4.MIME]",
	`STORE 2:4 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\Deleted a)`, "STORE * -FLAGS x y",
	"COPY 2:4 MEETING", "UID MOVE 42:69,*:3 foo",
	`SEARCH RETURN (MIN COUNT SAVE) CHARSET utf-8 OR (FROM "Smith" NEW) NOT UNKEYWORD x $`,
	"UID SEARCH UNSEEN 1:5 UID 7 SINCE 1-Feb-1994 LARGER 5", "UID SEARCH UIDAFTER 7 OR UIDBEFORE 9 ALL",
	`SEARCH MODSEQ "/flags/\\draft" all 620162338 SAVEDBEFORE "1-Feb-1994" OLDER 3 EMAILID M1 HEADER X ""`,
	"SETACL INBOX/a bob +lrc", "DELETEACL INBOX -bob", "GETACL INBOX", "LISTRIGHTS INBOX anyone", "MYRIGHTS INBOX",
	`GETQUOTA ""`, "GETQUOTAROOT INBOX", "SETQUOTA user/alice (STORAGE 510 MESSAGE 9)",
	`GETMETADATA (MAXSIZE 1024 DEPTH infinity) INBOX (/shared/comment /private)`, `GETMETADATA "" /shared/admin`,
	"SETMETADATA INBOX (/private/comment {33+}\r\nMy new comment across\r\ntwo lines. /shared/comment NIL)",
	"SETMETADATA INBOX (/private/comment {3300000000}", "SETMETADATA INBOX (/private/comment ~{3+}\r\na\x00b)", `LIST "" % RETURN (METADATA (/shared/comment))`,
	"NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (FROM)]) MessageExpunge)) (subtree Lists NONE)",
	"NOTIFY NONE", "NOTIFY SET (mailboxes (INBOX a) (MailboxName SubscriptionChange X-foo)) (inboxes (ServerMetadataChange))",
	"ESEARCH IN (mailboxes \"folder1\" subtree-one (folder2 x)) RETURN (COUNT) unseen", "ESEARCH IN (selected personal) FROM x",
	"SEARCH FILTER on-the-road NOT (FILTER x ALL)",
	`SEARCH RETURN (RELEVANCY ALL) FUZZY (SUBJECT "IMAP break" FROM x) SEEN`, "SORT RETURN (RELEVANCY) (RELEVANCY) UTF-8 FUZZY NOT FUZZY TEXT Helo",
	"SEARCH TEXT {6+}\r\nab\r\ncd",
	"FETCH 1 (PREVIEW (LAZY) UID)", "UIDBATCHES 500 1:2", `REPLACE 4 a (\Seen) {3+}`,
	`UID REPLACE * a CATENATE (URL "/;UID=1" TEXT {1+}`, "APPEND a UTF8 (~{3+}", "APPEND a CATENATE (TEXT ~{3}",
}

func FuzzCommand(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, line string,
		utf8 bool) { // refusing a line is fine; crashing, hanging or changing it is not
		c, err := parse(line, utf8)
		if cut, ok := c.(*SetMetadata); err != nil || ok && cut.TooBig {
			return
		}
		back := string(c.Append(nil, utf8))
		if again, err := parse(back, utf8); err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%q\n is %+v,\n written %q,\n read again as %+v, %v", line, c, back, again, err)
		}
	})
}

func TestSeedsAreGood(t *testing.T) {
	for _, s := range seeds {
		if _, err := parse(s, false); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, s := range []string{"NOOP", "UID FETCH 1:* (FLAGS UID BODY.PEEK[HEADER.FIELDS (DATE FROM)])",
		`STORE 2:4 +FLAGS.SILENT (\Deleted)`, "LOGIN smith sesame"} {
		name, _, _ := strings.Cut(s, " ")
		b.Run(name, func(b *testing.B) {
			r := strings.NewReader("")
			d := wire.NewDecoder(input{r}, wire.Options{})
			line := "a1 " + s + "\r\n"
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(line)
				if _, _, err := Read(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
