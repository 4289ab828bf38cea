package imap

import (
	"strings"
	"testing"
)

// RFC 5255 section 4.10.
func TestComparator(t *testing.T) {
	good{
		"COMPARATOR": &Comparator{}, `COMPARATOR "cz;*" i;basic`: &Comparator{[]string{"cz;*", "i;basic"}},
		"comparator {7+}\r\ni;octet": &Comparator{[]string{"i;octet"}},
	}.run(t)
	bad{"COMPARATOR ", "COMPARATOR (i;octet)", `COMPARATOR ""`, "COMPARATOR i;octet ", "COMPARATOR cz;*",
		"COMPARATOR " + strings.Repeat("x", 255), "COMPARATOR" + strings.Repeat(" i;octet", 51)}.run(t)
}
