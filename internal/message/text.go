package message

import (
	"io"
	"strings"
)

// Text reads the text of a part of type text from the stored octets r: decoded, in UTF-8, of HTML what
// HTMLText gives of it. What has an encoding or a charset that nobody knows is read as it stands.
func (p *Part) Text(r io.ReaderAt) io.Reader {
	out := p.inUTF8(r)
	if p.html {
		return HTMLText(out)
	}
	return out
}

// inUTF8 reads the decoded body of a text part in UTF-8, markup and all.
func (p *Part) inUTF8(r io.ReaderAt) io.Reader {
	out, err := p.Decoded(r)
	if err != nil {
		out = io.NewSectionReader(r, p.Body.Offset, p.Body.Length)
	}
	if isUnicode(p.Charset) {
		return out
	}
	if enc, ok := Charset(p.Charset); ok {
		return enc.NewDecoder().Reader(out)
	}
	return out
}

// isUnicode tells whether text of that charset is UTF-8 as it stands: ASCII is part of it.
func isUnicode(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii")
}
