package imap

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// GetMetadata is GETMETADATA; the mailbox "" is the server. RFC 5464 section 4.2.
type GetMetadata struct {
	Mailbox string
	Entries []string // in lower case; with BelowAny or BelowOne at the end it stands for those below
	Depth   int      // of entries below: 0, 1, or DepthInfinity
	Limited bool     // by MaxSize
	MaxSize uint32   // octets of a value
}

// What Cyrus's tools write for the entries below one, at any depth and one level below. RFC 5464 section 3.2 has no
// wildcards in names, so that it can mean nothing else.
const (
	BelowAny = "/*"
	BelowOne = "/%"
)

// DepthInfinity is any depth. RFC 5464 section 4.2.2.
const DepthInfinity = -1

// SetMetadata is SETMETADATA; the mailbox "" is the server. RFC 5464 section 4.3.
type SetMetadata struct {
	Mailbox string
	Entries []mail.Annotation // Name in lower case, and Value or Nil
	TooBig  bool              // reading stopped before a literal that is too large; the rest is to be skipped
}

// Verb is "GETMETADATA".
func (*GetMetadata) Verb() string { return "GETMETADATA" }

// Verb is "SETMETADATA".
func (*SetMetadata) Verb() string { return "SETMETADATA" }

// maxEntries bounds the entries of one command; their values are bounded as all literals are.
const maxEntries = 1000

// getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries; RFC 5464 section 5. The examples of
// section 4.2 have the options behind the mailbox: both are read.
func parseGetMetadata(d *wire.Decoder) Command {
	var c GetMetadata
	if !d.MustSP() || d.List(func() bool { return c.option(d) }) && !d.MustSP() || d.Err() != nil {
		return nil
	}
	if d.MustMailbox(&c.Mailbox) && d.MustSP() {
		c.entries(d)
	}
	return end(d, &c)
}

// entries = entry / "(" entry *(SP entry) ")"; RFC 5464 section 5. A list of options may come before.
func (c *GetMetadata) entries(d *wire.Decoder) bool {
	if !d.Open() {
		return d.Err() == nil && c.entry(d)
	}
	item := c.entry
	if !d.Next('/') && !d.Next('"') && !d.Next('{') {
		item = c.option
	}
	for item(d) {
		if d.Close() {
			return len(c.Entries) > 0 || d.MustSP() && c.entries(d)
		}
		if !d.MustSP() {
			return false
		}
	}
	return false
}

// entry = astring; RFC 5464 section 5. Or what is below one.
func (c *GetMetadata) entry(d *wire.Decoder) bool {
	var name string
	if !d.MustAString(&name) {
		return false
	}
	below := ""
	if strings.HasSuffix(name, BelowAny) || strings.HasSuffix(name, BelowOne) {
		name, below = name[:len(name)-len(BelowAny)], name[len(name)-len(BelowAny):]
	}
	if !addEntry(d, &c.Entries, name) {
		return false
	}
	c.Entries[len(c.Entries)-1] += below
	return true
}

// getmetadata-option = maxsize-opt / scope-opt; RFC 5464 section 5.
func (c *GetMetadata) option(d *wire.Decoder) bool {
	switch string(d.MustWord()) {
	case "MAXSIZE":
		c.Limited = true
		return d.MustSP() && d.MustNumber(&c.MaxSize)
	case "DEPTH":
		return d.MustSP() && c.depth(d)
	}
	return d.Fail("unknown option")
}

// scope-opt = "DEPTH" SP ("0" / "1" / "infinity"); RFC 5464 section 5.
func (c *GetMetadata) depth(d *wire.Decoder) bool {
	switch string(d.MustWord()) {
	case "0":
		c.Depth = 0
	case "1":
		c.Depth = 1
	case "INFINITY":
		c.Depth = DepthInfinity
	default:
		return d.Fail("expected 0, 1 or INFINITY")
	}
	return true
}

// mustEntries reads entry / "(" entry *(SP entry) ")"; RFC 5464 section 5.
func mustEntries(d *wire.Decoder, entries *[]string) bool {
	if d.List(func() bool { return mustEntry(d, entries) }) {
		return len(*entries) > 0 || d.Fail("no entry")
	}
	return d.Err() == nil && mustEntry(d, entries)
}

// entry = astring; RFC 5464 section 5.
func mustEntry(d *wire.Decoder, entries *[]string) bool {
	var name string
	return d.MustAString(&name) && addEntry(d, entries, name)
}

// addEntry adds the name of an entry. To ask for what is below, the first component alone will do.
func addEntry(d *wire.Decoder, entries *[]string, name string) bool {
	clean, err := mail.CleanEntry(name)
	if err != nil {
		if clean, err = mail.CleanEntry(name + "/vendor/x/x"); err != nil {
			return d.Fail("malformed entry name")
		}
		clean = clean[:len(name)]
	}
	if len(*entries) == maxEntries {
		return d.Fail("too many entries")
	}
	*entries = append(*entries, clean)
	return true
}

// setmetadata = "SETMETADATA" SP mailbox SP entry-values; RFC 5464 section 5.
// entry-values = "(" entry-value *(SP entry-value) ")"; RFC 5464 section 5.
func parseSetMetadata(d *wire.Decoder) Command {
	var c SetMetadata
	if !d.MustSP() || !d.MustMailbox(&c.Mailbox) || !d.MustSP() || !d.Open() {
		d.MustSpecial('(')
		return nil
	}
	for c.entryValue(d) {
		if d.Close() {
			return end(d, &c)
		}
		if !d.MustSP() {
			return nil
		}
	}
	if c.TooBig && d.Err() == nil {
		return &c
	}
	return nil
}

// entry-value = entry SP value; RFC 5464 section 5.
func (c *SetMetadata) entryValue(d *wire.Decoder) bool {
	var n mail.Annotation
	if !d.MustAString(&n.Name) || !d.MustSP() {
		return false
	}
	clean, err := mail.CleanEntry(n.Name)
	switch {
	case err != nil:
		return d.Fail("malformed entry name")
	case len(c.Entries) == maxEntries:
		return d.Fail("too many entries")
	}
	n.Name = clean
	if !c.value(d, &n) {
		return false
	}
	c.Entries = append(c.Entries, n)
	return true
}

// value = nstring / literal8; RFC 5464 section 5.
func (c *SetMetadata) value(d *wire.Decoder, n *mail.Annotation) bool {
	if !d.Next('{') && !d.Next('~') {
		return d.Err() == nil && d.MustNString(&n.Value, &n.Nil)
	}
	var size int64
	var sync, binary bool
	if !d.MustLiteral(&size, &sync, &binary) {
		return false
	}
	if c.TooBig = size > mail.MaxAnnotationValue; c.TooBig || !d.MustKeep() {
		return false
	}
	r, err := d.Literal()
	if err != nil {
		return false // the error sticks
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return false
	}
	n.Value = string(b)
	return binary || bytes.IndexByte(b, 0) < 0 || d.Fail("NUL octets need a literal8")
}

// Append appends the command.
func (c *GetMetadata) Append(b []byte, utf8 bool) []byte {
	b = append(b, "GETMETADATA "...)
	if c.Limited || c.Depth != 0 {
		b = append(b, '(')
		if c.Limited {
			b = append(strconv.AppendUint(append(b, "MAXSIZE "...), uint64(c.MaxSize), 10), ' ')
		}
		switch c.Depth {
		case 0:
			b = b[:len(b)-1]
		case 1:
			b = append(b, "DEPTH 1"...)
		default:
			b = append(b, "DEPTH infinity"...)
		}
		b = append(b, ") "...)
	}
	return appendEntries(append(appendMailbox(b, c.Mailbox, utf8), ' '), c.Entries)
}

func appendEntries(b []byte, entries []string) []byte {
	b = append(b, '(')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ' ')
		}
		b = wire.AppendAString(b, e, false)
	}
	return append(b, ')')
}

// Append appends the command.
func (c *SetMetadata) Append(b []byte, utf8 bool) []byte {
	b = append(appendMailboxCommand(b, "SETMETADATA", c.Mailbox, utf8), " ("...)
	for i, n := range c.Entries {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(wire.AppendAString(b, n.Name, false), ' ')
		switch {
		case n.Nil:
			b = append(b, "NIL"...)
		case bytes.IndexByte([]byte(n.Value), 0) >= 0:
			b = append(append(append(b, "~{"...), strconv.Itoa(len(n.Value))...), "+}\r\n"...)
			b = append(b, n.Value...)
		default:
			b = wire.AppendClientString(b, n.Value, utf8)
		}
	}
	return append(b, ')')
}

// AppendMetadata appends a METADATA response with values. RFC 5464 section 4.4.1.
func AppendMetadata(b []byte, mailbox string, entries []mail.Annotation, utf8 bool) []byte {
	b = append(wire.AppendMailbox(append(b, "* METADATA "...), mailbox, utf8), " ("...)
	for i, n := range entries {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(wire.AppendAString(b, n.Name, false), ' ')
		b = appendMetadataValue(b, &n, utf8)
	}
	return append(b, ")\r\n"...)
}

// value = nstring / literal8; RFC 5464 section 5.
func appendMetadataValue(b []byte, n *mail.Annotation, utf8 bool) []byte {
	for i := 0; i < len(n.Value); i++ {
		if n.Value[i] == 0 {
			return append(wire.AppendLiteral8Header(b, int64(len(n.Value))), n.Value...)
		}
	}
	if n.Nil {
		return append(b, "NIL"...)
	}
	return wire.AppendString(b, n.Value, utf8)
}

// AppendMetadataNames appends a METADATA response with the names of what changed. RFC 5464 section 4.4.2.
func AppendMetadataNames(b []byte, mailbox string, names []string, utf8 bool) []byte {
	b = wire.AppendMailbox(append(b, "* METADATA "...), mailbox, utf8)
	for _, n := range names {
		b = wire.AppendAString(append(b, ' '), n, false)
	}
	return append(b, "\r\n"...)
}

// AppendLongEntriesCode appends METADATA LONGENTRIES with the octets of the largest value that was left out.
// RFC 5464 section 4.2.1.
func AppendLongEntriesCode(b []byte, n int) []byte {
	return append(strconv.AppendInt(append(b, "[METADATA LONGENTRIES "...), int64(n), 10), ']')
}
