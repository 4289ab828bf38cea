package message

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding"

	"github.com/constance-mail/constance/internal/mail"
)

const (
	maxMessageID  = 998 // octets; a longer one is no message id
	maxReferences = 256 // message ids; the oldest and the newest stay
	maxKeyList    = 64 << 10
)

// Digest reads a message of size octets once and computes all that is stored beside it. Any octets are a message,
// however broken; the only errors are those of r. Keys.Thread is left for the store.
func Digest(r io.ReaderAt, size int64) (*mail.Digest, error) {
	d := &digester{}
	p, err := parse(r, size, d)
	if err != nil {
		return nil, err
	}
	out := &d.out
	root := &p.nodes[0]
	out.Envelope = slices.Clone(p.slice(root.envelope))
	out.BodyStructure = p.appendStructure(make([]byte, 0, p.structureSize()-len(out.Envelope)), 0)
	out.Parts = p.appendParts(make([]byte, 0, 8+12*len(p.nodes)))
	out.HeaderSize = root.head.Length
	out.Preview, err = p.preview()
	return out, err
}

// digester makes what a Digest says of the message's own header.
type digester struct {
	out  mail.Digest
	bare encoding.Encoding // of 8-bit text in the header
}

// header is called while p.head and block are valid.
func (d *digester) header(p *parser, block []byte) {
	h := &p.head
	if c, ok := parseContentType(h.contentType, nil); ok {
		if e, ok := Charset(string(c.param("charset"))); ok {
			d.bare = e
		}
	}
	out := &d.out
	out.Headers = cachedHeaders(block)
	out.Subject = strings.TrimSpace(decodeText(h.subject, d.bare))
	out.BaseSubject = baseSubject(out.Subject)
	out.From, out.FromSort, out.FromDisplay = d.addresses(p, h.from)
	out.To, out.ToSort, out.ToDisplay = d.addresses(p, h.to)
	out.Cc, out.CcSort, _ = d.addresses(p, h.cc)
	out.Bcc, _, _ = d.addresses(p, h.bcc)
	out.Sent, out.SentDay = date(h.date)
	out.MessageID = messageID(h.messageID)
	out.References = references(h.references, h.inReplyTo)
}

// addresses is a field's addresses as text to search in, the mailbox of the first for sorting (RFC 5256 section 3) and
// what to show of it (RFC 5957 section 3).
func (d *digester) addresses(p *parser, value []byte) (list, sort, display string) {
	if len(value) == 0 {
		return "", "", ""
	}
	p.addresses = appendAddresses(p.addresses[:0], value)
	b := make([]byte, 0, len(value)+len(value)/2)
	open := true // nothing precedes that a comma would have to follow
	for i := range p.addresses {
		a := &p.addresses[i]
		name := ""
		if a.name != nil {
			name = decodeText(a.name, d.bare)
		}
		if i == 0 {
			sort, display = decodeText(a.local, d.bare), name
			if display == "" {
				display = strings.ToValidUTF8(string(appendAddrSpec(nil, a)), "\uFFFD")
			}
		}
		if a.isGroup() && a.local == nil {
			b, open = append(b, ';'), false
			continue
		}
		if !open {
			b = append(b, ", "...)
		}
		if a.isGroup() {
			b, open = append(append(b, decodeText(a.local, d.bare)...), ": "...), true
			continue
		}
		open = false
		if name != "" {
			b = append(append(b, name...), ' ')
		}
		b = append(b, '<')
		b = append(appendAddrSpec(b, a), '>')
		if len(b) > maxKeyList {
			break
		}
	}
	return clean(string(b)), sort, display
}

// appendAddrSpec appends local@host, or what there is of it.
func appendAddrSpec(b []byte, a *address) []byte {
	b = append(b, a.local...)
	if len(a.host) > 0 {
		b = append(append(b, '@'), a.host...)
	}
	return b
}

// messageID is the first message id of a field without <>; a field that has no <> is taken as one.
func messageID(v []byte) string {
	if id, _, ok := nextMessageID(v); ok {
		return id
	}
	id, _, _ := bytes.Cut(trim(unfold(v)), []byte{' '})
	return validMessageID(id)
}

// nextMessageID finds the next <...>.
func nextMessageID(v []byte) (id string, rest []byte, ok bool) {
	for {
		start := bytes.IndexByte(v, '<')
		if start < 0 {
			return "", nil, false
		}
		end := bytes.IndexByte(v[start:], '>')
		if end < 0 {
			return "", nil, false
		}
		in := v[start+1 : start+end]
		v = v[start+end+1:]
		if i := bytes.LastIndexByte(in, '<'); i >= 0 {
			in = in[i+1:]
		}
		if id = validMessageID(in); id != "" {
			return id, v, true
		}
	}
}

// validMessageID is in without white space (a long one may be folded) and without the quotes of a quoted local part
// that needs none, "" if it is too long. RFC 5256 section 3 (REFERENCES).
func validMessageID(in []byte) string {
	if len(in) > maxMessageID {
		return ""
	}
	out := make([]byte, 0, len(in))
	for _, c := range in {
		if c > ' ' && c != 0x7f {
			out = append(out, c)
		}
	}
	if len(out) > 2 && out[0] == '"' {
		if local, n := unquote(out, '"'); n > 0 && n < len(out) && out[n] == '@' {
			out = append(slices.Clone(local), out[n:]...)
		}
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// references are the message ids of References or, if there are none, the first of In-Reply-To.
func references(refs, inReplyTo []byte) []string {
	var out []string
	for {
		id, rest, ok := nextMessageID(refs)
		if !ok {
			break
		}
		if refs = rest; len(out) == maxReferences {
			out = append(out[:1], out[2:]...)
		}
		out = append(out, id)
	}
	if len(out) == 0 {
		if id, _, ok := nextMessageID(inReplyTo); ok {
			return []string{id}
		}
	}
	return out
}
