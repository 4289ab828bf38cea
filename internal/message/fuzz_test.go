package message

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/constance-mail/constance/internal/mail"
)

// seeds adds the corpus and some fragments.
func seeds(f *testing.F) {
	names, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"", "\n", "\r\n", "--", "a:b", "Content-Type: multipart/mixed; boundary=a\n\n--a\n--a--", crlf(nested), nested,
		"Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n", "Content-Type: multipart/digest; boundary=a\n\n--a\n\n\n--a",
		"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n--a--\n"} {
		f.Add([]byte(s))
	}
}

func FuzzDigest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) { checkMessage(t, msg) })
}

// checkMessage checks all that must hold of any message.
func checkMessage(t *testing.T, msg []byte) {
	t.Helper()
	d, err := Digest(bytes.NewReader(msg), int64(len(msg)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := DecodeParts(d.Parts)
	if err != nil {
		t.Fatal(err)
	}
	if p.Header.Offset != 0 || p.Body.End() != int64(len(msg)) || d.HeaderSize != p.Header.Length || p.Body.Offset != p.Header.End() {
		t.Fatalf("header %v, body %v of %d octets", p.Header, p.Body, len(msg))
	}
	checkPart(t, p, msg)
	if rest, err := envelopeWire(string(d.Envelope)); err != nil || rest != "" {
		t.Fatalf("envelope %q: %v, left %q", d.Envelope, err, rest)
	}
	if rest, err := bodyWire(string(d.BodyStructure), true, p, msg); err != nil || rest != "" {
		t.Fatalf("structure %q: %v, left %q", d.BodyStructure, err, rest)
	}
	body := string(AppendBody(nil, d.BodyStructure))
	if rest, err := bodyWire(body, false, p, msg); err != nil || rest != "" {
		t.Fatalf("body %q: %v, left %q", body, err, rest)
	}
	for _, s := range []string{d.Subject, d.From, d.To, d.Cc, d.Bcc, d.BaseSubject, d.FromSort, d.FromDisplay, d.MessageID, strings.Join(d.References, "")} {
		if !utf8.ValidString(s) {
			t.Fatalf("%q is not UTF-8", s)
		}
	}
	if n := utf8.RuneCount(d.Preview); d.Preview == nil || n > MaxPreview || !utf8.Valid(d.Preview) ||
		bytes.ContainsAny(d.Preview, "\x00\r\n") {
		t.Fatalf("preview %q", d.Preview)
	}
	if bytes.IndexByte(d.Envelope, 0) >= 0 || bytes.IndexByte(d.BodyStructure, 0) >= 0 {
		t.Fatal("NUL in a wire form")
	}
	if len(d.Headers) > 0 {
		header := msg[:d.HeaderSize]
		names := []string{"from", "Subject", "CONTENT-TYPE", "list-id"}
		want, got := FilterHeader(nil, header, names, false), FilterHeader(nil, d.Headers, names, false)
		if len(header) <= MaxHeader && !bytes.Equal(want, got) {
			t.Fatalf("cached %q, in the message %q", got, want)
		}
	}
}

func checkPart(t *testing.T, p *Part, msg []byte) {
	t.Helper()
	r := bytes.NewReader(msg)
	if p.IsLeaf() && p.Encoding.Known() {
		d, err := p.Decoded(r)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, d); err != nil || n > 2*p.Body.Length+2 {
			t.Fatalf("%d octets of %v: %v", n, p.Body, err)
		}
	}
	end := p.Body.Offset
	for i := range p.parts {
		c := &p.parts[i]
		if c.Header.Offset < end || c.Header.End() > c.Body.Offset || c.Body.End() > p.Body.End() {
			t.Fatalf("part %v %v is not behind %d and inside of %v", c.Header, c.Body, end, p.Body)
		}
		end = c.Body.End()
		checkPart(t, c, msg)
	}
}

// The checkers of wire forms below take a value off s and give the rest.

func bodyWire(s string, extended bool, p *Part, msg []byte) (string, error) {
	s, ok := strings.CutPrefix(s, "(")
	if !ok {
		return s, fmt.Errorf("no body at %.40q", s)
	}
	var err error
	if strings.HasPrefix(s, "(") {
		if p.kind != multipart {
			return s, fmt.Errorf("kind %d is a multipart", p.kind)
		}
		for i := range p.parts {
			if s, err = bodyWire(s, extended, &p.parts[i], msg); err != nil {
				return s, err
			}
		}
		pattern := " s"
		if extended {
			pattern = " s p d l n"
		}
		return wire(s, pattern+")")
	}
	main := strings.ToLower(s[:min(len(s), 9)])
	if s, err = wire(s, "s s p n n s "); err != nil {
		return s, err
	}
	if !strings.HasPrefix(s, fmt.Sprint(p.Body.Length)) {
		return s, fmt.Errorf("size %.10q of %v", s, p.Body)
	}
	s, _ = wire(s, "#")
	switch p.kind {
	case text:
		if main[:6] != `"text"` {
			return s, fmt.Errorf("%s for a text", main)
		}
		lines := bytes.Count(msg[p.Body.Offset:p.Body.End()], newline)
		if want := fmt.Sprintf(" %d", lines); !strings.HasPrefix(s, want) {
			return s, fmt.Errorf("lines %.10q, want %s", s, want)
		}
		s, err = wire(s, " #")
	case embedded:
		if s, err = envelopeWire(strings.TrimPrefix(s, " ")); err == nil {
			s, err = bodyWire(strings.TrimPrefix(s, " "), extended, &p.parts[0], msg)
		}
		if err == nil {
			s, err = wire(s, " #")
		}
	}
	if extended && err == nil {
		s, err = wire(s, " n d l n")
	}
	if err != nil {
		return s, err
	}
	return wire(s, ")")
}

func envelopeWire(s string) (string, error) { return wire(s, "(n n a a a a a a n n)") }

// wire checks s against a pattern: s string, n nstring, # number, p parameters, d disposition, l language, a addresses.
func wire(s, pattern string) (string, error) {
	var err error
	for _, c := range pattern {
		switch c {
		case 's':
			s, err = stringWire(s)
		case 'n':
			if t, ok := strings.CutPrefix(s, "NIL"); ok {
				s = t
				continue
			}
			s, err = stringWire(s)
		case '#':
			t := strings.TrimLeft(s, "0123456789")
			if len(t) == len(s) {
				err = fmt.Errorf("no number at %.40q", s)
			}
			s = t
		case 'p', 'd', 'l', 'a':
			s, err = listWire(s, c)
		default:
			var ok bool
			if s, ok = strings.CutPrefix(s, string(c)); !ok {
				err = fmt.Errorf("no %q at %.40q", c, s)
			}
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func listWire(s string, kind rune) (string, error) {
	if t, ok := strings.CutPrefix(s, "NIL"); ok {
		return t, nil
	}
	switch kind {
	case 'd':
		return wire(s, "(s p)")
	case 'l':
		if !strings.HasPrefix(s, "(") {
			return stringWire(s)
		}
	}
	element := map[rune]string{'p': "s s", 'l': "s", 'a': "(n n n n)"}[kind]
	s, err := wire(s, "("+element)
	for err == nil && !strings.HasPrefix(s, ")") {
		if kind != 'a' {
			element = " " + strings.TrimPrefix(element, " ")
		}
		s, err = wire(s, element)
	}
	if err != nil {
		return s, err
	}
	return s[1:], nil
}

func stringWire(s string) (string, error) {
	if strings.HasPrefix(s, "{") {
		var n int
		if _, err := fmt.Sscanf(s, "{%d}\r\n", &n); err != nil {
			return s, err
		}
		_, s, _ = strings.Cut(s, "\r\n")
		if n > len(s) {
			return s, fmt.Errorf("literal of %d in %d", n, len(s))
		}
		return s[n:], nil
	}
	if !strings.HasPrefix(s, `"`) {
		return s, fmt.Errorf("no string at %.40q", s)
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[i+1:], nil
		case c == '\\':
			i++
			if i < len(s) && s[i] != '"' && s[i] != '\\' {
				return s, fmt.Errorf("escaped %q", s[i])
			}
		case c == '\r' || c == '\n' || c >= 0x80 || c == 0:
			return s, fmt.Errorf("%q in a quoted string", c)
		}
	}
	return s, fmt.Errorf("no end of %.40q", s)
}

func FuzzDecodeParts(f *testing.F) {
	for _, m := range []string{"", nested, "Content-Type: message/rfc822\n\nContent-Type: text/html; charset=x\n\nx"} {
		f.Add(mustDigest(f, m).Parts)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeParts(b)
		if err != nil {
			if mail.KindOf(err) != mail.Corrupt {
				t.Errorf("kind of %v", err)
			}
			return
		}
		var walk func(p *Part)
		walk = func(p *Part) {
			if p.Header.Offset < 0 || p.Header.Length < 0 || p.Body.Offset < p.Header.End() || p.Body.Length < 0 {
				t.Errorf("extents %v %v", p.Header, p.Body)
			}
			for i := range p.parts {
				if c := &p.parts[i]; c.Header.Offset < p.Body.Offset || c.Body.End() > p.Body.End() {
					t.Errorf("%v is not in %v", c.Body, p.Body)
				}
				walk(&p.parts[i])
			}
		}
		walk(p)
		p.Locate(Section{Path: []int{1, 1, 2}, What: Header})
	})
}

func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{"=?utf-8?q?a=20b?=", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?utf-7?Q?+AGE-?=", "=?x?b?a?=", "=?iso-2022-kr?b?GyQpQw4=?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := DecodeHeader(s); !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r\n") {
			t.Errorf("%q: %q", s, got)
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"a@b, c <d@e>", `"x\"y" <@r,@s:u@v>`, "g: a@b, c;, d", "(c(d)e) a (f) @ b", "<<a@b>", `"`, "a:b:c;;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var p parser
		if rest, err := wire(string(p.appendAddressList(nil, []byte(s))), "a"); err != nil || rest != "" {
			t.Errorf("%q: %v, left %q", s, err, rest)
		}
		open := false
		for _, a := range appendAddresses(nil, []byte(s)) {
			if !a.isGroup() && a.local == nil || a.isGroup() && (a.local == nil) != open {
				t.Errorf("%q: %q, in a group: %v", s, a, open)
			}
			if a.isGroup() {
				open = !open
			}
		}
		if open {
			t.Errorf("%q: a group without an end", s)
		}
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"Mon, 7 Feb 1994 21:52:25 -0800 (PST)", "7 Feb 94 21:52", "2026-01-02T03:04:05Z", "Mon Jan  2 15:04:05 2006"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sent, day := date([]byte(s))
		if sent == mail.NoDate {
			if day != 0 {
				t.Errorf("%q: day %d without a date", s, day)
			}
			return
		}
		if off := sent - int64(day)*86400; off < -86400 || off > 3*86400 {
			t.Errorf("%q: %d is not on day %d", s, sent, day)
		}
	})
}
