package imap

import (
	"strings"
	"testing"
)

// RFC 5267 section 5.
func TestContext(t *testing.T) {
	good{
		`CANCELUPDATE "B01"`: &CancelUpdate{[]string{"B01"}}, `cancelupdate "a" "b"`: &CancelUpdate{[]string{"a", "b"}},
		"SEARCH RETURN (CONTEXT COUNT UPDATE) ALL": &Search{Extended: true, Return: ReturnContext | ReturnCount | ReturnUpdate,
			Key: key(SearchAll)},
	}.run(t)
	bad{"CANCELUPDATE", "CANCELUPDATE ", "CANCELUPDATE B01", `CANCELUPDATE ("a")`, `CANCELUPDATE "a" `,
		"CANCELUPDATE" + strings.Repeat(` "a"`, 101)}.run(t)
}
