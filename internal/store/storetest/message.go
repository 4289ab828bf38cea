package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Options are what a store under test is opened with: enough of everything to reach its bounds.
func Options() mail.Options {
	return mail.Options{
		Mailboxes: []mail.NewMailbox{
			{Name: "INBOX", Subscribed: true},
			{Name: "Drafts", Use: mail.UseDrafts, Subscribed: true},
			{Name: "Sent", Use: mail.UseSent, Subscribed: true},
			{Name: "Archive/Old", Use: mail.UseArchive},
			{Name: "Trash", Use: mail.UseTrash},
		},
		Quota: mail.Quota{Storage: 64 << 20, Messages: 100_000},
	}
}

// Message is a message to be made. Equal values make equal octets.
type Message struct {
	Seed   uint64 // which message: its text, names, encodings
	Size   int    // octets it has, if it is not too short for its header
	ID     int    // number of its message id, 0 none
	Parent int    // number of the message id it answers to, 0 none
	Root   int    // number of the message id at the head of its References, 0 none
}

// inlineBorder is the size at which stores begin to keep a body elsewhere (see package sqlite); sizes near it are
// worth a try.
const inlineBorder = 32 << 10

// sizeNear is a size that is likely to be odd for a store.
func sizeNear(r *rand.Rand) int {
	switch r.IntN(12) {
	case 0:
		return inlineBorder - 1 + r.IntN(3)
	case 1:
		return inlineBorder + r.IntN(40_000)
	case 2:
		return 100_000 + r.IntN(200_000)
	case 3:
		return 1 // no more than a header
	default:
		return 300 + r.IntN(4000)
	}
}

var people = [...]string{
	"Ada Lovelace <ada@example.org>",
	"=?UTF-8?Q?J=C3=BCrgen_M=C3=BCller?= <juergen@example.net>",
	"=?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <yamada@example.jp>",
	"\"O'Brien, Pat\" <pat@example.com>",
	"root@localhost",
}

var topics = [...]string{
	"Budget 2026", "=?UTF-8?B?0J/RgNC40LLQtdGC?=", "lunch?", "[list] patch 3/7: the queue",
	"=?utf-8?q?Caf=C3=A9_am_Mittag?=", "",
}

// messageID is the message id of that number, without <>.
func messageID(n int) string { return fmt.Sprintf("id%d.%x@example.org", n, n*7919) }

// Octets makes the message.
func (m Message) Octets() []byte {
	r := rand.New(rand.NewPCG(m.Seed, 7))
	var b strings.Builder
	b.Grow(m.Size + 600)
	fmt.Fprintf(&b, "Received: from mx.example.org by mail.example.net; %s\r\n", date(r))
	fmt.Fprintf(&b, "From: %s\r\nTo: %s,\r\n\t%s\r\n", pick(r, people[:]), pick(r, people[:]), pick(r, people[:]))
	fmt.Fprintf(&b, "Date: %s\r\n", date(r))
	if m.ID != 0 {
		fmt.Fprintf(&b, "Message-ID: <%s>\r\n", messageID(m.ID))
	}
	prefix := ""
	if m.Parent != 0 {
		prefix = "Re: "
		fmt.Fprintf(&b, "In-Reply-To: <%s>\r\n", messageID(m.Parent))
	}
	if m.Root != 0 {
		fmt.Fprintf(&b, "References: <%s>", messageID(m.Root))
		if m.Parent != 0 {
			fmt.Fprintf(&b, "\r\n <%s>", messageID(m.Parent))
		}
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "Subject: %s%s\r\nX-Number: %d\r\nMIME-Version: 1.0\r\n", prefix, pick(r, topics[:]), m.Seed)
	if r.IntN(3) == 0 {
		m.multipart(&b, r)
	} else {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		fill(&b, r, m.Size)
	}
	return []byte(b.String())
}

func (m Message) multipart(b *strings.Builder, r *rand.Rand) {
	boundary := fmt.Sprintf("=_%x", r.Uint64())
	fmt.Fprintf(b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\nThis is MIME.\r\n--%s\r\n", boundary,
		boundary)
	b.WriteString("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	b.WriteString("Sch=F6ne Gr=FC=DFe\r\n")
	fmt.Fprintf(b, "--%s\r\nContent-Type: application/pdf; name*=utf-8''%%e2%%82%%ac.pdf\r\n", boundary)
	b.WriteString("Content-Disposition: attachment; filename=\"a b.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	end := "\r\n--" + boundary + "--\r\n"
	fill(b, r, m.Size-len(end))
	b.WriteString(end)
}

// fill writes lines up to size octets in all.
func fill(b *strings.Builder, r *rand.Rand, size int) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for b.Len() < size {
		n := min(72, size-b.Len())
		for range max(n-2, 0) {
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		b.WriteString("\r\n"[2-min(n, 2):])
	}
}

func date(r *rand.Rand) string {
	t := time.Unix(1_700_000_000+r.Int64N(60_000_000), 0).In(time.FixedZone("", 1800*(r.IntN(40)-20)))
	return t.Format("Mon, 02 Jan 2006 15:04:05 -0700")
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
