package imap

import (
	"strings"
	"testing"
)

func fuzzy(k SearchKey) SearchKey { return SearchKey{Op: SearchFuzzy, Keys: []SearchKey{k}} }

// RFC 6203 sections 3, 4, 6 and 7.
func TestFuzzy(t *testing.T) {
	subject, text := SearchKey{Op: SearchSubject, Text: "IMAP break"}, SearchKey{Op: SearchText, Text: "Helo"}
	good{
		`SEARCH FUZZY (SUBJECT "IMAP break")`: &Search{Key: fuzzy(subject)},
		"SEARCH FUZZY SUBJECT work FROM user@example.com": &Search{Key: and(fuzzy(SearchKey{Op: SearchSubject, Text: "work"}),
			SearchKey{Op: SearchFrom, Text: "user@example.com"})},
		"UID SEARCH fuzzy fuzzy NOT FUZZY (SEEN 1)": &Search{UID: true,
			Key: fuzzy(fuzzy(not(fuzzy(and(flagKey(`\Seen`), seqs(SearchSeq, NumRange{1, 1}))))))},
		"SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT Helo": &Search{Extended: true, Return: ReturnRelevancy | ReturnAll, Key: fuzzy(text)},
		"SEARCH RETURN (RELEVANCY PARTIAL 1:2) FUZZY TEXT Helo": &Search{Extended: true, Return: ReturnRelevancy | ReturnPartial,
			Partial: Window{First: 1, Last: 2}, Key: fuzzy(text)},
		"SORT RETURN (RELEVANCY ALL) (RELEVANCY REVERSE RELEVANCY) UTF-8 FUZZY TEXT Helo": &Sort{
			Search{Extended: true, Return: ReturnRelevancy | ReturnAll, Charset: "UTF-8", Key: fuzzy(text)},
			[]SortCriterion{{Key: SortRelevancy}, {Key: SortRelevancy, Reverse: true}}},
		"THREAD REFERENCES UTF-8 FUZZY TEXT Helo": &Thread{Search{Charset: "UTF-8", Key: fuzzy(text)}, ThreadReferences},
		"ESEARCH IN (personal) RETURN (RELEVANCY) FUZZY TEXT Helo": &ESearch{[]MailboxFilter{{Kind: FilterPersonal}},
			Search{UID: true, Extended: true, Return: ReturnRelevancy, Key: fuzzy(text)}},
	}.run(t)
	bad{"SEARCH FUZZY", "SEARCH FUZZY ", "SEARCH FUZZY ()", "SEARCH FUZZY (TEXT", "SEARCH FUZZY FOO", "SEARCH FUZZY TEXT", "SEARCH FUZZYTEXT x",
		"SEARCH OR FUZZY TEXT x", "SEARCH FUZZY RETURN (RELEVANCY) ALL", "SEARCH RETURN (RELEVANCY 1:2) FUZZY ALL", "SORT (FUZZY) UTF-8 ALL",
		"THREAD RETURN (RELEVANCY) REFERENCES UTF-8 FUZZY ALL", "SEARCH " + strings.Repeat("FUZZY ", 51) + "ALL"}.run(t)
}
