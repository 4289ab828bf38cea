package imap

import (
	"slices"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// The bounds of FETCH: items, header fields of a section, levels of a part number.
const (
	maxFetchItems = 200
	maxFields     = 200
	maxPath       = 100
)

// fetchWords are the words of the items that have no section.
var fetchWords = [...]string{FetchUID: "UID", FetchFlags: "FLAGS", FetchInternalDate: "INTERNALDATE",
	FetchSize: "RFC822.SIZE", FetchEnvelope: "ENVELOPE", FetchBody: "BODY", FetchBodyStructure: "BODYSTRUCTURE",
	FetchModSeq: "MODSEQ", FetchEmailID: "EMAILID", FetchThreadID: "THREADID", FetchSaveDate: "SAVEDATE",
	FetchPreview: "PREVIEW",
	FetchSection: "", FetchBinary: "", FetchBinarySize: "",
	FetchRFC822: "RFC822", FetchRFC822Header: "RFC822.HEADER", FetchRFC822Text: "RFC822.TEXT"}

// fetchMacros are ALL, FAST and FULL. RFC 9051 section 6.4.5.
var fetchMacros = map[string][]FetchItem{
	"FAST": {{Attr: FetchFlags}, {Attr: FetchInternalDate}, {Attr: FetchSize}},
	"ALL":  {{Attr: FetchFlags}, {Attr: FetchInternalDate}, {Attr: FetchSize}, {Attr: FetchEnvelope}},
	"FULL": {{Attr: FetchFlags}, {Attr: FetchInternalDate}, {Attr: FetchSize}, {Attr: FetchEnvelope},
		{Attr: FetchBody}},
}

// fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
// [SP fetch-modifiers]; RFC 9051 section 9, RFC 4466 section 6.
func parseFetch(d *wire.Decoder) Command { return parseFetchCommand(d, &Fetch{}) }

func parseUIDFetch(d *wire.Decoder) Command { return parseFetchCommand(d, &Fetch{UID: true}) }

func parseFetchCommand(d *wire.Decoder, c *Fetch) Command {
	if !d.MustSP() || !mustNumSet(d, &c.Set) || !d.MustSP() || !c.items(d) {
		return nil
	}
	if d.SP() {
		d.MustList(func() bool { return c.modifier(d) })
	}
	if c.Vanished && (!c.UID || c.ChangedSince == 0) {
		d.Fail("VANISHED needs UID FETCH and CHANGEDSINCE") // RFC 7162 section 3.2.6
	}
	if c.Partial.First != 0 && !c.UID {
		d.Fail("PARTIAL needs UID FETCH") // RFC 9394 section 3.3
	}
	return end(d, c)
}

// fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED"; RFC 7162 section 7, RFC 9394 section 4.
func (c *Fetch) modifier(d *wire.Decoder) bool {
	var n int64
	switch string(d.MustWord()) {
	case "VANISHED":
		c.Vanished = true
		return true
	case "CHANGEDSINCE":
		if !d.MustSP() || !d.MustNZNumber64(&n) {
			return false
		}
		c.ChangedSince = mail.ModSeq(n)
		return true
	case "PARTIAL":
		if c.Partial.First != 0 {
			return d.Fail("PARTIAL twice")
		}
		return d.MustSP() && mustWindow(d, &c.Partial)
	}
	return d.Fail("unknown fetch modifier")
}

func (c *Fetch) items(d *wire.Decoder) bool {
	if d.List(func() bool { return c.item(d) }) {
		return len(c.Items) > 0 || d.Fail("nothing to fetch")
	}
	w := d.MustWord()
	if macro, ok := fetchMacros[string(w)]; ok {
		c.Items = slices.Clone(macro)
		return true
	}
	return c.itemOf(d, w)
}

func (c *Fetch) item(d *wire.Decoder) bool { return c.itemOf(d, d.MustWord()) }

// fetch-att; RFC 9051 section 9, RFC 3516 section 7. w is its word.
func (c *Fetch) itemOf(d *wire.Decoder, w []byte) bool {
	var i FetchItem
	bracket := d.Next('[')
	switch {
	case bracket && string(w) == "BODY":
		i.Attr = FetchSection
	case bracket && string(w) == "BODY.PEEK":
		i.Attr, i.Peek = FetchSection, true
	case bracket && string(w) == "BINARY":
		i.Attr = FetchBinary
	case bracket && string(w) == "BINARY.PEEK":
		i.Attr, i.Peek = FetchBinary, true
	case bracket && string(w) == "BINARY.SIZE":
		i.Attr = FetchBinarySize
	default:
		at := slices.Index(fetchWords[:], string(w))
		if bracket || at < 0 || len(w) == 0 {
			return d.Fail("unknown fetch item")
		}
		i.Attr = FetchAttr(at)
	}
	if bracket && !i.section(d) || i.Attr == FetchPreview && !i.modifiers(d) {
		return false
	}
	if !bracket && slices.ContainsFunc(c.Items, func(o FetchItem) bool { return o.Attr == i.Attr }) {
		return true
	}
	if c.Items == nil {
		c.Items = make([]FetchItem, 0, 4) // what most clients ask for
	}
	if len(c.Items) == maxFetchItems {
		return d.Fail("too many fetch items")
	}
	c.Items = append(c.Items, i)
	return true
}

// section = "[" [section-spec] "]"; section-binary = "[" [section-part] "]"; RFC 9051 section 9.
func (i *FetchItem) section(d *wire.Decoder) bool {
	d.MustSpecial('[')
	dot := true
	for dot && isNextDigit(d) {
		var n uint32
		if !d.MustNZNumber(&n) {
			return false
		}
		if len(i.Section.Path) == maxPath || n > 1<<30 {
			return d.Fail("part number too long")
		}
		i.Section.Path = append(i.Section.Path, int(n))
		dot = d.Special('.')
	}
	parts := len(i.Section.Path)
	switch {
	case i.Attr != FetchSection && parts > 0 && dot:
		return d.Fail("bad part number")
	case i.Attr == FetchSection && dot && (parts > 0 || !d.Next(']')) && !i.sectionText(d):
		return false
	}
	if !d.MustSpecial(']') {
		return false
	}
	return i.Attr == FetchBinarySize || !d.Special('<') || i.partial(d)
}

func isNextDigit(d *wire.Decoder) bool {
	for c := byte('0'); c <= '9'; c++ {
		if d.Next(c) {
			return true
		}
	}
	return false
}

// section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"; section-text =/ "MIME";
// RFC 9051 section 9.
func (i *FetchItem) sectionText(d *wire.Decoder) bool {
	s := &i.Section
	switch string(d.MustWord()) {
	case "HEADER":
		s.What = message.Header
	case "HEADER.FIELDS":
		s.What = message.HeaderFields
	case "HEADER.FIELDS.NOT":
		s.What = message.HeaderFieldsNot
	case "TEXT":
		s.What = message.Text
	case "MIME":
		if s.What = message.MIME; len(s.Path) == 0 {
			return d.Fail("MIME needs a part number")
		}
	default:
		return d.Fail("unknown section")
	}
	if s.What != message.HeaderFields && s.What != message.HeaderFieldsNot {
		return true
	}
	field := func() bool {
		var f string
		if !d.MustAString(&f) {
			return false
		}
		if len(s.Fields) == maxFields || f == "" {
			return d.Fail("too many header fields, or an empty one")
		}
		s.Fields = append(s.Fields, f)
		return true
	}
	return d.MustSP() && d.MustList(field) && (len(s.Fields) > 0 || d.Fail("no header field"))
}

// fetch-att =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]; preview-mod = "LAZY"; RFC 8970 section 6. Another
// list is one of fetch-modifiers.
func (i *FetchItem) modifiers(d *wire.Decoder) bool {
	if !d.NextText(" (LAZY") {
		return true
	}
	i.Lazy = true
	return d.MustSP() && d.MustList(func() bool { return d.MustKeyword("LAZY") })
}

// partial = "<" number64 "." nz-number64 ">"; RFC 9051 section 9. The "<" was read.
func (i *FetchItem) partial(d *wire.Decoder) bool {
	i.Partial = true
	return d.MustNumber64(&i.Offset) && d.MustSpecial('.') && d.MustNZNumber64(&i.Length) && d.MustSpecial('>')
}
