package imap

import (
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// RFC 9051 sections 6.3.5 to 6.3.8, RFC 3501 section 5.1.3.
func TestMailboxCommands(t *testing.T) {
	good{
		"DELETE blurdybloop": &Delete{"blurdybloop"}, `DELETE "a \"b\""`: &Delete{`a "b"`},
		"DELETE &Jjo-!":      &Delete{"☺!"},
		"RENAME a {1+}\r\nb": &Rename{"a", "b"}, "SUBSCRIBE #news.comp.mail.mime": &Subscribe{"#news.comp.mail.mime"},
		"UNSUBSCRIBE a]": &Unsubscribe{"a]"},
	}.run(t)
	bad{"DELETE", "DELETE ", "DELETE a b", "DELETE &", "DELETE (a)", "RENAME a", "RENAME a ", "RENAME a  b",
		"SUBSCRIBE", "SUBSCRIBE a%", "UNSUBSCRIBE", "DELETE a\x00", "DELETE ü"}.run(t)
	if c, err := parse(`DELETE "grüße&"`, true); err != nil || c.(*Delete).Mailbox != "grüße&" {
		t.Errorf("in UTF-8: %+v, %v", c, err)
	}
}

// RFC 9051 section 6.3.4, RFC 6154 section 3.
func TestCreate(t *testing.T) {
	good{
		"CREATE owatagusiam/": &Create{Mailbox: "owatagusiam/"}, "CREATE a ()": &Create{Mailbox: "a"},
		"CREATE a (USE ())":             &Create{Mailbox: "a"},
		`CREATE a (use (\Drafts \Foo))`: &Create{"a", []mail.SpecialUse{`\Drafts`, `\Foo`}},
	}.run(t)
	bad{"CREATE", "CREATE a (", "CREATE a (FOO x)", "CREATE a (USE)", `CREATE a (USE (Drafts))`,
		`CREATE a (USE \Drafts)`, "CREATE a ",
		`CREATE a (USE (` + strings.Repeat(`\x `, 16) + `\x))`}.run(t)
}

// RFC 2971.
func TestID(t *testing.T) {
	good{
		"ID NIL": &ID{}, "ID ()": &ID{}, `ID ("name" "sodr" "x" NIL)`: &ID{Fields: []IDField{{Name: "name",
			Value: "sodr"}, {Name: "x", Nil: true}}},
	}.run(t)
	bad{"ID", "ID foo", `ID ("a")`, `ID ("a" b)`, `ID (a "b")`, `ID ("a" "b"`, `ID ("` + strings.Repeat("x",
		31) + `" NIL)`, `ID (` + strings.Repeat(`"a" NIL `, 30) + `"a" NIL)`}.run(t)
}

// RFC 9051 sections 6.2.2, 6.2.3 and 6.3.1, RFC 4959.
func TestLogin(t *testing.T) {
	good{
		"LOGIN SMITH SESAME": &Login{"SMITH", "SESAME"}, "LOGIN {2+}\r\na\n {3}\r\n\"\\x": &Login{"a\n", `"\x`},
		`LOGIN a ""`:      &Login{"a", ""},
		`LOGIN a "grüße"`: &Login{"a", "grüße"}, "AUTHENTICATE gssapi": &Authenticate{Mechanism: "GSSAPI"},
		"AUTHENTICATE PLAIN =":    &Authenticate{Mechanism: "PLAIN", HasInitial: true, Initial: []byte{}},
		"AUTHENTICATE PLAIN AGE=": &Authenticate{Mechanism: "PLAIN", HasInitial: true, Initial: []byte("\x00a")},
		"ENABLE CONDSTORE X-foo":  &Enable{[]string{"CONDSTORE", "X-FOO"}},
	}.run(t)
	bad{"LOGIN", "LOGIN a", "LOGIN a b c", "LOGIN {1+}\r\n\x00 b", "LOGIN a {70000+}\r\n" + strings.Repeat("x",
		70000), "LOGIN a {70000}", "AUTHENTICATE", "AUTHENTICATE ",
		"AUTHENTICATE PLAIN ", "AUTHENTICATE PLAIN !", "AUTHENTICATE PLAIN AA", "ENABLE", "ENABLE ", "ENABLE a  b",
		"ENABLE (a)", "ENABLE" + strings.Repeat(" a", 51)}.run(t)
}

// RFC 4978 section 5, RFC 8437 section 6.
func TestCompressAndUnauthenticate(t *testing.T) {
	good{
		"COMPRESS deflate": &Compress{"DEFLATE"}, "COMPRESS X-9": &Compress{"X-9"}, "UNAUTHENTICATE": &Unauthenticate{},
	}.run(t)
	bad{"COMPRESS", "COMPRESS ", "COMPRESS DEFLATE x", "COMPRESS (DEFLATE)", `COMPRESS "DEFLATE"`, "UNAUTHENTICATE ",
		"UNAUTHENTICATE x"}.run(t)
}

// RFC 9051 sections 6.3.2 and 6.3.3, RFC 7162 sections 3.1.8 and 3.2.5.
func TestSelect(t *testing.T) {
	good{
		"SELECT INBOX": &Select{Mailbox: "INBOX"}, "EXAMINE a": &Select{Examine: true, Mailbox: "a"},
		"SELECT a (CONDSTORE)": &Select{Mailbox: "a", CondStore: true},
		"SELECT a (QRESYNC (1 2))": &Select{Mailbox: "a", QResync: &QResync{UIDValidity: 1,
			ModSeq: 2}},
		"SELECT a (QRESYNC (1 2 41,43:211))": &Select{Mailbox: "a", QResync: &QResync{UIDValidity: 1,
			ModSeq: 2, Known: mail.UIDSet{{Start: 41, Stop: 41}, {Start: 43, Stop: 211}}}},
		"SELECT a (QRESYNC (1 2 (5,7 15,22)))": &Select{Mailbox: "a", QResync: &QResync{UIDValidity: 1,
			ModSeq: 2, MatchSeqs: mail.SetOf(5, 7), MatchUIDs: mail.SetOf(15, 22)}},
		"SELECT a (QRESYNC (1 2 1:5 (1:2 7:8)) CONDSTORE)": &Select{Mailbox: "a", CondStore: true,
			QResync: &QResync{UIDValidity: 1, ModSeq: 2, Known: mail.SetOf(1, 2, 3, 4, 5), MatchSeqs: mail.SetOf(1,
				2), MatchUIDs: mail.SetOf(7, 8)}},
	}.run(t)
	bad{"SELECT", "SELECT a (FOO)", "SELECT a (QRESYNC)", "SELECT a (QRESYNC (1))", "SELECT a (QRESYNC (0 1))",
		"SELECT a (QRESYNC (1 0))", "SELECT a (QRESYNC (1 2 *))", "SELECT a (QRESYNC (1 2 $))",
		"SELECT a (QRESYNC (1 2 1:*))", "SELECT a (QRESYNC (1 2 (1,2 3)))", "SELECT a (QRESYNC (1 2 1 (1 1) 3))",
		"SELECT a (QRESYNC (1 2) QRESYNC (1 2))", "SELECT a CONDSTORE",
		"SELECT a (QRESYNC (1 2 ))", "SELECT a (QRESYNC (1 2 1 ))", "SELECT a (QRESYNC (1 2 1 x))",
		"SELECT a (QRESYNC (1 9223372036854775808))"}.run(t)
}

// RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154.
func TestList(t *testing.T) {
	good{
		`LIST "" ""`:         &List{Patterns: []string{""}},
		`LIST /usr/staff/ %`: &List{Reference: "/usr/staff/", Patterns: []string{"%"}},
		`LIST () "" (a)`:     &List{Extended: true, Patterns: []string{"a"}},
		`LIST (SUBSCRIBED) "" "*"`: &List{Extended: true, Select: ListSubscribed,
			Patterns: []string{"*"}},
		`LIST (REMOTE SPECIAL-USE) "" *`: &List{Extended: true, Select: ListRemote | ListSpecialUse,
			Patterns: []string{"*"}},
		`LIST (SUBSCRIBED RECURSIVEMATCH) "" ("%" a)`: &List{Extended: true,
			Select: ListSubscribed | ListRecursiveMatch, Patterns: []string{"%", "a"}},
		`LIST "" % RETURN ()`: &List{Extended: true, Patterns: []string{"%"}},
		`LIST "" % RETURN (CHILDREN SUBSCRIBED SPECIAL-USE STATUS (MESSAGES SIZE))`: &List{Extended: true,
			Patterns: []string{"%"},
			Return:   ListChildren | ListSubscribed | ListSpecialUse | ListStatus, Status: StatusMessages | StatusSize},
		`LIST "" % RETURN (METADATA ("/Shared/comment" /private/comment) CHILDREN)`: &List{Extended: true,
			Patterns: []string{"%"}, Return: ListChildren | ListMetadata,
			Metadata: []string{"/shared/comment", "/private/comment"}},
		`LIST "" % RETURN (METADATA /shared/comment)`: &List{Extended: true, Patterns: []string{"%"},
			Return: ListMetadata, Metadata: []string{"/shared/comment"}},
		`LSUB "" &Jjo-*`: &LSub{"", "☺*"},
	}.run(t)
	bad{"LIST", `LIST ""`, `LIST "" `, `LIST "" ()`, `LIST "" (a`, `LIST (FOO) "" %`, `LIST (RECURSIVEMATCH) "" %`,
		`LIST (RECURSIVEMATCH REMOTE) "" %`, `LIST (RECURSIVEMATCH SPECIAL-USE) "" %`, `LIST (CHILDREN) "" %`,
		`LIST "" % FOO`, `LIST "" % RETURN`, `LIST "" % RETURN (REMOTE)`, `LIST "" % RETURN (STATUS)`,
		`LIST "" % RETURN (STATUS ())`, `LIST "" % RETURN (METADATA)`, `LIST "" % RETURN (METADATA ())`,
		`LIST "" % RETURN (METADATA (comment))`, `LIST "" % (CHILDREN)`,
		`LIST () ()`, `LIST (SUBSCRIBED)"" %`, `LSUB ""`, `LSUB`, `LIST "" (` + strings.Repeat("a ",
			100) + `a)`}.run(t)
}

// RFC 9051 section 6.3.11, RFC 8438, RFC 7162, RFC 8474, RFC 7889.
func TestStatus(t *testing.T) {
	good{
		"STATUS a (UIDNEXT MESSAGES)": &Status{"a", StatusUIDNext | StatusMessages},
		"STATUS a (RECENT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT DELETED-STORAGE)": &Status{"a",
			StatusRecent |
				StatusUIDValidity | StatusUnseen | StatusDeleted | StatusSize | StatusHighestModSeq | StatusMailboxID | StatusAppendLimit | StatusDeletedStorage},
	}.run(t)
	bad{"STATUS", "STATUS a", "STATUS a ()", "STATUS a MESSAGES", "STATUS a (FOO)", "STATUS a (MESSAGES",
		"STATUS a (MESSAGES) x"}.run(t)
}

func item(a FetchAttr) FetchItem { return FetchItem{Attr: a} }

// RFC 9051 section 6.4.5, RFC 7162 sections 3.1.4 and 3.2.6, RFC 3516, RFC 8474, RFC 8514.
func TestFetch(t *testing.T) {
	one := NumSet{Ranges: []NumRange{{1, 1}}}
	section := func(s message.Section) *Fetch {
		return &Fetch{Set: one, Items: []FetchItem{{Attr: FetchSection, Section: s}}}
	}
	fast := []FetchItem{item(FetchFlags), item(FetchInternalDate), item(FetchSize)}
	good{
		"FETCH 1 FAST": &Fetch{Set: one, Items: fast}, "FETCH 1 all": &Fetch{Set: one, Items: append(fast[:3:3],
			item(FetchEnvelope))},
		"FETCH 1 FULL":           &Fetch{Set: one, Items: append(fast[:3:3], item(FetchEnvelope), item(FetchBody))},
		"FETCH 1 FLAGS":          &Fetch{Set: one, Items: []FetchItem{item(FetchFlags)}},
		"FETCH 1 (UID uid BODY)": &Fetch{Set: one, Items: []FetchItem{item(FetchUID), item(FetchBody)}},
		"FETCH 1 (BODYSTRUCTURE MODSEQ EMAILID THREADID SAVEDATE RFC822 RFC822.HEADER RFC822.TEXT)": &Fetch{Set: one,
			Items: []FetchItem{item(FetchBodyStructure),
				item(FetchModSeq), item(FetchEmailID), item(FetchThreadID), item(FetchSaveDate), item(FetchRFC822),
				item(FetchRFC822Header), item(FetchRFC822Text)}},
		"FETCH 1 BODY[]":     section(message.Section{}),
		"FETCH 1 BODY[TEXT]": section(message.Section{What: message.Text}),
		"FETCH 1 BODY[1.23.MIME]": section(message.Section{Path: []int{1, 23},
			What: message.MIME}),
		"FETCH 1 BODY[2.HEADER]": section(message.Section{Path: []int{2},
			What: message.Header}),
		"FETCH 1 BODY[7]": section(message.Section{Path: []int{7}}),
		"FETCH 1 BODY[header.fields (DATE \"fr om\")]": section(message.Section{What: message.HeaderFields,
			Fields: []string{"DATE", "fr om"}}),
		"FETCH 1 BODY[1.HEADER.FIELDS.NOT (DATE)]": section(message.Section{Path: []int{1},
			What: message.HeaderFieldsNot, Fields: []string{"DATE"}}),
		"FETCH 1 BODY.PEEK[]<0.2048>": &Fetch{Set: one, Items: []FetchItem{{Attr: FetchSection,
			Peek: true, Partial: true, Length: 2048}}},
		"FETCH 1 (BINARY[1.2]<5.6> BINARY.PEEK[] BINARY.SIZE[1])": &Fetch{Set: one, Items: []FetchItem{
			{Attr: FetchBinary, Section: message.Section{Path: []int{1, 2}}, Partial: true, Offset: 5, Length: 6},
			{Attr: FetchBinary, Peek: true},
			{Attr: FetchBinarySize, Section: message.Section{Path: []int{1}}}}},
		"UID FETCH 300:500,* (FLAGS) (CHANGEDSINCE 12345 VANISHED)": &Fetch{UID: true,
			Set:   NumSet{Ranges: []NumRange{{300, 500}, {Star, Star}}},
			Items: []FetchItem{item(FetchFlags)}, ChangedSince: 12345, Vanished: true},
		"FETCH $ FLAGS (CHANGEDSINCE 1)": &Fetch{Set: NumSet{Saved: true}, Items: []FetchItem{item(FetchFlags)},
			ChangedSince: 1},
		"FETCH 1 PREVIEW":        &Fetch{Set: one, Items: []FetchItem{item(FetchPreview)}}, // RFC 8970 section 6
		"FETCH 1 PREVIEW (lazy)": &Fetch{Set: one, Items: []FetchItem{{Attr: FetchPreview, Lazy: true}}},
		"FETCH 1 (PREVIEW (LAZY LAZY) UID)": &Fetch{Set: one, Items: []FetchItem{{Attr: FetchPreview, Lazy: true},
			item(FetchUID)}},
		"FETCH 1 PREVIEW (CHANGEDSINCE 1)": &Fetch{Set: one, Items: []FetchItem{item(FetchPreview)}, ChangedSince: 1},
		"FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 1)": &Fetch{Set: one, Items: []FetchItem{{Attr: FetchPreview,
			Lazy: true}}, ChangedSince: 1},
	}.run(t)
	bad{"FETCH 1 (PREVIEW ())", "FETCH 1 (PREVIEW (FOO))", "FETCH 1 PREVIEW (LAZY FOO)", "FETCH 1 PREVIEW (LAZY",
		"FETCH 1 PREVIEW LAZY", "FETCH 1 FLAGS (LAZY)", "FETCH 1 (PREVIEW (LAZYX))", "FETCH 1 PREVIEW[1]",
		"FETCH 1 PREVIEW (LAZY) (LAZY)"}.run(t)
	bad{"FETCH", "FETCH 1", "FETCH 1 ", "FETCH 1 ()", "FETCH 0 FLAGS", "FETCH 1, FLAGS", "FETCH 1: FLAGS",
		"FETCH 1:2:3 FLAGS", "FETCH x FLAGS", "FETCH 1 FOO", "FETCH 1 (FAST)", "FETCH 1 (FLAGS",
		"FETCH 1 BODY[", "FETCH 1 BODY[0]", "FETCH 1 BODY[1.]", "FETCH 1 BODY[.1]", "FETCH 1 BODY[MIME]",
		"FETCH 1 BODY[FOO]", "FETCH 1 BODY[1TEXT]", "FETCH 1 BODY[HEADER.FIELDS]",
		"FETCH 1 BODY[HEADER.FIELDS ()]", "FETCH 1 BODY[]<0>", "FETCH 1 BODY[]<0.0>", "FETCH 1 BODY[]<-1.5>",
		"FETCH 1 BODY[]<1.2", "FETCH 1 BINARY", "FETCH 1 BINARY[TEXT]", "FETCH 1 BINARY[1.]",
		"FETCH 1 BINARY.SIZE[1]<0.1>", "FETCH 1 FLAGS[1]", "FETCH 1 BODY.PEEK", "FETCH 1 FLAGS (VANISHED)",
		"UID FETCH 1 FLAGS (VANISHED)", "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
		"FETCH 1 FLAGS (CHANGEDSINCE 0)", "FETCH 1 FLAGS (FOO)", "FETCH 1 FLAGS CHANGEDSINCE 1",
		"FETCH 4294967296 FLAGS", "FETCH 1 BODY[HEADER.FIELDS (\"\")]", "FETCH $1 FLAGS",
		"FETCH 1 BODY[" + strings.Repeat("1.", 100) + "1]", "FETCH 1 (" + strings.Repeat("BODY[] ", 200) + "BODY[])",
		"FETCH 1 BODY[4294967295]",
		"FETCH " + strings.Repeat("1,", 10000) + "1 FLAGS"}.run(t)
}

func TestFetchItemName(t *testing.T) {
	for in, want := range map[string]string{
		"FLAGS": "FLAGS", "RFC822.SIZE": "RFC822.SIZE", "BODY.PEEK[]": "BODY[]",
		"BODY[1.TEXT]<5.10>": "BODY[1.TEXT]<5>", "BINARY.PEEK[1]<0.1>": "BINARY[1]<0>",
		"BINARY.SIZE[1]": "BINARY.SIZE[1]", "BODY[HEADER.FIELDS (date From)]": "BODY[HEADER.FIELDS (date From)]",
	} {
		c, err := parse("FETCH 1 "+in, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(c.(*Fetch).Items[0].AppendName(nil)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// RFC 9051 section 6.4.6, RFC 7162 section 3.1.3.
func TestStore(t *testing.T) {
	one := NumSet{Ranges: []NumRange{{1, 1}}}
	good{
		`STORE 1 FLAGS ()`: &Store{Set: one},
		`STORE 1 +FLAGS (\deleted $X)`: &Store{Set: one, Op: mail.AddFlags,
			Flags: []mail.Flag{mail.Deleted, "$X"}},
		`UID STORE 1 -flags.silent a b`: &Store{UID: true, Set: one, Op: mail.RemoveFlags,
			Silent: true, Flags: []mail.Flag{"a", "b"}},
		`STORE 1 (UNCHANGEDSINCE 0) FLAGS (\Foo \Recent)`: &Store{Set: one, Conditional: true,
			Flags: []mail.Flag{`\Foo`}},
		`STORE $ (UNCHANGEDSINCE 320162338) FLAGS.SILENT a`: &Store{Set: NumSet{Saved: true}, Conditional: true,
			UnchangedSince: 320162338, Silent: true, Flags: []mail.Flag{"a"}},
	}.run(t)
	bad{"STORE", "STORE 1", "STORE 1 FLAGS", "STORE 1 FLAGS ", `STORE 1 FLAGS (\)`, "STORE 1 FLAGS a ",
		"STORE 1 FLAGS (a", "STORE 1 *FLAGS a", "STORE 1 FOO a", "STORE 1 + FLAGS a", "STORE 1 () x",
		"STORE 1 (FOO 1) FLAGS a", "STORE 1 (UNCHANGEDSINCE) FLAGS a",
		"STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS a", "STORE 1 (UNCHANGEDSINCE 1)FLAGS a",
		`STORE 1 FLAGS (\*)`,
		"STORE 1 FLAGS " + strings.Repeat("x", 256), "STORE 1 FLAGS" + strings.Repeat(" x", 201),
		"STORE 1 FLAGS (a) b"}.run(t)
}

// RFC 9051 sections 6.4.3, 6.4.7, 6.4.8 and 6.4.9.
func TestCopyMoveExpunge(t *testing.T) {
	set := NumSet{Ranges: []NumRange{{4, 2}, {Star, 7}}}
	good{
		"COPY 4:2,*:7 a": &Copy{Set: set, Mailbox: "a"}, "UID COPY 4:2,*:7 a": &Copy{true, set, "a"},
		"MOVE 4:2,*:7 a":     &Move{Set: set, Mailbox: "a"},
		"UID MOVE 4:2,*:7 a": &Move{true, set, "a"}, "UID EXPUNGE 4:2,*:7": &Expunge{true, set},
		"UID EXPUNGE $": &Expunge{true, NumSet{Saved: true}},
	}.run(t)
	bad{"COPY", "COPY 1", "COPY a 1", "COPY 1 a b", "MOVE 1", "MOVE 0 a", "UID COPY 1", "UID MOVE 1", "EXPUNGE 1",
		"UID EXPUNGE", "UID EXPUNGE x", "UID EXPUNGE 1 2"}.run(t)
}
