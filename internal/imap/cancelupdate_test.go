package imap

import (
	"strings"
	"testing"
)

// RFC 5267 section 5.
func TestContext(t *testing.T) {
	good{
		`CANCELUPDATE "B01"`: &CancelUpdate{[]string{"B01"}}, `cancelupdate "a" "b"`: &CancelUpdate{[]string{"a", "b"}},
		"SEARCH RETURN (COUNT UPDATE (UID FLAGS) MIN) ALL": &Search{Extended: true, Return: ReturnCount | ReturnUpdate | ReturnMin,
			Fetch: mustItems("UID FLAGS"), Key: SearchKey{Op: SearchAll}}, // RFC 5465 section 7
		"SEARCH RETURN (update(FLAGS)) ALL": &Search{Extended: true, Return: ReturnUpdate, Fetch: mustItems("FLAGS"),
			Key: SearchKey{Op: SearchAll}}, // RFC 5465 section 8
		"SEARCH RETURN (CONTEXT COUNT UPDATE) ALL": &Search{Extended: true, Return: ReturnContext | ReturnCount | ReturnUpdate,
			Key: key(SearchAll)},
	}.run(t)
	bad{"SEARCH RETURN (UPDATE ()) ALL", "SEARCH RETURN (UPDATE (FOO)) ALL", "SEARCH RETURN (UPDATE (UID) (UID)) ALL",
		"SEARCH RETURN (UPDATE(UID) (UID)) ALL", "SEARCH RETURN (UPDATE (UID) UPDATE (UID)) ALL", "SEARCH RETURN (COUNT (UID)) ALL",
		"SEARCH RETURN (UPDATE COUNT (UID)) ALL", "SEARCH RETURN ((UID)) ALL", "SEARCH RETURN (UPDATE (UID) ALL"}.run(t)
	bad{"CANCELUPDATE", "CANCELUPDATE ", "CANCELUPDATE B01", `CANCELUPDATE ("a")`, `CANCELUPDATE "a" `,
		"CANCELUPDATE" + strings.Repeat(` "a"`, 101)}.run(t)
}
