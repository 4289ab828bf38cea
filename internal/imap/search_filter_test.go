package imap

import (
	"reflect"
	"strings"
	"testing"
)

// RFC 5466 section 4.
func TestSearchFilter(t *testing.T) {
	good{
		"SEARCH FILTER on-the-road": &Search{Key: SearchKey{Op: SearchFilter, Text: "on-the-road"}},
		"SEARCH NOT FILTER X":       &Search{Key: SearchKey{Op: SearchNot, Keys: []SearchKey{{Op: SearchFilter, Text: "X"}}}},
	}.run(t)
	bad{"SEARCH FILTER", "SEARCH FILTER ", "SEARCH FILTER a/b", `SEARCH FILTER "a"`, "SEARCH FILTER (a)", "SEARCH FILTER a*",
		"SEARCH FILTER ü"}.run(t)
}

// RFC 5466 section 3.1: a full and correct criterion, and nothing else.
func TestParseSearchCriteria(t *testing.T) {
	for _, text := range []string{"ALL", "OR SMALLER 5000 FROM \"boss@example.com\"", "SUBJECT {1+}\r\n2 SEEN", "SUBJECT {1}\r\n2",
		"FILTER other 1:*", "(SEEN DELETED)", "SUBJECT \"grüße\""} {
		got, err := ParseSearchCriteria(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want, err := parse("SEARCH "+text, false)
		if err != nil || !reflect.DeepEqual(got, want.(*Search).Key) {
			t.Errorf("%q: got %+v, want %+v, %v", text, got, want, err)
		}
	}
	for _, text := range []string{"", " ", "OR SMALLER", "ALL ", "ALL\r\nDELETED", "ALL\r\n", "ALL\n", "FOO", "ALL)", "(ALL", "SUBJECT {9}\r\n2",
		"SUBJECT {9+}\r\n2", "RETURN (ALL) ALL", "CHARSET UTF-8 ALL", "SUBJECT \"\xff\"", "SUBJECT a\x00",
		strings.Repeat("(", 60) + "ALL" + strings.Repeat(")", 60), "TEXT " + strings.Repeat("x", 70000)} {
		if k, err := ParseSearchCriteria(text); err == nil {
			t.Errorf("%q: got %+v", text, k)
		}
	}
}
