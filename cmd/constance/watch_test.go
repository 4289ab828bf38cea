package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A drawing goes over the one before without wiping the screen first, and never past the terminal's edges.
func TestFit(t *testing.T) {
	const end = "\x1b[K"
	for _, c := range []struct {
		text       string
		rows, cols int
		want       string
	}{
		{"a\nb\n", 3, 5, "\x1b[Ha" + end + "\r\nb" + end + "\x1b[J"},
		{"a\nb\nc\nd\n", 3, 20, "\x1b[Ha" + end + "\r\nb" + end + "\r\n... and 2 more lines" + "\x1b[J"},
		{"└─ äöü\n", 2, 5, "\x1b[H└─ äö\x1b[J"}, {"abc", 1, 3, "\x1b[Habc\x1b[J"}, {"", 5, 5,
			"\x1b[H" + end + "\x1b[J"},
	} {
		if got := fit(c.text, c.rows, c.cols); got != c.want {
			t.Errorf("%q in %dx%d: %q, want %q", c.text, c.rows, c.cols, got, c.want)
		}
	}
}

// Watching goes on over failures, but does not begin with one.
func TestRedraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &program{stdout: &out}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err := p.redraw(ctx, time.Second, func(context.Context) (string, error) {
			switch n++; n {
			case 2:
				return "", errors.New("away")
			case 4:
				cancel()
			}
			return "drawing\n", nil
		})
		if got := out.String(); err != nil || strings.Count(got, "drawing\n") != 2 ||
			strings.Count(got, "no answer: away\n") != 1 {
			t.Errorf("%q, %v", got, err)
		}
		gone := errors.New("gone")
		if err := p.redraw(t.Context(), time.Second, func(context.Context) (string, error) {
			return "",
				gone
		}); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
	})
}

func TestTree(t *testing.T) {
	tr := &tree{}
	tr.line("root")
	tr.branch(0, false, "a")
	tr.branch(1, false, "a1")
	tr.branch(1, true, "a2  ")
	tr.branch(0, true, "b")
	tr.branch(1, true, "b1")
	tr.branch(2, true, "b11")
	tr.line("next")
	want := "root\n├─ a\n│  ├─ a1\n│  └─ a2\n└─ b\n   └─ b1\n      └─ b11\nnext\n"
	if got := tr.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestRoundAndSize(t *testing.T) {
	for d, want := range map[time.Duration]string{1500: "1µs", 1234567: "1.2ms",
		12345 * time.Millisecond: "12.3s",
		192 * time.Second:        "3m12s", 5*time.Hour + 4*time.Minute: "5h04m", 300 * time.Hour: "12d", 0: "0s"} {
		if got := round(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{5 << 10: "5 KiB", 5 << 20: "5.0 MiB", 3 << 29: "1.50 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := count(1, "fork") + " " + count(2, "fork") + " " + count(uint64(0),
		"fork"); got != "1 fork 2 forks 0 forks" {
		t.Error(got)
	}
}
