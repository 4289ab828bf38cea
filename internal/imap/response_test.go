package imap

import (
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// appended is a table of what a response function appends and what it should have been.
type appended [][2]string

func (a appended) run(t *testing.T) {
	t.Helper()
	for _, c := range a {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}

// s1 makes a string of what an append function made.
func s(b []byte) string { return string(b) }

// RFC 9051 section 7.1.
func TestStatusResponses(t *testing.T) {
	set := mail.SetOf(3, 4, 5, 9)
	appended{
		{s(AppendCond(nil, "a1", OK, "", "done")), "a1 OK done\r\n"},
		{s(AppendCond(nil, Untagged, BYE, CodeUnavailable, "later")), "* BYE [UNAVAILABLE] later\r\n"},
		{s(AppendText(AppendNumberCode(AppendCondStart(nil, Untagged, OK), CodeUIDNext, 4392), "next")),
			"* OK [UIDNEXT 4392] next\r\n"},
		{s(AppendModifiedCode(nil, set)), "[MODIFIED 3:5,9]"},
		{s(AppendInProgressCode(nil, "a1", 454, 1000)), `[INPROGRESS ("a1" 454 1000)]`},
		{s(AppendInProgressCode(nil, "a1", 0, 0)), `[INPROGRESS ("a1" NIL NIL)]`},
		{s(AppendInProgressCode(nil, "a]", 0, 7)), `[INPROGRESS (NIL 0 7)]`},
		{string(MessageLimitCode(1000, 23007)), "MESSAGELIMIT 1000 23007"},
		{string(MessageLimitCode(1000, 0)), "MESSAGELIMIT 1000"},
		{s(AppendMailboxIDCode(nil, "F1-2")), "[MAILBOXID (F1-2)]"},
		{s(AppendBadCharsetCode(nil, "US-ASCII", "UTF-8")), "[BADCHARSET (US-ASCII UTF-8)]"},
		{s(AppendAppendUIDCode(nil, 7, set)), "[APPENDUID 7 3:5,9]"},
		{s(AppendCopyUIDCode(nil, 7, mail.SetOf(1, 2), mail.SetOf(8, 9))), "[COPYUID 7 1:2 8:9]"},
		{s(AppendPermanentFlagsCode(nil, []mail.Flag{mail.Seen, "x"}, true)), `[PERMANENTFLAGS (\Seen x \*)]`},
		{s(AppendPermanentFlagsCode(nil, nil, true)), `[PERMANENTFLAGS (\*)]`},
		{s(AppendPermanentFlagsCode(nil, nil, false)), "[PERMANENTFLAGS ()]"},
		{s(AppendCapabilityCode(nil, []string{"IMAP4rev1", "IDLE"})), "[CAPABILITY IMAP4rev1 IDLE]"},
		{s(AppendContinue(nil, "go on")), "+ go on\r\n"},
	}.run(t)
}

// RFC 9051 sections 7.2 to 7.5.
func TestUntaggedResponses(t *testing.T) {
	appended{
		{s(AppendCapability(nil, []string{"IMAP4rev1"})), "* CAPABILITY IMAP4rev1\r\n"},
		{s(AppendEnabled(nil, []string{"QRESYNC"})), "* ENABLED QRESYNC\r\n"},
		{s(AppendEnabled(nil, nil)), "* ENABLED\r\n"},
		{s(AppendExists(nil, 23)), "* 23 EXISTS\r\n"},
		{s(AppendRecent(nil, 5)), "* 5 RECENT\r\n"},
		{s(AppendExpunge(nil, 44)), "* 44 EXPUNGE\r\n"},
		{s(AppendVanished(nil, mail.SetOf(41, 43, 44), true)), "* VANISHED (EARLIER) 41,43:44\r\n"},
		{s(AppendVanished(nil, mail.SetOf(405), false)), "* VANISHED 405\r\n"},
		{s(AppendFlagsResponse(nil, []mail.Flag{mail.Answered, mail.Draft})), "* FLAGS (\\Answered \\Draft)\r\n"},
		{s(AppendNamespace(nil, nil, nil, false)), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"},
		{s(AppendNamespace(nil, []string{"Other Users/", "user/"}, []string{"☺/"}, false)),
			"* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")(\"user/\" \"/\")) ((\"&Jjo-/\" \"/\"))\r\n"},
		{s(AppendID(nil, nil)), "* ID NIL\r\n"},
		{s(AppendID(nil, []IDField{{Name: "name", Value: "Constance"}, {Name: "version", Nil: true}})),
			"* ID (\"name\" \"Constance\" \"version\" NIL)\r\n"},
		{s(AppendString(nil, "ü", true)), `"ü"`},
		{s(AppendMailbox(nil, "台北", false)), `"&U,BTFw-"`},
		{s(AppendMailbox(nil, "台北", true)), `"台北"`},
		{s(AppendMailbox(nil, `a"b`, false)), `"a\"b"`},
	}.run(t)
}

// RFC 9051 section 7.3.1, RFC 5258, RFC 6154.
func TestListResponses(t *testing.T) {
	appended{
		{s(AppendList(nil, &ListData{Root: true, Attrs: AttrNoSelect}, false)), "* LIST (\\Noselect) \"/\" \"\"\r\n"},
		{s(AppendList(nil, &ListData{Name: "a"}, false)), "* LIST () \"/\" \"a\"\r\n"},
		{s(AppendList(nil, &ListData{Name: "Gesendet", Attrs: AttrHasNoChildren | AttrSubscribed,
			Uses: []mail.SpecialUse{mail.UseSent}}, false)),
			"* LIST (\\HasNoChildren \\Subscribed \\Sent) \"/\" \"Gesendet\"\r\n"},
		{s(AppendList(nil, &ListData{Name: "Foo", Attrs: AttrNonExistent | AttrHasChildren, ChildInfo: true}, false)),
			"* LIST (\\NonExistent \\HasChildren) \"/\" \"Foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"},
		{s(AppendList(nil, &ListData{Name: "ü", OldName: "ä"}, true)),
			"* LIST () \"/\" \"ü\" (\"OLDNAME\" (\"ä\"))\r\n"},
		{s(AppendList(nil, &ListData{Name: "b", OldName: "a", ChildInfo: true}, false)),
			"* LIST () \"/\" \"b\" (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"a\"))\r\n"},
		{s(AppendLSub(nil, &ListData{Name: "a", Attrs: AttrNoSelect}, false)), "* LSUB (\\Noselect) \"/\" \"a\"\r\n"},
	}.run(t)
}

// RFC 9051 section 7.3.2.
func TestStatusResponse(t *testing.T) {
	m := &mail.Mailbox{Messages: 1, UIDNext: 2, UIDValidity: 3, Unseen: 4, Deleted: 5, Size: 6, HighestMod: 7}
	d := &StatusData{Mailbox: m, Recent: 8, MailboxID: "F1", AppendLimit: 9}
	appended{
		{s(AppendStatus(nil, "blurdybloop", StatusMessages|StatusUIDNext, d, false)),
			"* STATUS \"blurdybloop\" (MESSAGES 1 UIDNEXT 2)\r\n"},
		{s(AppendStatus(nil, "a", StatusDeletedStorage<<1-1, d, false)),
			"* STATUS \"a\" (MESSAGES 1 RECENT 8 UIDNEXT 2 UIDVALIDITY 3 UNSEEN 4 DELETED 5 SIZE 6 HIGHESTMODSEQ 7 MAILBOXID (F1) APPENDLIMIT 9 DELETED-STORAGE 0)\r\n"},
		{s(AppendStatus(nil, "a", StatusAppendLimit, &StatusData{Mailbox: m}, false)),
			"* STATUS \"a\" (APPENDLIMIT NIL)\r\n"},
		{s(AppendStatus(nil, "a", StatusDeletedStorage, &StatusData{Mailbox: m, Deleted: 8}, false)),
			"* STATUS \"a\" (DELETED-STORAGE 8)\r\n"},
	}.run(t)
}

// RFC 9051 section 7.3.4, RFC 3501 section 7.2.5, RFC 7162 section 3.1.5.
func TestSearchResponses(t *testing.T) {
	set := mail.SetOf(2, 3, 6, 4294967295)
	all := ReturnMin | ReturnMax | ReturnAll | ReturnCount
	appended{
		{s(AppendSearch(nil, set, 0)), "* SEARCH 2 3 6 4294967295\r\n"},
		{s(AppendSearch(nil, nil, 5)), "* SEARCH\r\n"},
		{s(AppendSearch(nil, mail.SetOf(2), 917162500)), "* SEARCH 2 (MODSEQ 917162500)\r\n"},
		{s(AppendESearch(nil, &ESearchData{Tag: `A"1`, Return: all, Set: set})),
			"* ESEARCH (TAG \"A\\\"1\") MIN 2 MAX 4294967295 ALL 2:3,6,4294967295 COUNT 4\r\n"},
		{s(AppendESearch(nil, &ESearchData{Tag: "A", UID: true, Return: all, ModSeq: 3})),
			"* ESEARCH (TAG \"A\") UID COUNT 0\r\n"},
		{s(AppendESearch(nil, &ESearchData{Tag: "A", UID: true, Return: ReturnMin, Set: set, ModSeq: 3})),
			"* ESEARCH (TAG \"A\") UID MIN 2 MODSEQ 3\r\n"},
	}.run(t)
}

// RFC 9051 section 7.5.2.
func TestFetchResponse(t *testing.T) {
	keywords := []mail.Flag{"$a", "", "$c"}
	appended{
		{s(AppendFetchEnd(AppendFetchUID(AppendFetchStart(nil, 23), 4827313))), "* 23 FETCH (UID 4827313)\r\n"},
		{s(AppendFetchFlags(nil, mail.BitSeen|mail.BitAnswered|1<<5|1<<7, keywords, true)),
			`FLAGS (\Answered \Seen $a $c \Recent)`},
		{s(AppendFetchFlags(nil, 0, keywords, false)), "FLAGS ()"},
		{s(AppendFetchModSeq(nil, 65402)), "MODSEQ (65402)"},
		{s(AppendFetchSize(nil, 44827)), "RFC822.SIZE 44827"},
		{s(AppendFetchInternalDate(nil, 837596665)), `INTERNALDATE "17-Jul-1996 09:44:25 +0000"`},
		{s(AppendFetchSaveDate(nil, 0)), `SAVEDATE " 1-Jan-1970 00:00:00 +0000"`},
		{s(AppendFetchID(nil, "EMAILID", "M1")), "EMAILID (M1)"},
		{s(AppendLiteral(nil, 12)), "{12}\r\n"},
		{s(AppendLiteral8(nil, 12)), "~{12}\r\n"},
	}.run(t)
}

func TestResponsesDoNotAllocate(t *testing.T) {
	b := make([]byte, 0, 4096)
	set, keywords := mail.SetOf(1, 2, 9), []mail.Flag{"$a"}
	n := testing.AllocsPerRun(100, func() {
		b = AppendFetchStart(b[:0], 7)
		b = AppendFetchFlags(b, mail.BitSeen|1<<5, keywords, true)
		b = AppendFetchInternalDate(b, 837596665)
		b = AppendFetchEnd(AppendFetchModSeq(b, 9))
		b = AppendESearch(b, &ESearchData{Tag: "a", Return: ReturnAll, Set: set})
		b = AppendList(b, &ListData{Name: "INBOX/a"}, false)
		b = AppendCond(b, "a", OK, CodeReadOnly, "done")
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
