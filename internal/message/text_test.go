package message

import (
	"strings"
	"testing"
)

func TestPartText(t *testing.T) {
	for _, c := range []struct{ name, header, body, want string }{
		{"plain", "text/plain", "a\nb\n", "a\r\nb\r\n"},
		{"charset", "text/plain; charset=iso-8859-1", "gr\xfc\xdfe", "grüße"},
		{"unknown charset", "text/plain; charset=no-such", "gr\xfc\xdfe", "gr\xfc\xdfe"},
		{"html", "text/html; charset=iso-8859-1", "<p>gr\xfc\xdfe &amp; more", "grüße & more"},
		{"base64", "text/html; charset=utf-16\nContent-Transfer-Encoding: base64", "/v8APABwAD4A5A==", "ä"},
		{"quoted-printable", "text/html\nContent-Transfer-Encoding: quoted-printable", "<b=\n>a=20b</b>", "a b"},
		{"unknown encoding", "text/html\nContent-Transfer-Encoding: x-uu", "<b>a</b>", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg := "Content-Type: " + c.header + "\n\n" + c.body
			p, err := DecodeParts(mustDigest(t, msg).Parts)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, p.Text(strings.NewReader(msg))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
