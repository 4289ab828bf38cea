package storetest

import (
	"fmt"
	"strings"
	"time"
)

// Letter is the i-th message of a large mailbox: in threads of ten, 1,500 octets.
func Letter(i int) string {
	words := [...]string{"report", "invoice", "meeting", "project", "budget", "contract", "customer", "delivery", "Zürich", "server"}
	thread := i / 10
	b := new(strings.Builder)
	fmt.Fprintf(b, "Date: %s\r\nFrom: \"Sender %03d Example\" <sender%03[2]d@example.com>\r\nTo: Someone <someone@example.org>\r\n",
		time.Unix(1.7e9+int64(i)*60, 0).UTC().Format(time.RFC1123Z), i*7919%500)
	fmt.Fprintf(b, "Subject: %s%s %s %d\r\nMessage-ID: <%d@lab.example>\r\n", []string{"", "Re: "}[min(1, i%10)],
		words[thread%len(words)], words[thread/10%len(words)], thread, i)
	if i%10 > 0 {
		fmt.Fprintf(b, "References: <%d@lab.example> <%d@lab.example>\r\n", thread*10, i-1)
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	if i%50 == 7 {
		b.WriteString("quetzalcoatl\r\n")
	}
	for n := i; b.Len() < 1450; n += 7 {
		fmt.Fprintf(b, "%s and %s with the %s of %s\r\n", words[n%10], words[n/10%10], words[n/3%10], words[n/7%10])
	}
	return b.String()
}

// Reply is a message of a thread: its id, the ids it refers to and its subject, sent on that day of January
// 2026.
func Reply(id, refs, subject string, day int) string {
	var b strings.Builder
	if id != "" {
		fmt.Fprintf(&b, "Message-ID: <%s@x>\r\n", id)
	}
	if refs != "" {
		b.WriteString("References:")
		for r := range strings.FieldsSeq(refs) {
			fmt.Fprintf(&b, " <%s@x>", r)
		}
		b.WriteString("\r\n")
	}
	sent := time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC).Format(time.RFC1123Z)
	fmt.Fprintf(&b, "Subject: %s\r\nDate: %s\r\n\r\nx\r\n", subject, sent)
	return b.String()
}
