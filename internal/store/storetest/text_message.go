package storetest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"

	"github.com/constance-mail/constance/internal/message"
)

// textWords are what the texts of messages are made of: few, so that they meet, in many scripts, and what is odd.
var textWords = [...]string{
	"budget", "Budget", "meeting", "the", "and", "invoice-2026", "a", "ab", "Größe", "STRASSE", "straße", "café", "cafe\u0301", "ﬁnal",
	"привет", "Москва", "ΣΊΣΥΦΟΣ", "日本語", "日本", "東京都", "한국어", "ｆｕｌｌ", "naïve", "…", "\"quoted\"", "<b>", "&amp;", "x*y", "1,234.56",
	"\x00", "\xff\xfe", "\xc3", "𝐛old", "𠀋",
}

// textCharsets are charsets that texts are in; a text that has no form in it is UTF-8 instead.
var textCharsets = [...]string{"utf-8", "us-ascii", "iso-8859-1", "koi8-r", "iso-2022-jp", "gb18030", "utf-16", "euc-kr", "x-unknown"}

// TextMessage is a message whose texts are worth searching: in charsets, encodings and MIME types of all kinds. Equal seeds make
// equal octets.
func TextMessage(seed uint64) []byte {
	m := textMaker{Rand: rand.New(rand.NewPCG(seed, 11))}
	m.field("From", m.encodedWord()+" <"+pick(m.Rand, people[:])+">")
	m.field("Subject", m.encodedWord()+" "+m.text(3)+"\r\n "+m.encodedWord())
	m.field("X-"+pick(m.Rand, []string{"Trace", "Note", "Spam Score"}), m.text(4))
	if m.IntN(8) == 0 {
		m.b.WriteString("a line that is no field\r\n")
	}
	m.part(0)
	return []byte(m.b.String())
}

// textMaker writes a message.
type textMaker struct {
	*rand.Rand
	b strings.Builder
}

func (m *textMaker) field(name, value string) { fmt.Fprintf(&m.b, "%s: %s\r\n", name, value) }

// text is some words.
func (m *textMaker) text(most int) string {
	var words []string
	for range 1 + m.IntN(most) {
		words = append(words, pick(m.Rand, textWords[:]))
	}
	return strings.Join(words, pick(m.Rand, []string{" ", " ", "", "\r\n", "-"}))
}

// inCharset is a text in some charset.
func (m *textMaker) inCharset(text string) (octets, charset string) {
	charset = pick(m.Rand, textCharsets[:])
	enc, ok := message.Charset(charset)
	if !ok {
		return text, charset
	}
	octets, err := enc.NewEncoder().String(text)
	if err != nil {
		return text, "utf-8"
	}
	return octets, charset
}

// encodedWord is an encoded word. RFC 2047 section 2.
func (m *textMaker) encodedWord() string {
	octets, charset := m.inCharset(strings.ReplaceAll(m.text(2), "\r\n", " "))
	return "=?" + charset + "?b?" + base64.StdEncoding.EncodeToString([]byte(octets)) + "?="
}

// part writes the content fields, the empty line and the body of a part.
func (m *textMaker) part(depth int) {
	switch n := m.IntN(10); {
	case n < 3 && depth < 3:
		m.multipart(depth)
	case n == 3 && depth < 3:
		m.field("Content-Type", "message/rfc822")
		m.b.WriteString("\r\n")
		m.field("Subject", m.encodedWord())
		m.part(depth + 1)
	case n == 4:
		m.field("Content-Type", "application/octet-stream; name=\""+m.encodedWord()+"\"")
		m.leaf(m.text(60))
	default:
		text, charset := m.inCharset(m.text(60))
		m.field("Content-Type", "text/"+pick(m.Rand, []string{"plain", "html", "html", "calendar"})+"; charset=\""+charset+"\"")
		m.leaf(text)
	}
}

func (m *textMaker) multipart(depth int) {
	boundary := fmt.Sprintf("b%d", m.IntN(1000))
	m.field("Content-Type", "multipart/"+pick(m.Rand, []string{"mixed", "alternative", "digest"})+"; boundary="+boundary)
	m.b.WriteString("\r\n" + m.text(2) + "\r\n")
	for range 1 + m.IntN(3) {
		m.b.WriteString("--" + boundary + "\r\n")
		m.part(depth + 1)
		m.b.WriteString("\r\n")
	}
	if m.IntN(5) > 0 { // else the message was cut
		m.b.WriteString("--" + boundary + "--\r\n")
	}
}

// leaf writes the encoding, the empty line and a body.
func (m *textMaker) leaf(text string) {
	if m.IntN(3) == 0 {
		text = "<p>" + text + "<br>" + m.text(3) + "</p><style>" + m.text(2) + "</style>&eacute;&#x65e5;"
	}
	switch m.IntN(4) {
	case 0:
		m.b.WriteString("Content-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(text)) + "\r\n")
	case 1:
		m.b.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
		w := quotedprintable.NewWriter(&m.b)
		_, _ = w.Write([]byte(text)) // a Builder does not fail
		_ = w.Close()
	case 2:
		m.b.WriteString("Content-Transfer-Encoding: x-odd\r\n\r\n" + text)
	default:
		m.b.WriteString("\r\n" + text + "\r\n")
	}
}
