package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/text/encoding"
)

// letter is a message before it is written down.
type letter struct {
	from, to, cc string
	subject      string
	date         time.Time
	id           string   // left of its @
	refs         []string // ids of the thread so far, oldest first
	header       []string // further fields
	body         part
}

// part is a MIME part: its content fields without the final CRLF, and its encoded content.
type part struct {
	fields []string
	body   string
}

// domain of message ids.
const domain = "@example.org"

func (l letter) octets() []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	field("Date", l.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	field("From", address(l.from))
	field("To", address(l.to))
	field("Cc", address(l.cc))
	subject := l.subject
	if !strings.HasPrefix(subject, "=?") {
		subject = strings.ReplaceAll(mime.QEncoding.Encode("utf-8", subject), "?= =?", "?=\r\n =?")
	}
	field("Subject", subject)
	field("Message-ID", "<"+l.id+domain+">")
	if n := len(l.refs); n > 0 {
		field("In-Reply-To", "<"+l.refs[n-1]+domain+">")
		field("References", "<"+strings.Join(l.refs, domain+">\r\n <")+domain+">")
	}
	for _, f := range l.header {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	l.body.write(&b)
	return b.Bytes()
}

func (p part) write(b *bytes.Buffer) {
	for _, f := range p.fields {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n" + p.body)
}

// address encodes the names in a list of addresses. Names hold no comma.
func address(list string) string {
	if list == "" {
		return ""
	}
	var out []string
	for _, s := range strings.Split(list, ", ") {
		name, addr, ok := strings.Cut(strings.TrimSuffix(s, ">"), " <")
		if !ok {
			out = append(out, s)
			continue
		}
		out = append(out, (&mail.Address{Name: name, Address: addr}).String())
	}
	return strings.Join(out, ", ")
}

// crlf makes line ends those of mail.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// text is plain text in UTF-8, quoted-printable if it has to be.
func text(s string) part { return textAs("plain", s) }

func textAs(subtype, s string) part {
	s = strings.TrimSpace(s) + "\n"
	ascii := !strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) && maxLine(s) < 900
	if ascii {
		return part{[]string{"Content-Type: text/" + subtype + "; charset=us-ascii", "Content-Transfer-Encoding: 7bit"}, crlf(s)}
	}
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(crlf(s))) // a bytes.Buffer takes everything
	w.Close()
	return part{[]string{"Content-Type: text/" + subtype + "; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"}, b.String()}
}

func maxLine(s string) (n int) {
	for _, l := range strings.Split(s, "\n") {
		n = max(n, len(l))
	}
	return n
}

// textIn is plain text in another charset, as base64 but for the 7-bit ones.
func textIn(charset string, e encoding.Encoding, s string) part {
	raw := encode(e, crlf(strings.TrimSpace(s)+"\n"))
	if strings.HasPrefix(charset, "iso-2022") {
		return part{[]string{"Content-Type: text/plain; charset=" + charset, "Content-Transfer-Encoding: 7bit"}, raw}
	}
	return part{[]string{"Content-Type: text/plain; charset=" + charset, "Content-Transfer-Encoding: base64"}, fold64([]byte(raw))}
}

// word is a short header text in another charset. RFC 2047.
func word(charset string, e encoding.Encoding, s string) string {
	return mime.BEncoding.Encode(charset, encode(e, s))
}

func encode(e encoding.Encoding, s string) string {
	raw, err := e.NewEncoder().String(s)
	if err != nil {
		panic("demo: " + err.Error()) // our own text does not fit its charset
	}
	return raw
}

// fold64 is base64 in lines of 76.
func fold64(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for len(s) > 76 {
		out.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return out.String() + s + "\r\n"
}

// multipart joins parts; boundary must be unique within its message.
func multipart(subtype, boundary string, parts ...part) part {
	var b bytes.Buffer
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n")
		p.write(&b)
		if !strings.HasSuffix(p.body, "\r\n") {
			b.WriteString("\r\n")
		}
	}
	b.WriteString("--" + boundary + "--\r\n")
	return part{[]string{fmt.Sprintf("Content-Type: multipart/%s; boundary=%q", subtype, boundary)}, b.String()}
}

// alternative is text and HTML of the same.
func alternative(boundary, plain, html string) part {
	return multipart("alternative", boundary, text(plain), textAs("html", html))
}

// file is an attachment. A name that is not ASCII is written after RFC 2231.
func file(mediaType, name string, content []byte) part {
	return part{[]string{
		"Content-Type: " + mime.FormatMediaType(mediaType, map[string]string{"name": name}),
		"Content-Disposition: " + mime.FormatMediaType("attachment", map[string]string{"filename": name}),
		"Content-Transfer-Encoding: base64",
	}, fold64(content)}
}

// inline is an image that the HTML beside it shows.
func inline(id string, content []byte) part {
	p := file("image/png", "picture.png", content)
	p.fields[1] = `Content-Disposition: inline; filename="picture.png"`
	p.fields = append(p.fields, "Content-ID: <"+id+">")
	return p
}

// forwarded is a message within a message.
func forwarded(l letter) part {
	return part{[]string{"Content-Type: message/rfc822", "Content-Disposition: attachment"}, string(l.octets())}
}

// picture is a small PNG: a sky over hills.
func picture(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(90 + 120*y/h), uint8(150 + 70*y/h), 235, 255}
			if hill := h/2 + (x*(w-x)*h)/(w*w) - h/5; y > hill {
				c = color.RGBA{uint8(40 + 40*x/w), uint8(110 + 60*(h-y)/h), 50, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic("demo: " + err.Error()) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// pdf is a page with some lines of text (ASCII).
func pdf(lines ...string) []byte {
	var content strings.Builder
	content.WriteString("BT /F1 12 Tf 72 770 Td 16 TL\n")
	for _, l := range lines {
		fmt.Fprintf(&content, "(%s) Tj T*\n", strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(l))
	}
	content.WriteString("ET\n")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", content.Len(), content.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	var offsets []int
	for i, o := range objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}
