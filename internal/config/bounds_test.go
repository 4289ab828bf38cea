package config

import (
	"strings"
	"testing"
)

func TestEndlessFileIsBounded(t *testing.T) {
	if _, err := Load("/dev/zero"); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func TestHostname(t *testing.T) {
	for name, good := range map[string]bool{"": true, "mail.example.org": true, "[::1]": true, "bücher.example": true,
		"a b": false, "a\nb": false, "a;b": false, `a"b`: false} {
		if err := (host{new(string)}).set(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestUnquote(t *testing.T) {
	for _, s := range []string{"", `"`, `\`, `a\"b\\`, "plain"} {
		if got := unquote(quote(s)); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
}
