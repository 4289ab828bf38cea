package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// value is a setting of some type: it takes what the TOML parser gives and writes itself as TOML.
type value interface {
	set(v any) error
	toml() string
	unit() string // for the documentation: what may be written there
}

// text is a string of at most max octets without control characters.
type text struct {
	p   *string
	max int
}

func (t text) set(v any) error {
	s, ok := v.(string)
	switch {
	case !ok:
		return wants("a string", v)
	case len(s) > t.max:
		return fmt.Errorf("longer than %d octets", t.max)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("holds a control character")
	}
	*t.p = s
	return nil
}

func (t text) toml() string { return quote(*t.p) }
func (t text) unit() string { return "string" }

// host is a host name or address as it stands in greetings and Received fields: it holds nothing that could end them.
type host struct{ p *string }

func (h host) set(v any) error {
	s := ""
	if err := (text{&s, 255}).set(v); err != nil {
		return err
	}
	for _, r := range s {
		if r < 0x80 && !strings.ContainsRune("-._:[]", r) && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
			return fmt.Errorf("%q in a host name", r)
		}
	}
	*h.p = s
	return nil
}

func (h host) toml() string { return quote(*h.p) }
func (h host) unit() string { return "string" }

// number is an int from min to max.
type number struct {
	p        *int
	min, max int
}

func (n number) set(v any) error {
	i, err := integer(v, int64(n.min), int64(n.max))
	if err == nil {
		*n.p = int(i)
	}
	return err
}

func (n number) toml() string { return strconv.Itoa(*n.p) }
func (n number) unit() string { return fmt.Sprintf("number, %d to %d", n.min, n.max) }

// number64 is an int64 from min to max.
type number64 struct {
	p        *int64
	min, max int64
}

func (n number64) set(v any) error {
	i, err := integer(v, n.min, n.max)
	if err == nil {
		*n.p = i
	}
	return err
}

func (n number64) toml() string { return strconv.FormatInt(*n.p, 10) }
func (n number64) unit() string { return fmt.Sprintf("number, %d to %d", n.min, n.max) }

func integer(v any, low, high int64) (int64, error) {
	i, ok := v.(int64)
	if !ok {
		return 0, wants("a number", v)
	}
	if i < low || i > high {
		return 0, fmt.Errorf("%d is not within %d to %d", i, low, high)
	}
	return i, nil
}

// span is a duration from min to max, as "1h30m" or "14d".
type span struct {
	p        *time.Duration
	min, max time.Duration
}

func (s span) set(v any) error {
	t, ok := v.(string)
	if !ok {
		return wants(`a duration in quotes, as "30m"`, v)
	}
	d, err := ParseDuration(t)
	if err != nil {
		return err
	}
	if d < s.min || d > s.max {
		return fmt.Errorf("%s is not within %s to %s", t, FormatDuration(s.min), FormatDuration(s.max))
	}
	*s.p = d
	return nil
}

func (s span) toml() string { return quote(FormatDuration(*s.p)) }
func (s span) unit() string {
	return "duration, " + FormatDuration(s.min) + " to " + FormatDuration(s.max)
}

// ParseDuration reads a duration as Go writes it, or in whole days: "90s", "1h30m", "14d".
func ParseDuration(s string) (time.Duration, error) {
	if n, err := strconv.Atoi(strings.TrimSuffix(s, "d")); err == nil && strings.HasSuffix(s, "d") {
		if n < 0 || n > 100*365 {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf(`%q is no duration: write a number and its unit, as "90s", "30m", "12h", "14d"`, s)
	}
	return d, nil
}

// FormatDuration writes a duration in its largest whole unit.
func FormatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return d.String()
}

// toggle is true or false.
type toggle struct{ p *bool }

func (b toggle) set(v any) error {
	on, ok := v.(bool)
	if !ok {
		return wants("true or false", v)
	}
	*b.p = on
	return nil
}

func (b toggle) toml() string { return strconv.FormatBool(*b.p) }
func (b toggle) unit() string { return "true or false" }

// size is a number of octets from min to max, as "50 MiB".
type size struct {
	p        *int64
	min, max int64
}

func (s size) set(v any) error {
	t, ok := v.(string)
	if !ok {
		return wants(`a size in quotes, as "50 MiB"`, v)
	}
	n, err := ParseSize(t)
	if err != nil {
		return err
	}
	if n < s.min || n > s.max {
		return fmt.Errorf("%s is not within %s to %s", t, FormatSize(s.min), FormatSize(s.max))
	}
	*s.p = n
	return nil
}

func (s size) toml() string { return quote(FormatSize(*s.p)) }
func (s size) unit() string { return "size, " + FormatSize(s.min) + " to " + FormatSize(s.max) }

// sizeUnits are the units of sizes, largest first.
var sizeUnits = []struct {
	name   string
	octets int64
}{{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}

// ParseSize reads a number of octets: "50 MiB", "32KiB", "100 B", "0".
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "BKMGTPib ")
	n, err := strconv.ParseInt(digits, 10, 64)
	name := strings.TrimSpace(s[len(digits):])
	if err == nil && n == 0 && name == "" {
		return 0, nil
	}
	for _, u := range sizeUnits {
		if err == nil && name == u.name && n >= 0 && n <= (1<<62)/u.octets {
			return n * u.octets, nil
		}
	}
	return 0, fmt.Errorf(`%q is no size: write a number and its unit, as "100 B", "32 KiB", "50 MiB", "2 GiB"`, s)
}

// FormatSize writes a number of octets in its largest whole unit.
func FormatSize(n int64) string {
	if n == 0 {
		return "0"
	}
	for _, u := range sizeUnits {
		if n%u.octets == 0 {
			return strconv.FormatInt(n/u.octets, 10) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B" // not reached: 1 divides everything
}

// choice is one of some words.
type choice struct {
	p     *string
	words []string
}

func (c choice) set(v any) error {
	s, ok := v.(string)
	if !ok {
		return wants("a string", v)
	}
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("%q is none of %s", s, strings.Join(c.words, ", "))
	}
	*c.p = s
	return nil
}

func (c choice) toml() string { return quote(*c.p) }
func (c choice) unit() string { return "one of " + strings.Join(c.words, ", ") }

// address is where to listen.
type address struct{ p *string }

func (a address) set(v any) error {
	s, ok := v.(string)
	if !ok {
		return wants("a string", v)
	}
	if err := CheckAddress(s); err != nil {
		return err
	}
	*a.p = s
	return nil
}

func (a address) toml() string { return quote(*a.p) }
func (a address) unit() string { return "address" }

// CheckAddress tells whether s is a place to listen: "host:port", "unix:/path" (at most 107 octets) or "off".
func CheckAddress(s string) error {
	if s == "off" {
		return nil
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(path, "/") || len(path) > 107 {
			return fmt.Errorf("%q: a unix socket needs an absolute path of at most 107 octets", s)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf(`%q is no address: write "host:port", "unix:/path" or "off"`, s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q: the port must be a number from 1 to 65535", s)
	}
	return nil
}

// uses are the special uses that a mailbox can be given. RFC 6154 section 2.
var uses = []string{"archive", "drafts", "junk", "sent", "trash"}

// mailboxes is a list of NAME or NAME:USE.
type mailboxes struct{ p *[]Mailbox }

func (m mailboxes) set(v any) error {
	list, ok := v.([]any)
	if !ok {
		return wants("a list of strings", v)
	}
	var out []Mailbox
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return wants("a list of strings", e)
		}
		name, use, _ := strings.Cut(s, ":")
		name, err := mail.CleanName(name)
		switch {
		case err != nil:
			return err
		case use != "" && !slices.Contains(uses, use):
			return fmt.Errorf("%q: %q is none of %s", s, use, strings.Join(uses, ", "))
		case slices.ContainsFunc(out, func(b Mailbox) bool { return b.Name == name || use != "" && b.Use == use }):
			return fmt.Errorf("%q: the name or its use stands there twice", s)
		}
		out = append(out, Mailbox{Name: name, Use: use})
	}
	*m.p = out
	return nil
}

func (m mailboxes) toml() string {
	var words []string
	for _, b := range *m.p {
		w := b.Name
		if b.Use != "" {
			w += ":" + b.Use
		}
		words = append(words, quote(w))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func (m mailboxes) unit() string { return "list" }

// level is one level of mailbox names, or "".
type level struct{ p *string }

func (l level) set(v any) error {
	s, ok := v.(string)
	if !ok {
		return wants("a string", v)
	}
	if s != "" {
		clean, err := mail.CleanName(s)
		switch {
		case err != nil:
			return err
		case clean == mail.Inbox || strings.ContainsRune(s, mail.Separator):
			return fmt.Errorf("%q is not one level of names, or INBOX", s)
		}
	}
	*l.p = s
	return nil
}

func (l level) toml() string { return quote(*l.p) }
func (l level) unit() string { return "string" }

// logins is a list of login names.
type logins struct{ p *[]string }

func (l logins) set(v any) error {
	list, ok := v.([]any)
	if !ok {
		return wants("a list of strings", v)
	}
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		switch {
		case !ok:
			return wants("a list of strings", e)
		case s == "" || strings.ContainsAny(s, " \t/:") || strings.ToLower(s) != s:
			return fmt.Errorf("%q is no login name as they are kept: in lower case", s)
		}
		out = append(out, s)
	}
	*l.p = out
	return nil
}

func (l logins) toml() string {
	words := make([]string, len(*l.p))
	for i, s := range *l.p {
		words[i] = quote(s)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func (l logins) unit() string { return "list" }

// quote is s as a TOML basic string. Values hold no control characters but those that Go and TOML escape alike.
func quote(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }

// unquote undoes quote; what was not quoted stays as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
}

// wants is the error of a value of another type.
func wants(what string, v any) error {
	got := "something else"
	switch v.(type) {
	case string:
		got = "a string"
	case int64:
		got = "a number"
	case float64:
		got = "a number with a fraction"
	case bool:
		got = "true or false"
	case []any, []map[string]any:
		got = "a list"
	case map[string]any:
		got = "a table"
	case time.Time:
		got = "a date"
	}
	return fmt.Errorf("needs %s, not %s", what, got)
}
