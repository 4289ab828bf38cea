package wire

import (
	"strings"
	"testing"
	"time"
)

// production is how a table reads one production into text.
type production func(d *Decoder) (string, bool)

func text(f func(d *Decoder, s *string) bool) production {
	return func(d *Decoder) (s string, ok bool) { ok = f(d, &s); return }
}

// bad stands for a refusal in the tables.
const bad = "\xff"

func TestProductions(t *testing.T) {
	for _, g := range []struct {
		name  string
		parse production
		cases map[string]string
	}{
		{"RFC 9051 section 9 tag", text((*Decoder).MustTag), map[string]string{
			"a1": "a1", "A.-]x": "A.-]x", "+": bad, "": bad, "a+": bad, `a"`: bad, "*": bad, "a{": bad, "ä": bad}},
		{"RFC 9051 section 9 atom", text((*Decoder).MustAtom), map[string]string{
			"abc": "abc", "a+b": "a+b", "a]": bad, "a(": bad, "a{": bad, "a%": bad, `a\`: bad, "": bad, "a\x7f": bad,
			"a\x01": bad}},
		{"RFC 9051 section 9 astring", text((*Decoder).MustAString), map[string]string{
			"a]b": "a]b", `"a b"`: "a b", `""`: "", "{3+}\r\na\rb": "a\rb", "{3}\r\nabc": "abc", "{0}\r\n": "",
			"(": bad, "%": bad}},
		{"RFC 9051 section 9 quoted", text((*Decoder).MustString), map[string]string{
			`"a\"b\\c"`: `a"b\c`, `"grüße"`: "grüße", `"a\b"`: bad, "\"a\rb\"": bad, "\"a\nb\"": bad,
			"\"a\x00\"": bad, "\"a\xff\"": bad,
			`"` + strings.Repeat("x", 9000) + `"`: strings.Repeat("x", 9000), "abc": bad, `"abc`: bad,
			"\"a\tb\"": "a\tb"}},
		{"RFC 9051 section 9 literal", text((*Decoder).MustString), map[string]string{
			"{2+}\r\n\r\n": "\r\n", "{-1}\r\n": bad, "{}\r\n": bad, "{1++}\r\nx": bad, "{1-}\r\nx": bad, "{1}x": bad,
			"{1}\nx": bad, "{1} \r\nx": bad,
			"{1": bad, "{1+}\r\n\x00": bad, "{99999999999999999999}\r\n": bad, "{2+}\r\n\xff\xfe": "\xff\xfe",
			"{1}\r\r": bad,
			"{000000000000000000000000000000001+}\r\nx": bad}},
		{"RFC 9051 section 9 nstring", func(d *Decoder) (string, bool) {
			var s string
			var isNil bool
			ok := d.MustNString(&s, &isNil)
			if isNil {
				s = "<nil>"
			}
			return s, ok
		}, map[string]string{"nil": "<nil>", "NIL": "<nil>", `"NIL"`: "NIL", "abc": bad, "": bad}},
		{"RFC 9051 section 9 flag", text((*Decoder).MustFlag), map[string]string{
			`\Seen`: `\Seen`, "$Junk": "$Junk", `\`: bad, `\*`: bad, `\\`: bad, "(": bad}},
		{"RFC 9051 section 9 list-mailbox", text((*Decoder).MustListMailbox), map[string]string{
			"%/*]": "%/*]", `"*"`: "*", "{1+}\r\n%": "%", "(": bad, "&Jjo-": "☺",
			"&": NoName, "&*": NoName, "{3+}\r\n\xc3\xbc*": NoName}},
		{"RFC 3501 section 5.1.3 mailbox", text((*Decoder).MustMailbox), map[string]string{
			"&U,BTFw-": "台北", `"a b"`: "a b", "&": bad, "&x": bad, `"grüße"`: bad, "{4+}\r\na\xc3\xbcb": bad,
			"a&-b": "a&b"}},
		{"RFC 9051 section 5.1 mailbox in UTF-8", text(func(d *Decoder, s *string) bool {
			d.SetUTF8(true)
			return d.UTF8() && d.MustMailbox(s)
		}), map[string]string{`"grüße"`: "grüße", "{4+}\r\na\xc3\xbcb": "aüb", "&U,BTFw-": "&U,BTFw-",
			"{1+}\r\n\xff": bad}},
		{"RFC 9051 section 9 base64", func(d *Decoder) (string, bool) {
			var b []byte
			ok := d.MustBase64(&b)
			return string(b), ok
		}, map[string]string{"YWJj": "abc", "YQ==": "a", "=": "", "": "", "YQ": bad, "YQ=": bad, "YR==": bad,
			"a!": bad, "====": bad}},
		{"RFC 9051 section 9 keyword", func(d *Decoder) (string, bool) {
			return "", d.MustKeyword("RETURN")
		}, map[string]string{"return": "", "RETURN": "", "RETURNS": bad, "RET": bad, "": bad, strings.Repeat("x",
			100): bad}},
		{"RFC 9051 section 9 word", func(d *Decoder) (string, bool) {
			w := d.MustWord()
			return string(w), w != nil
		}, map[string]string{"rfc822.Size": "RFC822.SIZE", "IMAP4rev2": "IMAP4REV2", "(": bad, "": bad,
			strings.Repeat("x", 41): bad}},
	} {
		t.Run(g.name, func(t *testing.T) { checkProduction(t, g.parse, g.cases) })
	}
}

func checkProduction(t *testing.T, parse production, cases map[string]string) {
	t.Helper()
	for in, want := range cases {
		each(t, in+"\r\n", Limits{}, func(t *testing.T, d *Decoder) {
			got, ok := parse(d)
			if err := d.End(); (err == nil) != (want != bad) {
				t.Errorf("%q: %v", in, err)
			} else if err == nil && (!ok || got != want) {
				t.Errorf("%q: got %q %v, want %q", in, got, ok, want)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		in         string
		n, nz      bool // as number, as nz-number
		n64, nzn64 bool
	}{
		{"0", true, false, true, false}, {"1", true, true, true, true}, {"4294967295", true, true, true, true},
		{"4294967296", false, false, true, true}, {"9223372036854775807", false, false, true, true},
		{"9223372036854775808", false, false, false, false}, {"99999999999999999999999", false, false, false, false},
		{"-1", false, false, false, false}, {"", false, false, false, false}, {"x", false, false, false, false},
		{"007", true, false, true, true},
	} {
		var n uint32
		var n64 int64
		for want, parse := range map[*bool]func(d *Decoder) bool{
			&c.n:     func(d *Decoder) bool { return d.MustNumber(&n) },
			&c.nz:    func(d *Decoder) bool { return d.MustNZNumber(&n) },
			&c.n64:   func(d *Decoder) bool { return d.MustNumber64(&n64) },
			&c.nzn64: func(d *Decoder) bool { return d.MustNZNumber64(&n64) },
		} {
			each(t, c.in+"\r\n", Limits{}, func(t *testing.T, d *Decoder) {
				if ok := parse(d); ok != *want || (d.End() == nil) != *want {
					t.Errorf("%q: got %v, want %v: %v", c.in, ok, *want, d.Err())
				}
			})
		}
	}
}

func TestLists(t *testing.T) {
	for in, want := range map[string]string{
		"()": "", "(a)": "a", "(a b c)": "abc", "(a (b c) ())": "abc", "(a": bad, "(a b": bad, "( a)": bad,
		"(a )": bad, "(a)(b)": bad, "a": bad, "": bad,
		strings.Repeat("(", 50) + strings.Repeat(")", 50): "", strings.Repeat("(", 51) + strings.Repeat(")", 51): bad,
	} {
		checkProduction(t, func(d *Decoder) (string, bool) {
			var out, s string
			var item func() bool
			item = func() bool {
				if d.Next('(') {
					return d.MustList(item)
				}
				ok := d.MustAtom(&s)
				out += s
				return ok
			}
			ok := d.MustList(item)
			return out, ok
		}, map[string]string{in: want})
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"1-Feb-2020": "2020-02-01", "01-FEB-2020": "2020-02-01", `"29-feb-2020"`: "2020-02-29", "29-Feb-2021": bad,
		"0-Jan-2020":  bad,
		"32-Jan-2020": bad, "1-Foo-2020": bad, "1-Feb-20": bad, "1-Feb-20200": bad, "1 Feb 2020": bad,
		`"1-Feb-2020`: bad, "": bad, "1-Feb": bad, "-Feb-2020": bad,
		"1-Feb-20x0": bad, "x-Feb-2020": bad, "001-Feb-2020": bad,
	} {
		checkProduction(t, func(d *Decoder) (string, bool) {
			var v time.Time
			ok := d.MustDate(&v)
			return v.Format(time.DateOnly), ok
		}, map[string]string{in: want})
	}
}

func TestDateTimes(t *testing.T) {
	for in, want := range map[string]string{
		`"17-Jul-1996 02:44:25 -0700"`: "1996-07-17T02:44:25-07:00",
		`" 1-Jan-2020 00:00:00 +0000"`: "2020-01-01T00:00:00Z",
		`"01-Jan-2020 23:59:60 +1400"`: "2020-01-02T00:00:00+14:00", `" 1-Jan-2020 24:00:00 +0000"`: bad,
		`"1-Jan-2020 00:00:00 +0000"`: bad,
		`" 1-Jan-2020 00:00:00 0000"`: bad, `" 1-Jan-2020 00:60:00 +0000"`: bad, `" 1-Jan-2020 00:00:00 +0060"`: bad,
		`" 1-Jan-2020 00:00:00 +0000`:  bad,
		`" 1-Jan-2020 00.00:00 +0000"`: bad, `"31-Feb-2020 00:00:00 +0000"`: bad, `" 1-Jan-2020T00:00:00 +0000"`: bad,
		`""`: bad, "": bad,
		`" 1-Jan-2020 0x:00:00 +0000"`: bad, `" 1-Jan-2020 00:00:61 +0000"`: bad, `" 1-Jan-2020 00:00:00 +2400"`: bad,
	} {
		checkProduction(t, func(d *Decoder) (string, bool) {
			var v time.Time
			ok := d.MustDateTime(&v)
			return v.Format(time.RFC3339), ok
		}, map[string]string{in: want})
	}
}

func TestAppendDates(t *testing.T) {
	v := time.Date(2020, 2, 3, 4, 5, 6, 0, time.FixedZone("", -(3*60+30)*60))
	if got := string(AppendDateTime(nil, v)); got != `" 3-Feb-2020 04:05:06 -0330"` {
		t.Error(got)
	}
	if got := string(AppendDateTime(nil, v.UTC().AddDate(0, 0, 20))); got != `"23-Feb-2020 07:35:06 +0000"` {
		t.Error(got)
	}
	if got := string(AppendDate(nil, v)); got != "3-Feb-2020" {
		t.Error(got)
	}
}

func TestAppendStrings(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, c := range []struct{ in, server, serverUTF8, client string }{
		{"a", `"a"`, `"a"`, "a"},
		{"", `""`, `""`, `""`},
		{`a "b\`, `"a \"b\\"`, `"a \"b\\"`, `"a \"b\\"`},
		{"ü", "{2}\r\nü", `"ü"`, "{2+}\r\nü"},
		{"a\r\n", "{3}\r\na\r\n", "{3}\r\na\r\n", "{3+}\r\na\r\n"},
		{long + " ", "{2001}\r\n" + long + " ", "{2001}\r\n" + long + " ", "{2001+}\r\n" + long + " "},
	} {
		if got := string(AppendString(nil, c.in, false)); got != c.server {
			t.Errorf("%q: got %q, want %q", c.in, got, c.server)
		}
		if got := string(AppendString(nil, c.in, true)); got != c.serverUTF8 {
			t.Errorf("%q: in UTF-8 got %q, want %q", c.in, got, c.serverUTF8)
		}
		if got := string(AppendAString(nil, c.in, false)); got != c.client {
			t.Errorf("%q: client's %q, want %q", c.in, got, c.client)
		}
	}
	if got := string(AppendLiteral8Header(nil, 7)); got != "~{7}\r\n" {
		t.Error(got)
	}
}

func FuzzAString(f *testing.F) {
	for _, s := range []string{"", "abc", `a"b\`, "a\r\nb", "ü", "\xff", "{5+}", "]"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, utf8Quoted bool) {
		if strings.Contains(s, "\x00") || strings.ToValidUTF8(s, "") != s || len(s) > 60000 {
			return
		}
		d, _, _ := newTest(string(AppendAString(nil, s, utf8Quoted))+"\r\n", false, Limits{})
		d.Begin()
		var got string
		if !d.MustAString(&got) || d.End() != nil || got != s {
			t.Errorf("%q comes back as %q: %v", s, got, d.Err())
		}
	})
}
