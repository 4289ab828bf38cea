package imap

import (
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

func key(op SearchOp) SearchKey { return SearchKey{Op: op} }

func flagKey(f string) SearchKey { return SearchKey{Op: SearchKeyword, Text: f} }

func not(k SearchKey) SearchKey { return SearchKey{Op: SearchNot, Keys: []SearchKey{k}} }

func and(k ...SearchKey) SearchKey { return SearchKey{Op: SearchAnd, Keys: k} }

func seqs(op SearchOp, r ...NumRange) SearchKey { return SearchKey{Op: op, Set: NumSet{Ranges: r}} }

// RFC 9051 section 6.4.4: each key.
func TestSearchKeys(t *testing.T) {
	day := time.Date(1994, 2, 1, 0, 0, 0, 0, time.UTC)
	for in, want := range map[string]SearchKey{
		"ALL": key(SearchAll), "ANSWERED": flagKey(`\Answered`), "DELETED": flagKey(`\Deleted`),
		"DRAFT": flagKey(`\Draft`), "FLAGGED": flagKey(`\Flagged`), "SEEN": flagKey(`\Seen`),
		"UNANSWERED": not(flagKey(`\Answered`)), "UNDELETED": not(flagKey(`\Deleted`)),
		"UNDRAFT": not(flagKey(`\Draft`)), "UNFLAGGED": not(flagKey(`\Flagged`)), "UNSEEN": not(flagKey(`\Seen`)),
		"KEYWORD $x": flagKey("$x"), "UNKEYWORD $x": not(flagKey("$x")), `KEYWORD \seen`: flagKey(`\Seen`),
		"RECENT": key(SearchRecent), "OLD": not(key(SearchRecent)),
		"NEW":   and(key(SearchRecent), not(flagKey(`\Seen`))),
		"bcc a": {Op: SearchBcc, Text: "a"}, "CC a": {Op: SearchCc, Text: "a"}, `FROM "a b"`: {Op: SearchFrom,
			Text: "a b"}, "SUBJECT {1+}\r\na": {Op: SearchSubject, Text: "a"},
		"TO a": {Op: SearchTo, Text: "a"}, "BODY a": {Op: SearchBody, Text: "a"}, `TEXT "ü"`: {Op: SearchText,
			Text: "ü"}, `HEADER X-y ""`: {Op: SearchHeader, Field: "X-y"},
		"LARGER 5": {Op: SearchLarger, N: 5}, "SMALLER 0": {Op: SearchSmaller},
		"BEFORE 1-Feb-1994": {Op: SearchBefore, Day: day}, `ON "1-Feb-1994"`: {Op: SearchOn, Day: day},
		"SINCE 01-feb-1994": {Op: SearchSince, Day: day}, "SENTBEFORE 1-Feb-1994": {Op: SearchSentBefore, Day: day},
		"SENTON 1-Feb-1994":    {Op: SearchSentOn, Day: day},
		"SENTSINCE 1-Feb-1994": {Op: SearchSentSince, Day: day}, "SAVEDBEFORE 1-Feb-1994": {Op: SearchSavedBefore,
			Day: day}, "SAVEDON 1-Feb-1994": {Op: SearchSavedOn, Day: day},
		"SAVEDSINCE 1-Feb-1994": {Op: SearchSavedSince, Day: day}, "SAVEDATESUPPORTED": key(SearchSaveDateSupported),
		"OLDER 3": {Op: SearchOlder, N: 3}, "YOUNGER 3": {Op: SearchYounger, N: 3},
		"2:*,9": seqs(SearchSeq, NumRange{2, Star}, NumRange{9, 9}), "*": seqs(SearchSeq, NumRange{Star, Star}),
		"$": {Op: SearchSeq, Set: NumSet{Saved: true}}, "UID 7": seqs(SearchUID, NumRange{7, 7}),
		"UID $": {Op: SearchUID, Set: NumSet{Saved: true}}, "UIDAFTER 7": {Op: SearchUIDAfter, N: 7},
		"uidbefore 4294967295": {Op: SearchUIDBefore, N: 4294967295}, "MODSEQ 620162338": {Op: SearchModSeq, N: 620162338},
		`MODSEQ "/flags/\\draft" all 0`: {Op: SearchModSeq, Field: `/flags/\draft`, Text: "ALL"},
		"EMAILID M1-x":                  {Op: SearchEmailID, Text: "M1-x"}, "THREADID T1": {Op: SearchThreadID, Text: "T1"},
		"NOT ALL": not(key(SearchAll)), "(ALL)": key(SearchAll), "(ALL SEEN)": and(key(SearchAll),
			flagKey(`\Seen`)),
		"OR ALL NOT SEEN": {Op: SearchOr, Keys: []SearchKey{key(SearchAll), not(flagKey(`\Seen`))}},
		"ALL (1 2)":       and(key(SearchAll), and(seqs(SearchSeq, NumRange{1, 1}), seqs(SearchSeq, NumRange{2, 2}))),
	} {
		good{"SEARCH " + in: &Search{Key: want}, "UID SEARCH " + in: &Search{UID: true, Key: want}}.run(t)
	}
}

// RFC 9051 section 6.4.4, RFC 4731 section 3.1, RFC 5182 section 2.
func TestSearch(t *testing.T) {
	all := key(SearchAll)
	good{
		"SEARCH RETURN () ALL": &Search{Extended: true, Return: ReturnAll, Key: all},
		"SEARCH RETURN (MIN MAX ALL COUNT SAVE) ALL": &Search{Extended: true,
			Return: ReturnMin | ReturnMax | ReturnAll | ReturnCount | ReturnSave, Key: all},
		"SEARCH CHARSET utf-8 ALL": &Search{Charset: "UTF-8", Key: all},
		`SEARCH RETURN (SAVE) CHARSET "x" ALL`: &Search{Extended: true, Return: ReturnSave, Charset: "X",
			Key: all},
	}.run(t)
	bad{"SEARCH", "SEARCH ", "SEARCH FOO", "SEARCH ALL ", "SEARCH ALL FOO", "SEARCH RETURN ALL",
		"SEARCH RETURN (FOO) ALL", "SEARCH RETURN (MIN)", "SEARCH RETURN () RETURN () ALL", "SEARCH CHARSET ALL",
		"SEARCH CHARSET x",
		"SEARCH ALL CHARSET x", "SEARCH ()", "SEARCH (ALL", "SEARCH (ALL ", "SEARCH ALL)", "SEARCH OR ALL",
		"SEARCH OR ALL ", "SEARCH NOT", "SEARCH NOT ", "SEARCH FROM", "SEARCH FROM ", "SEARCH HEADER x",
		"SEARCH KEYWORD", "SEARCH KEYWORD (",
		"SEARCH UIDAFTER", "SEARCH UIDAFTER 0", "SEARCH UIDBEFORE *", "SEARCH UIDBEFORE 1:2", "SEARCH UIDAFTER 1,2",
		"SEARCH UIDAFTER $", "SEARCH UIDBEFORE 4294967296", "SEARCH UIDAFTER -1", "SEARCH UIDAFTER x",
		"SEARCH LARGER", "SEARCH LARGER x", "SEARCH LARGER -1", "SEARCH BEFORE 30-Feb-2020", "SEARCH BEFORE x",
		"SEARCH OLDER 0", "SEARCH UID", "SEARCH UID 0", "SEARCH 0", "SEARCH 1,", "SEARCH 1x", "SEARCH MODSEQ x",
		`SEARCH MODSEQ "/flags/x" foo 1`, `SEARCH MODSEQ "/flags/x" 1`, "SEARCH EMAILID", "SEARCH UNDELETED SEEN{1}",
		"SEARCH \x00",
		"SEARCH" + strings.Repeat(" ALL", 1001), "SEARCH " + strings.Repeat("(", 51) + "ALL" + strings.Repeat(")",
			51), "SEARCH " + strings.Repeat("NOT ", 51) + "ALL"}.run(t)
}

func TestNumSet(t *testing.T) {
	for _, c := range []struct {
		in      string
		largest uint32
		want    string
		max     uint32
	}{
		{"1,3:5", 10, "1,3:5", 5}, {"5:3,4:6", 10, "3:6", 6}, {"*", 10, "10", 0}, {"*:8", 10, "8:10", 8}, {"20:*", 10,
			"10:20", 20}, {"*", 0, "", 0}, {"3:*", 0, "", 3}, {"$", 10, "", 0},
	} {
		cmd, err := parse("UID EXPUNGE "+c.in, false)
		if err != nil {
			t.Fatal(err)
		}
		set := cmd.(*Expunge).Set
		if got := set.Resolve(c.largest).String(); got != c.want || set.Max() != c.max ||
			string(set.Append(nil)) != c.in {
			t.Errorf("%s of %d: got %q, max %d, written %s", c.in, c.largest, got, set.Max(), set.Append(nil))
		}
	}
	var _ mail.UIDSet = NumSet{}.Resolve(1)
}
