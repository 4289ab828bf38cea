// Package demo makes the mail of the demo accounts: two people, Alice and Bob, who work at a small museum and write to
// each other, with lists, bills, invitations and friends abroad around them. It is what a client has to show well: threads,
// attachments, HTML beside text, charsets that are not ours, a message within a message, flags, several mailboxes.
//
// Everything is generated and always the same, octet for octet.
package demo

import (
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Account is a demo account and its mail.
type Account struct {
	Login, Password string
	Mailboxes       []string  // besides INBOX, in the order in which to create those that are missing
	Messages        []Message // oldest first
}

// Message is one message.
type Message struct {
	Mailbox  string
	Flags    []mail.Flag
	Internal time.Time
	Octets   []byte
}

// The people.
const (
	alice = "Alice Liddell <alice@example.org>"
	bob   = "Bob Cratchit <bob@example.org>"
)

// day0 is when the story begins.
var day0 = time.Date(2026, 10, 5, 8, 30, 0, 0, time.FixedZone("", 2*60*60))

// at is a time of the story.
func at(day, hour, minute int) time.Time {
	return day0.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// Accounts are the demo accounts.
func Accounts() []Account {
	a := Account{Login: "alice", Password: "alice", Mailboxes: []string{"Archive", "Drafts", "Junk", "Sent", "Trash", "Lists/golang", "Lists/museum", "Räume & Pläne"}}
	b := Account{Login: "bob", Password: "bob", Mailboxes: []string{"Archive", "Drafts", "Junk", "Sent", "Trash", "Family", "Projects/Exhibition"}}
	story(&a, &b)
	return []Account{a, b}
}

// put files a letter.
func (a *Account) put(box string, l letter, flags ...mail.Flag) {
	a.Messages = append(a.Messages, Message{Mailbox: box, Flags: flags, Internal: l.date.Add(7 * time.Second), Octets: l.octets()})
}
