package imap

import (
	"strconv"

	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/mail"
)

// Select is SELECT, or EXAMINE. RFC 9051 sections 6.3.2 and 6.3.3, RFC 7162 sections 3.1.8 and 3.2.5.
type Select struct {
	Examine   bool
	Mailbox   string
	CondStore bool
	QResync   *QResync // nil if not given
}

// QResync is what a client knows of a mailbox. RFC 7162 section 3.2.5.
type QResync struct {
	UIDValidity mail.UIDValidity
	ModSeq      mail.ModSeq
	Known       mail.UIDSet // nil if not given: all
	// SeqMatch: message number Seqs[i] had UID UIDs[i], as sets in step; nil if not given.
	MatchSeqs, MatchUIDs mail.UIDSet
}

// Verb is "SELECT" or "EXAMINE".
func (c *Select) Verb() string {
	if c.Examine {
		return "EXAMINE"
	}
	return "SELECT"
}

// Append appends the command.
func (c *Select) Append(b []byte, utf8 bool) []byte {
	b = appendMailboxCommand(b, c.Verb(), c.Mailbox, utf8)
	switch {
	case c.CondStore && c.QResync != nil:
		b = c.QResync.append(append(b, " (CONDSTORE "...))
	case c.CondStore:
		return append(b, " (CONDSTORE)"...)
	case c.QResync != nil:
		b = c.QResync.append(append(b, " ("...))
	default:
		return b
	}
	return append(b, ')')
}

func (q *QResync) append(b []byte) []byte {
	b = strconv.AppendUint(append(b, "QRESYNC ("...), uint64(q.UIDValidity), 10)
	b = strconv.AppendUint(append(b, ' '), uint64(q.ModSeq), 10)
	if q.Known != nil {
		b = q.Known.Append(append(b, ' '))
	}
	if q.MatchSeqs != nil {
		b = append(q.MatchSeqs.Append(append(b, " ("...)), ' ')
		b = append(q.MatchUIDs.Append(b), ')')
	}
	return append(b, ')')
}

// select = "SELECT" SP mailbox [select-params]; RFC 9051 section 9, RFC 4466 section 6.
func parseSelect(d *wire.Decoder) Command { return parseSelectCommand(d, &Select{}) }

// examine = "EXAMINE" SP mailbox [select-params]; RFC 9051 section 9, RFC 4466 section 6.
func parseExamine(d *wire.Decoder) Command { return parseSelectCommand(d, &Select{Examine: true}) }

func parseSelectCommand(d *wire.Decoder, c *Select) Command {
	if d.MustSP() && d.MustMailbox(&c.Mailbox) && d.SP() {
		d.MustList(func() bool { return c.param(d) })
	}
	return end(d, c)
}

// select-param =/ condstore-param / "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids]
// [SP seq-match-data] ")"; RFC 7162 section 7.
func (c *Select) param(d *wire.Decoder) bool {
	switch string(d.MustWord()) {
	case "CONDSTORE":
		c.CondStore = true
		return true
	case "QRESYNC":
		if c.QResync != nil {
			return d.Fail("QRESYNC twice")
		}
		c.QResync = &QResync{}
		return d.MustSP() && c.QResync.parse(d)
	}
	return d.Fail("unknown parameter")
}

func (q *QResync) parse(d *wire.Decoder) bool {
	var validity uint32
	var modSeq int64
	if !d.MustSpecial('(') || !d.MustNZNumber(&validity) || !d.MustSP() || !d.MustNZNumber64(&modSeq) {
		return false
	}
	q.UIDValidity, q.ModSeq = mail.UIDValidity(validity), mail.ModSeq(modSeq)
	more := d.SP()
	if more && !d.Special('(') {
		if !mustUIDSet(d, &q.Known) {
			return false
		}
		if more = d.SP(); more && !d.MustSpecial('(') {
			return false
		}
	}
	if more && !q.match(d) {
		return false
	}
	return d.MustSpecial(')')
}

// seq-match-data = "(" known-sequence-set SP known-uid-set ")"; RFC 7162 section 7. The parenthesis was read.
func (q *QResync) match(d *wire.Decoder) bool {
	if !mustUIDSet(d, &q.MatchSeqs) || !d.MustSP() || !mustUIDSet(d, &q.MatchUIDs) || !d.MustSpecial(')') {
		return false
	}
	return q.MatchSeqs.Len() == q.MatchUIDs.Len() || d.Fail("sets of different length")
}
