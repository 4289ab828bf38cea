package imap

import (
	"github.com/constance-mail/constance/internal/imap/wire"
)

// Notify is NOTIFY SET, or NOTIFY NONE without Set. RFC 5465 section 3.1.
type Notify struct {
	Set    bool
	Status bool // tell the status of the mailboxes first
	Groups []EventGroup
}

// EventGroup says which events of which mailboxes a client wants to be told of. RFC 5465 section 8.
type EventGroup struct {
	Mailboxes MailboxFilter
	Events    Events
	Fetch     []FetchItem // of new messages in the selected mailbox
}

// Events are kinds of events, as bits. RFC 5465 section 5.
type Events uint16

// The events.
const (
	EventMessageNew Events = 1 << iota
	EventMessageExpunge
	EventFlagChange
	EventAnnotationChange
	EventMailboxName
	EventSubscriptionChange
	EventMailboxMetadataChange
	EventServerMetadataChange
	EventUnknown // any that is none of these

	MessageEvents = EventMessageNew | EventMessageExpunge | EventFlagChange | EventAnnotationChange
)

// eventWords are the words of the events, in the order of their bits.
var eventWords = [...]string{"MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange", "MailboxName",
	"SubscriptionChange", "MailboxMetadataChange", "ServerMetadataChange"}

// Verb is "NOTIFY".
func (*Notify) Verb() string { return "NOTIFY" }

// The bounds of one NOTIFY.
const maxGroups = 100

// notify = "NOTIFY" SP (notify-set / notify-none); RFC 5465 section 8.
// notify-set = "SET" [SP "STATUS"] SP event-groups; event-groups = event-group *(SP event-group); RFC 5465 section 8.
func parseNotify(d *wire.Decoder) Command {
	var c Notify
	if !d.MustSP() {
		return nil
	}
	switch string(d.MustWord()) {
	case "NONE":
		return end(d, &c)
	case "SET":
	default:
		d.Fail("expected SET or NONE")
		return nil
	}
	c.Set = true
	if !d.MustSP() {
		return nil
	}
	if !d.Next('(') {
		if c.Status = d.MustKeyword("STATUS") && d.MustSP(); !c.Status {
			return nil
		}
	}
	for c.group(d) && d.SP() {
	}
	return end(d, &c)
}

// event-group = "(" filter-mailboxes SP events ")"; RFC 5465 section 8.
func (c *Notify) group(d *wire.Decoder) bool {
	if len(c.Groups) == maxGroups {
		return d.Fail("too many event groups")
	}
	var g EventGroup
	if !d.Open() {
		return d.MustSpecial('(')
	}
	if !g.Mailboxes.parse(d) || !d.MustSP() || !g.events(d) || !d.Close() && !d.MustSpecial(')') {
		return false
	}
	c.Groups = append(c.Groups, g)
	return c.valid(d, &g)
}

// valid holds what the grammar says in words. RFC 5465 sections 5, 6.1 and 8.
func (c *Notify) valid(d *wire.Decoder, g *EventGroup) bool {
	const both = EventMessageNew | EventMessageExpunge
	switch e := g.Events; {
	case e&both != 0 && e&both != both:
		return d.Fail("MessageNew and MessageExpunge go together")
	case e&(EventFlagChange|EventAnnotationChange) != 0 && e&both == 0:
		return d.Fail("FlagChange and AnnotationChange need MessageNew and MessageExpunge")
	case g.Mailboxes.Kind == FilterSubtreeOne:
		return d.Fail("subtree-one is for ESEARCH")
	case !g.Mailboxes.Kind.selected():
		return len(g.Fetch) == 0 || d.Fail("only new messages of the selected mailbox are fetched")
	case e&^(MessageEvents|EventUnknown) != 0:
		return d.Fail("the selected mailbox has message events only")
	}
	for i := range c.Groups[:len(c.Groups)-1] {
		if c.Groups[i].Mailboxes.Kind.selected() {
			return d.Fail("the selected mailbox is named twice")
		}
	}
	return true
}

// events = ( "(" event *(SP event) ")" ) / "NONE"; RFC 5465 section 8.
func (g *EventGroup) events(d *wire.Decoder) bool {
	if !d.Open() {
		return d.Err() == nil && d.MustKeyword("NONE")
	}
	for e := g.event(d); e != 0; e = g.event(d) {
		if d.Close() {
			return true
		}
		if !d.MustSP() {
			return false
		}
		if d.Next('(') {
			if !g.attributes(d, e) {
				return false
			}
			if d.Close() {
				return true
			}
			if !d.MustSP() {
				return false
			}
		}
	}
	return false
}

// event = message-event / mailbox-event / user-event / event-ext; RFC 5465 section 8. It returns 0 if there
// is none.
func (g *EventGroup) event(d *wire.Decoder) Events {
	var word string
	if !d.MustAtom(&word) {
		return 0
	}
	bit := EventUnknown
	for i, w := range eventWords {
		if equalFold(w, word) {
			bit = 1 << i
		}
	}
	g.Events |= bit
	return bit
}

// equalFold compares ASCII words without regard to case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && (a[i]|0x20 != b[i]|0x20 || a[i]|0x20 < 'a' || a[i]|0x20 > 'z') {
			return false
		}
	}
	return true
}

// "(" fetch-att *(SP fetch-att) ")" of message-event; RFC 5465 section 8.
func (g *EventGroup) attributes(d *wire.Decoder, of Events) bool {
	if of != EventMessageNew || len(g.Fetch) > 0 {
		return d.Fail("only MessageNew has attributes")
	}
	var f Fetch
	if !d.List(func() bool { return f.item(d) }) {
		return false
	}
	g.Fetch = f.Items
	return len(f.Items) > 0 || d.Fail("nothing to fetch")
}

// Append appends the command.
func (c *Notify) Append(b []byte, utf8 bool) []byte {
	if !c.Set {
		return append(b, "NOTIFY NONE"...)
	}
	b = append(b, "NOTIFY SET"...)
	if c.Status {
		b = append(b, " STATUS"...)
	}
	for i := range c.Groups {
		b = c.Groups[i].append(append(b, ' '), utf8)
	}
	return b
}

func (g *EventGroup) append(b []byte, utf8 bool) []byte {
	b = append(g.Mailboxes.append(append(b, '('), utf8), ' ')
	if g.Events == 0 {
		return append(b, "NONE)"...)
	}
	b = append(b, '(')
	first := true
	for i := 0; 1<<i <= int(g.Events); i++ {
		if g.Events&(1<<i) == 0 {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		if i == len(eventWords) {
			b = append(b, 'x')
			continue
		}
		b = append(b, eventWords[i]...)
		if i == 0 && len(g.Fetch) > 0 {
			b = appendFetchItems(append(b, ' '), g.Fetch)
		}
	}
	return append(b, "))"...)
}

// AppendBadEventCode appends BADEVENT with the events that are known. RFC 5465 section 8.
func AppendBadEventCode(b []byte, known Events) []byte {
	b = append(b, "[BADEVENT ("...)
	first := true
	for i, w := range eventWords {
		if known&(1<<i) == 0 {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(b, w...)
	}
	return append(b, ")]"...)
}
