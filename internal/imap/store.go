package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Store is STORE, or UID STORE. RFC 9051 section 6.4.6, RFC 7162 section 3.1.3.
type Store struct {
	UID            bool
	Set            NumSet
	Conditional    bool // UNCHANGEDSINCE was given
	UnchangedSince mail.ModSeq
	Op             mail.FlagOp
	Silent         bool
	Flags          []mail.Flag // without \Recent
}

// Verb is "STORE".
func (*Store) Verb() string { return "STORE" }

// store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags; RFC 7162 section 7, RFC 9051 section 9.
func parseStore(d *wire.Decoder) Command { return parseStoreCommand(d, &Store{}) }

func parseUIDStore(d *wire.Decoder) Command { return parseStoreCommand(d, &Store{UID: true}) }

func parseStoreCommand(d *wire.Decoder, c *Store) Command {
	if !d.MustSP() || !mustNumSet(d, &c.Set) || !d.MustSP() {
		return nil
	}
	if d.List(func() bool { return c.modifier(d) }) && !d.MustSP() {
		return nil
	}
	switch {
	case d.Special('+'):
		c.Op = mail.AddFlags
	case d.Special('-'):
		c.Op = mail.RemoveFlags
	}
	switch string(d.MustWord()) {
	case "FLAGS":
	case "FLAGS.SILENT":
		c.Silent = true
	default:
		d.Fail("expected FLAGS")
		return nil
	}
	if !d.MustSP() || !c.flags(d) {
		return nil
	}
	return end(d, c)
}

// store-att-flags = ... (flag-list / (flag *(SP flag))); RFC 9051 section 9.
func (c *Store) flags(d *wire.Decoder) bool {
	if flagList(d, &c.Flags) {
		return true
	}
	for flag(d, &c.Flags) {
		if !d.SP() {
			return true
		}
	}
	return false
}

// store-modifier = "UNCHANGEDSINCE" SP mod-sequence-valzer; RFC 7162 section 7.
func (c *Store) modifier(d *wire.Decoder) bool {
	var n int64
	if c.Conditional || !d.MustKeyword("UNCHANGEDSINCE") || !d.MustSP() || !d.MustNumber64(&n) {
		return d.Fail("bad modifier")
	}
	c.Conditional, c.UnchangedSince = true, mail.ModSeq(n)
	return true
}

// appendUID appends "UID " if the command is its UID form, and the verb with a space.
func appendUID(b []byte, uid bool, verb string) []byte {
	if uid {
		b = append(b, "UID "...)
	}
	return append(append(b, verb...), ' ')
}

// Append appends the command.
func (c *Store) Append(b []byte, _ bool) []byte {
	b = append(c.Set.Append(appendUID(b, c.UID, "STORE")), ' ')
	if c.Conditional {
		b = strconv.AppendUint(append(b, "(UNCHANGEDSINCE "...), uint64(c.UnchangedSince), 10)
		b = append(b, ") "...)
	}
	switch c.Op {
	case mail.AddFlags:
		b = append(b, '+')
	case mail.RemoveFlags:
		b = append(b, '-')
	case mail.ReplaceFlags:
	}
	b = append(b, "FLAGS"...)
	if c.Silent {
		b = append(b, ".SILENT"...)
	}
	return AppendFlags(append(b, ' '), c.Flags)
}
