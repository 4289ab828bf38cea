package imapd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// filtersOf are filters that are stored as "name: criteria".
func filtersOf(stored ...string) *filters {
	return &filters{read: func() ([]mail.Annotation, error) {
		var out []mail.Annotation
		for _, s := range stored {
			name, text, _ := strings.Cut(s, ": ")
			out = append(out, mail.Annotation{Name: name, Value: text})
		}
		return out, nil
	}}
}

const private, shared = "/private/filters/values/", "/shared/filters/values/"

// RFC 5466 sections 3.1 and 3.2.
func TestExpandFilters(t *testing.T) {
	stored := []string{private + "both: SEEN", shared + "both: UNSEEN", shared + "ours: DELETED", private + "empty: ",
		private + "a: FILTER b", private + "b: FILTER c", private + "c: FILTER d", private + "d: ALL",
		private + "loop: OR SEEN FILTER loop"}
	for _, c := range []struct{ key, want string }{
		{"FILTER both", "SEEN"}, {"NOT FILTER Ours", "NOT DELETED"}, {"OR FILTER b FILTER d", "OR ALL ALL"},
		{"FILTER a", "UNDEFINED-FILTER d"}, {"FILTER none", "UNDEFINED-FILTER none"},
		{"FILTER empty", "UNDEFINED-FILTER empty"}, {"ALL FILTER loop", "UNDEFINED-FILTER loop"},
	} {
		k, err := imap.ParseSearchCriteria(c.key)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		var r *refusal
		switch err := filtersOf(stored...).expand(&k, 0); {
		case errors.As(err, &r):
			got = string(r.code)
		case err != nil:
			t.Errorf("%s: %v", c.key, err)
		default:
			got = strings.TrimPrefix(string((&imap.Search{Key: k}).Append(nil, false)), "SEARCH ")
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.key, got, c.want)
		}
	}
}

// What filters in filters stand for is bounded.
func TestExpandFiltersIsBounded(t *testing.T) {
	wide := strings.TrimSpace(strings.Repeat("FILTER x ", 40))
	for _, stored := range [][]string{
		{private + "y: " + wide, private + "x: " + strings.TrimSpace(strings.Repeat("SEEN ", 80))},
		{private + "y: " + wide, private + "x: " + "TEXT " + strings.Repeat("x", 30000)},
	} {
		k := imap.SearchKey{Op: imap.SearchFilter, Text: "y"}
		var r *refusal
		if err := filtersOf(stored...).expand(&k, 0); !errors.As(err, &r) || r.code != imap.CodeLimit {
			t.Errorf("%.50q: got %v", stored, err)
		}
	}
	failed := &filters{read: func() ([]mail.Annotation, error) { return nil, fmt.Errorf("disk") }}
	if err := failed.expand(&imap.SearchKey{Op: imap.SearchFilter, Text: "y"}, 0); err == nil {
		t.Error("no error of the store")
	}
}
