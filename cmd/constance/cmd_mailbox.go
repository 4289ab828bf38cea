package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/mail"
)

func (p *program) mailboxCmd() *cobra.Command {
	return group("mailbox", "Look into mailboxes, and share them",
		"Shows the mailboxes of a user and what is in them, and who may do what with them.",
		p.mailboxListCmd(), p.mailboxDumpCmd(), p.mailboxACLCmd(), p.mailboxPersonalCmd())
}

// mailboxRow is a mailbox in JSON.
type mailboxRow struct {
	Name        string            `json:"name"`
	ID          mail.MailboxID    `json:"id"`
	UIDValidity mail.UIDValidity  `json:"uidvalidity"`
	UIDNext     mail.UID          `json:"uidnext"`
	HighestMod  mail.ModSeq       `json:"highestmodseq"`
	Messages    uint32            `json:"messages"`
	Unseen      uint32            `json:"unseen"`
	Octets      int64             `json:"octets"`
	Uses        []mail.SpecialUse `json:"uses"`
	Subscribed  bool              `json:"subscribed"`
}

func (p *program) mailboxListCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "list USER",
		Short:   "List the mailboxes of a user",
		Long:    "Lists the mailboxes of a user with their counters.",
		Example: "  constance mailbox list alice",
		Args:    args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				u, err := b.user(c.Context(), a[0])
				if err != nil {
					return err
				}
				boxes, err := b.store.Account(u.Account).Mailboxes(c.Context())
				if err != nil {
					return err
				}
				return p.printMailboxes(boxes)
			})
		},
	}
}

func (p *program) printMailboxes(boxes []mail.Mailbox) error {
	out := []mailboxRow{}
	var rows [][]string
	for _, m := range boxes {
		if m.ID == 0 {
			continue // subscribed, but not there
		}
		out = append(out, mailboxRow{m.Name, m.ID, m.UIDValidity, m.UIDNext, m.HighestMod, m.Messages, m.Unseen, m.Size,
			append([]mail.SpecialUse{}, m.Uses...), m.Subscribed})
		var uses []string
		for _, use := range m.Uses {
			uses = append(uses, string(use))
		}
		rows = append(rows, []string{m.Name, strconv.Itoa(int(m.Messages)), strconv.Itoa(int(m.Unseen)), humanSize(m.Size),
			strconv.Itoa(int(m.UIDNext)), strconv.Itoa(int(m.HighestMod)), strings.Join(uses, " ")})
	}
	return p.table([]string{"MAILBOX", "MESSAGES", "UNSEEN", "SIZE", "UIDNEXT", "MODSEQ", "USE"}, rows, out)
}

// humanSize is a size with at most one digit after the point.
func humanSize(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// messageRow is a message in JSON.
type messageRow struct {
	UID      mail.UID       `json:"uid"`
	Flags    []mail.Flag    `json:"flags"`
	ModSeq   mail.ModSeq    `json:"modseq"`
	Content  mail.ContentID `json:"content"`
	Octets   int64          `json:"octets"`
	Internal time.Time      `json:"internal"`
	Saved    time.Time      `json:"saved"`
}

func (p *program) mailboxDumpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "dump USER [MAILBOX]",
		Short: "Print the messages of a mailbox",
		Long: `Prints a line per message of a mailbox (INBOX unless another is named): what the
store keeps of it in its pages of columns, readably.`,
		Example: "  constance mailbox dump alice\n  constance mailbox dump alice Sent --json",
		Args:    args(1, 2),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				u, err := b.user(c.Context(), a[0])
				if err != nil {
					return err
				}
				name := mail.Inbox
				if len(a) == 2 {
					name = a[1]
				}
				account := b.store.Account(u.Account)
				m, err := account.Mailbox(c.Context(), name)
				if err != nil {
					return hinted(err, "`constance mailbox list "+u.Login+"` lists the mailboxes")
				}
				s, err := account.Snapshot(c.Context(), m.ID)
				if err != nil {
					return err
				}
				return p.printMessages(s)
			})
		},
	}
}

func (p *program) printMessages(s *mail.Snapshot) error {
	out := make([]messageRow, 0, s.Len())
	rows := make([][]string, 0, s.Len())
	for _, page := range s.Pages {
		for i, uid := range page.UIDs {
			m := messageRow{uid, page.Flags[i].Flags(s.Mailbox.Keywords), page.ModSeqs[i], page.Contents[i], page.Sizes[i],
				time.Unix(page.Internal[i], 0).UTC(), time.Unix(page.Saved[i], 0).UTC()}
			out = append(out, m)
			var flags []string
			for _, f := range m.Flags {
				flags = append(flags, string(f))
			}
			rows = append(rows, []string{strconv.Itoa(int(uid)), strconv.Itoa(int(m.ModSeq)), strconv.Itoa(int(m.Content)),
				strconv.Itoa(int(m.Octets)), m.Internal.Format(time.RFC3339), strings.Join(flags, " ")})
		}
	}
	return p.table([]string{"UID", "MODSEQ", "CONTENT", "OCTETS", "INTERNAL", "FLAGS"}, rows, out)
}
