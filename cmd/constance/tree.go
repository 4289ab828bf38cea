package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tree draws lines with branches below them.
type tree struct {
	b    strings.Builder
	open []bool // by depth: the branch there goes on below
}

func (t *tree) line(text string) {
	t.b.WriteString(text + "\n")
	t.open = t.open[:0]
}

// branch is a line below the last one of a lesser depth; last is whether no other of its depth follows there.
func (t *tree) branch(depth int, last bool, text string) {
	for _, goesOn := range t.open[:min(depth, len(t.open))] {
		if goesOn {
			t.b.WriteString("│  ")
		} else {
			t.b.WriteString("   ")
		}
	}
	t.open = append(t.open[:min(depth, len(t.open))], !last)
	if last {
		t.b.WriteString("└─ ")
	} else {
		t.b.WriteString("├─ ")
	}
	t.b.WriteString(strings.TrimRight(text, " ") + "\n")
}

func (t *tree) String() string { return t.b.String() }

// integer is any number to be counted.
type integer interface{ ~int | ~int64 | ~uint64 }

func num[N integer](n N) string { return strconv.FormatInt(int64(n), 10) }

// count is a number with its noun.
func count[N integer](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return num(n) + " " + noun
}

// round is a duration to the digits that matter: "850µs", "3.2ms", "12.4s", "3m12s", "5h04m", "12d".
func round(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Truncate(time.Microsecond).String()
	case d < time.Second:
		return d.Truncate(100 * time.Microsecond).String()
	case d < time.Minute:
		return d.Truncate(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Truncate(time.Second).String()
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// size is a number of octets in KiB, MiB or GiB.
func size(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

// jsonText is a value as --json prints it.
func jsonText(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.String(), err
}
