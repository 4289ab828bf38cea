package cyrusconf

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/verdicts.txt anew")

const verdicts = "testdata/verdicts.txt"

// A case of testdata/verdicts.txt: the file, and below it what is made of it: the fault with its place, or what a
// master would run and what is odd about it. In the file \r is a carriage return, \t and \v are tabs and {x*n} stands for n
// times x.
type verdict struct{ name, text, want string }

func readVerdicts(t *testing.T) (list []verdict) {
	t.Helper()
	b, err := os.ReadFile(verdicts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(string(b), "\n== ")[1:] {
		name, rest, _ := strings.Cut(c, "\n")
		text, want, ok := strings.Cut(rest, "--\n")
		if !ok {
			t.Fatalf("%s: no verdict", name)
		}
		list = append(list, verdict{name, text, want})
	}
	return list
}

// expand undoes what keeps the file readable.
func expand(text string) string {
	text = strings.NewReplacer(`\r`, "\r", `\t`, "\t", `\v`, "\v").Replace(text)
	for {
		from := strings.Index(text, "{")
		for from >= 0 {
			var n int
			end := strings.Index(text[from:], "}")
			body, count, ok := strings.Cut(text[from+1:max(from+end, from+1)], "*")
			if _, err := fmt.Sscan(count, &n); ok && err == nil && !strings.Contains(body, "\n") {
				text = text[:from] + strings.Repeat(body, n) + text[from+end+1:]
				break
			}
			next := strings.Index(text[from+1:], "{")
			if next < 0 {
				return text
			}
			from += 1 + next
		}
		if from < 0 {
			return text
		}
	}
}

// verdictOf says in lines what becomes of a file.
func verdictOf(text string) string {
	var b strings.Builder
	c, warnings, err := Parse("c", text).Config(Options{Find: func(word string) string { return "/bin/" + word }})
	last, again := "", 0
	for _, w := range warnings {
		if w.Msg == last {
			again++
			continue
		}
		last = w.Msg
		fmt.Fprintln(&b, "warning", w)
	}
	if again > 0 {
		fmt.Fprintf(&b, "and %d that say the same\n", again)
	}
	var faults Faults
	errors.As(err, &faults)
	for _, f := range faults {
		fmt.Fprintf(&b, "fault %v: %s\n", f.Pos, f.Msg)
	}
	if err != nil {
		return b.String()
	}
	b.WriteString(describe(c))
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// P34, P35: the grammar of cyrus.conf as Cyrus's own master reads it, each fault and each oddity with line and column.
func TestP34_Verdicts(t *testing.T) {
	list := readVerdicts(t)
	var out strings.Builder
	out.WriteString("What becomes of each file; see verdict_test.go. TestP34_Verdicts -update writes the verdicts anew.\n")
	for _, c := range list {
		got := verdictOf(expand(c.text))
		if got != strings.TrimRight(c.want, "\n")+"\n" && !*update {
			t.Errorf("%s:\n%s\ngot:\n%swant:\n%s", c.name, c.text, got, c.want)
		}
		fmt.Fprintf(&out, "\n== %s\n%s--\n%s", c.name, c.text, got)
	}
	if *update {
		if err := os.WriteFile(verdicts, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(list) < 60 {
		t.Errorf("only %d cases", len(list))
	}
}

// Every fault has a place within the file.
func TestFaultsHaveAPlace(t *testing.T) {
	for _, c := range readVerdicts(t) {
		text := expand(c.text)
		_, _, err := Parse("c", text).Config(Options{})
		var e *Error
		if err == nil {
			continue
		}
		if !errors.As(err, &e) {
			t.Errorf("%s: %T: %v", c.name, err, err)
			continue
		}
		lines := strings.Split(text, "\n")
		if e.Pos.Line < 1 || e.Pos.Line > len(lines) || e.Pos.Col < 1 || e.Pos.Col > len(lines[e.Pos.Line-1])+1 {
			t.Errorf("%s: %v is outside of the file", c.name, e.Pos)
		}
	}
}
