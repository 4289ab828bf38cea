package demo

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/constance-mail/constance/internal/mail"
)

// story fills both accounts, oldest message first.
func story(a, b *Account) {
	exhibition(a, b)
	invitation(a, b)
	abroad(a, b)
	lists(a)
	machines(a, b)
	private(a, b)
}

// exhibition is the thread between the two, with attachments.
func exhibition(a, b *Account) {
	var ids []string
	say := func(from, subject string, day, hour int, body part) {
		l := letter{from: from, to: bob, subject: subject, date: at(day, hour, 11*len(ids)%60), refs: ids, body: body,
			id: fmt.Sprintf("exhibition-%d", len(ids)+1)}
		sender, receiver, box := a, b, "Projects/Exhibition"
		if from == bob {
			l.to, sender, receiver, box = alice, b, a, mail.Inbox
		}
		sender.put("Sent", l, mail.Seen)
		receiver.put(box, l, mail.Seen, mail.Answered)
		ids = append(append([]string{}, ids...), l.id)
	}
	say(alice, "Exhibition in spring", 0, 0, text(`
Dear Bob,

the board has agreed: we show the clocks in spring. Could you find out which of
them still run, and how loud they are?

Alice
`))
	say(bob, "Re: Exhibition in spring", 0, 3, text(`
> Could you find out which of them still run, and how loud they are?

Nineteen of thirty-one run. Number 12 strikes thirteen at noon; I would keep it.

Bob
`))
	say(alice, "Re: Exhibition in spring", 1, 1, alternative("exhibition-alt", `
Thirteen is lovely. Here is what I have in mind for the rooms:

  1. Hall: the tower clock
  2. Gallery: everything that ticks
  3. Cellar: everything that strikes

Alice
`, `<p>Thirteen is <em>lovely</em>. Here is what I have in mind for the rooms:</p>
<ol><li>Hall: the tower clock</li><li>Gallery: everything that ticks</li><li>Cellar: everything that strikes</li></ol>
<p>Alice</p>`))
	say(bob, "Re: Exhibition in spring", 1, 5, multipart("mixed", "exhibition-mixed", text(`
The list, and a picture of the hill behind the cellar. The floor carries two
tons there, not three.
`), file("application/pdf", "clocks.pdf", pdf("Clocks that run", "", "No 3   tower clock, 1742", "No 7   regulator, 1810",
		"No 12  table clock (strikes thirteen)")), file("image/png", "Hügel am Keller.png", picture(160, 96))))
	say(alice, "Re: Exhibition in spring", 2, 2, text("Then the tower clock stays in the hall. Thank you!\n"))
	last := letter{from: bob, to: alice, subject: "Re: Exhibition in spring", date: at(3, 4, 5), refs: ids, id: "exhibition-6",
		body: text("The carpenter comes on Thursday at nine. He brings his own ladder.\n")}
	b.put("Sent", last, mail.Seen)
	a.put(mail.Inbox, last)
}

// invitation is what Alice asks Bob to at the end of it.
func invitation(a, b *Account) {
	invite := letter{from: alice, to: bob, subject: "Invitation: Walk through the rooms", date: at(4, 1, 0), id: "walk-1",
		body: multipart("alternative", "walk", text("Walk through the rooms, Friday 16 October, 10:00, Hall\n"), calendar())}
	a.put("Sent", invite, mail.Seen)
	b.put(mail.Inbox, invite, mail.Flagged)
}

// calendar is an invitation. RFC 5545, RFC 6047.
func calendar() part {
	return part{[]string{"Content-Type: text/calendar; charset=utf-8; method=REQUEST", "Content-Transfer-Encoding: 7bit"}, crlf(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example Museum//EN
METHOD:REQUEST
BEGIN:VEVENT
UID:walk-1@example.org
DTSTAMP:20261009T073000Z
DTSTART:20261016T080000Z
DTEND:20261016T090000Z
SUMMARY:Walk through the rooms
LOCATION:Hall
ORGANIZER;CN=Alice Liddell:mailto:alice@example.org
ATTENDEE;CN=Bob Cratchit;RSVP=TRUE:mailto:bob@example.org
END:VEVENT
END:VCALENDAR
`)}
}

// abroad is friends who write in other scripts and charsets.
func abroad(a, b *Account) {
	a.put(mail.Inbox, letter{from: "Ирина Соколова <irina@example.net>", to: alice, date: at(1, 7, 0), id: "ru-1",
		subject: word("koi8-r", charmap.KOI8R, "Часы из Петербурга"), body: textIn("koi8-r", charmap.KOI8R, `
Здравствуйте, Алиса!

Часы отправлены вчера. Ящик тяжёлый, не открывайте его в одиночку.

Ирина`)}, mail.Seen)
	a.put(mail.Inbox, letter{from: "佐藤 花子 <hanako@example.jp>", to: alice, date: at(2, 0, 20), id: "ja-1",
		subject: word("iso-2022-jp", japanese.ISO2022JP, "展覧会の件"), body: textIn("iso-2022-jp", japanese.ISO2022JP, `
アリス様

春の展覧会のご案内ありがとうございます。
和時計を二つお貸しできます。

佐藤`)}, mail.Seen, mail.Flagged)
	a.put(mail.Inbox, letter{from: "王小明 <wang@example.cn>", to: alice, cc: bob, date: at(2, 6, 0), id: "zh-1",
		subject: word("gb18030", simplifiedchinese.GB18030, "关于钟表展览"), body: textIn("gb18030", simplifiedchinese.GB18030, `
爱丽丝：

水钟的模型已经完成，下周寄出。

小明`)})
	b.put(mail.Inbox, letter{from: "Νίκος Παπαδάκης <nikos@example.gr>", to: bob, date: at(3, 2, 0), id: "el-1",
		subject: "Το ρολόι των ανέμων", body: text("Αγαπητέ Μπομπ,\n\nστέλνω τα σχέδια από τον Πύργο των Ανέμων.\n\nΝίκος\n")}, mail.Seen)
	b.put(mail.Inbox, letter{from: "ليلى حداد <layla@example.com>", to: bob, date: at(3, 9, 0), id: "ar-1",
		subject: "ساعة الفيل", body: text("عزيزي بوب،\n\nوصلت رسوم ساعة الفيل للجزري. سأرسلها غدًا.\n\nليلى\n")})
	a.put(mail.Inbox, letter{from: bob, to: alice, date: at(5, 3, 0), id: "emoji-1", subject: "Lunch? 🥪🕛",
		body: text("Half past twelve (thirteen by No 12 😀)?\n")}, mail.Seen, mail.Answered)
	a.put("Räume & Pläne", letter{from: "Jürgen Groß <juergen@example.de>", to: alice, date: at(5, 5, 0), id: "de-1",
		subject: word("iso-8859-1", charmap.ISO8859_1, "Pläne für die Räume"),
		body:    textIn("iso-8859-1", charmap.ISO8859_1, "Die Türen sind 90 cm breit, das größte Stück passt gerade so hindurch.\n\nGrüße\nJürgen")}, mail.Seen)
}

// lists are mailing lists that Alice reads.
func lists(a *Account) {
	topics := []string{"Generics for a ring buffer", "Reading a file backwards", "What is your favourite linter?", "Timers and synctest", "Is this a data race?"}
	for i, topic := range topics {
		first := fmt.Sprintf("golang-%d-1", i)
		for j := range 2 + i%2 {
			l := letter{from: fmt.Sprintf("Gopher %d <gopher%d@example.net>", i+j, i+j), to: "golang list <golang@lists.example.net>",
				subject: "[golang] " + topic, date: at(i, 6+j, 7*i), id: fmt.Sprintf("golang-%d-%d", i, j+1), header: listFields("golang"),
				body: text(fmt.Sprintf("This is message %d about %q.\n\n-- \nGopher %d\n", j+1, topic, i+j))}
			flags := []mail.Flag{mail.Seen}
			if j > 0 {
				l.subject, l.refs = "Re: "+l.subject, []string{first}
			}
			if i > 2 {
				flags = nil
			}
			a.put("Lists/golang", l, flags...)
		}
	}
	for i := range 4 {
		a.put("Lists/museum", letter{from: "Museum digest <digest@lists.example.org>", to: "museum@lists.example.org",
			subject: fmt.Sprintf("Museum digest, volume 3, issue %d", 40+i), date: at(i*2, 10, 0), id: fmt.Sprintf("digest-%d", i),
			header: listFields("museum"), body: digest(i)}, mail.Seen)
	}
}

func listFields(name string) []string {
	return []string{
		"List-Id: <" + name + ".lists.example.net>",
		"List-Unsubscribe: <mailto:" + name + "-leave@lists.example.net>",
		"Precedence: list",
	}
}

// digest is several messages in one. RFC 2046 section 5.1.5.
func digest(n int) part {
	var parts []part
	for i := range 3 {
		// a part of a digest is a message, without a head of its own
		parts = append(parts, part{body: string(letter{from: fmt.Sprintf("Keeper %d <keeper%d@example.org>", i, i), to: "museum@lists.example.org",
			subject: fmt.Sprintf("Question %d", n*3+i+1), date: at(n*2, i, 0), id: fmt.Sprintf("digest-%d-%d", n, i),
			body: text("Has anybody a spare mainspring, 4 cm wide?\n")}.octets())})
	}
	return multipart("digest", fmt.Sprintf("digest-%d", n), parts...)
}

// machines is mail that no human wrote.
func machines(a, b *Account) {
	for i, acc := range []*Account{a, b} {
		to := []string{alice, bob}[i]
		for month := range 3 {
			acc.put("Archive", letter{from: "Power and Light <bills@example.com>", to: to, subject: fmt.Sprintf("Your bill for %s", []string{"July", "August", "September"}[month]),
				date: at(-90+30*month, 4, 0), id: fmt.Sprintf("bill-%d-%d", i, month),
				body: multipart("mixed", "bill", text("Please find your bill attached.\n"), file("application/pdf", "bill.pdf",
					pdf("Power and Light", "", fmt.Sprintf("Amount due: %d.%02d", 40+7*month, 13*month))))}, mail.Seen)
		}
		acc.put(mail.Inbox, letter{from: "Build <build@example.org>", to: to, subject: "Build 4711 passed", date: at(4, 9, i), id: fmt.Sprintf("build-%d", i),
			header: []string{"Auto-Submitted: auto-generated", "X-Priority: 5"}, body: text(strings.Repeat("ok  \tpackage\t0.01s\n", 60))})
		acc.put("Junk", letter{from: "WINNER <win@example.invalid>", to: to, subject: "Y O U  H A V E  W O N", date: at(5, 1, i), id: fmt.Sprintf("junk-%d", i),
			body: textAs("html", "<h1>Congratulations</h1><p>Claim your clock <b>now</b>.</p>")}, "$Junk")
	}
	b.put(mail.Inbox, letter{from: "Mail Delivery System <MAILER-DAEMON@example.org>", to: bob, subject: "Undelivered Mail Returned to Sender", date: at(5, 2, 0),
		id: "bounce-1", header: []string{"Auto-Submitted: auto-replied"}, body: bounce()}, mail.Seen)
}

// bounce is a delivery status notification. RFC 3464.
func bounce() part {
	status := part{[]string{"Content-Type: message/delivery-status"}, crlf(`Reporting-MTA: dns; mail.example.org
Arrival-Date: Sat, 10 Oct 2026 10:30:00 +0200

Final-Recipient: rfc822; nobody@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
`)}
	p := multipart("report", "bounce", text("I could not deliver your message.\n"), status, forwarded(letter{from: bob, to: "nobody@example.net",
		subject: "Are you there?", date: at(5, 1, 59), id: "lost-1", body: text("Hello?\n")}))
	p.fields[0] += "; report-type=delivery-status"
	return p
}

// private is the rest: a newsletter with a picture, a forwarded message, a draft, something thrown away.
func private(a, b *Account) {
	a.put(mail.Inbox, letter{from: "Clock of the Month <news@example.com>", to: alice, subject: "October: the hill clock", date: at(6, 0, 0), id: "news-1",
		body: multipart("related", "news-related", alternative("news-alt", "The hill clock, with a picture.\n",
			`<html><body><h2>The hill clock</h2><p><img src="cid:hill@example.com" alt="a hill"></p></body></html>`), inline("hill@example.com", picture(240, 120)))})
	original := letter{from: "Aunt Betsey <betsey@example.net>", to: bob, subject: "Your uncle's watch", date: at(6, 2, 0), id: "aunt-1",
		body: text("Dear Bob, I found your uncle's watch in the tea tin. Does Alice want it?\n")}
	for i, subject := range []string{"Sunday", "Re: Sunday", "Tim's cough", "A goose?", "Re: A goose?"} {
		b.put("Family", letter{from: "Emily Cratchit <emily@example.net>", to: bob, subject: subject, date: at(i-4, 9, 13*i), id: fmt.Sprintf("family-%d", i),
			body: text("Will you be home by six? The children ask.\n\nEmily\n")}, mail.Seen)
	}
	b.put("Family", original, mail.Seen, "$Forwarded")
	fwd := letter{from: bob, to: alice, subject: "Fwd: Your uncle's watch", date: at(6, 3, 0), id: "fwd-1",
		body: multipart("mixed", "fwd", text("See below. Do we want it?\n"), forwarded(original))}
	b.put("Sent", fwd, mail.Seen)
	a.put(mail.Inbox, fwd, mail.Flagged)
	a.put("Drafts", letter{from: alice, to: "Aunt Betsey <betsey@example.net>", subject: "The watch", date: at(6, 4, 0), id: "draft-1",
		body: text("Dear Mrs Trotwood,\n\nwe would be\n")}, mail.Draft, mail.Seen)
	a.put("Trash", letter{from: "Lost and Found <lost@example.org>", to: alice, subject: "One glove, left", date: at(2, 8, 0), id: "glove-1",
		body: text("Found in the cellar.\n")}, mail.Seen)
	b.put(mail.Inbox, letter{from: alice, to: bob, subject: "Lunch yesterday", date: at(6, 5, 0), id: "lunch-2", refs: []string{"emoji-1"},
		body: text("I owe you a sandwich.\n\nAlice\n")})
}
