package message

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHTMLText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"no markup", "plain text", "plain text"},
		{"inline elements do not part a word", "<b>H</b>ello, <i>w</i>orld", "Hello, world"},
		{"white space folds", " a \r\n\t b ", "a b"},
		{"blocks are lines", "<p>one</p><p>two<br>three<div>four</div>", "one\ntwo\nthree\nfour"},
		{"cells are apart", "<tr><td>a<td>b</tr><tr><td>c</td></tr>", "a b\nc"},
		{"case of names", "<P>one</P><STYLE>x</sTyLe>two", "one\ntwo"},
		{"script and style", "<style type=\"a>b\">p{color:red}</style>a<script>if (1<2) '</b>'</script>b", "ab"},
		{"title", "<html><head><title>T</title></head><body>text</body></html>", "text"},
		{"raw content that looks like its end", "<script></scripts></scr </script >x", "x"},
		{"an empty raw element", "<script src=a />x", "x"},
		{"attributes", `<a href="x>y" title='a"b>c' x=a/b>link</a>`, "link"},
		{"a quote in an attribute's name", `<a b"c>link`, "link"},
		{"value without quotes", `<a x="1"y=2>link`, "link"},
		{"space before a value", `<a x = ">" >link`, "link"},
		{"comment", "a<!-- <b> -- > --->b", "ab"},
		{"conditional comment", "a<!--[if mso]><p>no</p><![endif]-->b", "ab"},
		{"conditional comment that shows", "a<![if !mso]>b<![endif]>c", "abc"},
		{"short comments", "a<!-->b<!--->c<!---->d", "abcd"},
		{"comment that ends wrongly", "a<!-- b --!>c", "ac"},
		{"declaration", "<!DOCTYPE html><?xml version='1'?>a", "a"},
		{"an end tag that is none", "a</ b>c</>d", "acd"},
		{"less than", "1 < 2 <3 <", "1 < 2 <3"},
		{"references", "&lt;b&gt; &amp; &auml;&#228;&#xE4; &copy;", "<b> & äää ©"},
		{"reference without its end", "R&amp D &ampx", "R& D &x"},
		{"references that are none", "a & b &; &nosuch; &#; &" + strings.Repeat("y", 50), "a & b &; &nosuch; &#; &" + strings.Repeat("y", 50)},
		{"a reference at the end", "a &lt", "a <"},
		{"no-break space", "a&nbsp;&nbsp;b", "a b"},
		{"two characters by one reference", "&NotEqualTilde;", "\u2242\u0338"},
		{"reference to what is no character", "a&#0;&#xD800;&#x110000;b", "ab"},
		{"NUL", "a\x00b", "ab"},
		{"long names", "<" + strings.Repeat("p", 100) + ">a<" + strings.Repeat("x", 5000) + " y>b", "ab"},
		{"a tag that does not end", "a<p title=\"", "a"},
		{"a comment that does not end", "a<!-- b", "a"},
		{"octets that are not UTF-8", "a\xff\xe4b", "a\xff\xe4b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readAll(t, HTMLText(strings.NewReader(c.in))); got != c.want {
				t.Errorf("%q\ngot  %q\nwant %q", c.in, got, c.want)
			}
			if got := readAll(t, HTMLText(iotest.OneByteReader(strings.NewReader(c.in)))); got != c.want {
				t.Errorf("octet by octet %q\ngot  %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}

func TestHTMLTextQuotes(t *testing.T) {
	in := "<div>Yes.</div><blockquote>one<br>two<blockquote><p>three</p></blockquote></blockquote></blockquote>end"
	if got, want := readAll(t, newHTMLText(strings.NewReader(in), true)), "Yes.\n> one\n> two\n> three\nend"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHTMLTextError(t *testing.T) {
	r := HTMLText(io.MultiReader(strings.NewReader("<p>a"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if b, err := io.ReadAll(r); err != io.ErrUnexpectedEOF || string(b) != "a" {
		t.Errorf("%q, %v", b, err)
	}
}

// However large a tag, a name, a comment: what is kept is bounded.
func TestHTMLTextMemory(t *testing.T) {
	for _, s := range []string{"x", "<b ", "<", "&", "&a", "<!--", "<a b='", "<blockquote>", "<script>"} {
		h := newHTMLText(strings.NewReader(strings.Repeat(s, 1<<20/len(s))), true)
		if _, err := io.Copy(io.Discard, h); err != nil {
			t.Fatal(err)
		}
		if n := cap(h.out) + cap(h.name) + cap(h.in); n > 16*htmlChunk {
			t.Errorf("%q: %d octets are kept", s, n)
		}
	}
}

func FuzzHTMLText(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<!-- x -->", "<script>a</script>b", "&amp;", "<a b='c'>d", "<blockquote>x"} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		whole := readAll(t, HTMLText(bytes.NewReader(in)))
		cut = min(max(cut, 0), len(in))
		pieces := io.MultiReader(bytes.NewReader(in[:cut]), bytes.NewReader(in[cut:]))
		if got := readAll(t, HTMLText(pieces)); got != whole {
			t.Errorf("%q in two pieces is %q, in one %q", in, got, whole)
		}
		if utf8.Valid(in) && !utf8.ValidString(whole) {
			t.Errorf("%q became %q, which is not UTF-8", in, whole)
		}
		if strings.Trim(whole, " \r\n\t\f") == "" && whole != "" || strings.Contains(whole, "  ") {
			t.Errorf("%q: white space stays in %q", in, whole)
		}
	})
}

func BenchmarkHTMLText(b *testing.B) {
	in := strings.Repeat(`<tr><td style="color: red; font-size: 12px" class=x>Some words &amp; more of <b>them</b></td></tr>`+"\n", 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, HTMLText(strings.NewReader(in))); err != nil {
			b.Fatal(err)
		}
	}
}
