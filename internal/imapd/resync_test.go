package imapd

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// TestResync has a client with QRESYNC lose its connection at any time, while somebody else changes the mailbox and
// expunges are forgotten: what it had cached, brought up to date by what SELECT tells, must be the truth.
// RFC 7162 sections 3.2.5 and 6.
func TestResync(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 40
	}
	for seed := range uint64(rounds) {
		k := newConversation(t)
		k.peers[1].say("UID FETCH 1:* (UID FLAGS)")
		for c := (&choices{randomOctets(seed, 1500)}); len(c.b) > 0; {
			k.resyncStep(c)
		}
		k.settled()
		k.finish()
	}
}

func (k *conversation) resyncStep(c *choices) {
	k.t.Helper()
	p := k.peers[c.next(2)]
	p.say(loud(stay(c.burst()))...)
	if p.wrong != "" {
		k.t.Fatal(p.wrong)
	}
	switch c.next(12) {
	case 0, 1:
		k.resync(c)
	case 2:
		if _, err := k.store.Account("alice").Purge(context.Background(), time.Now().Add(time.Hour)); err != nil {
			k.t.Fatal(err)
		}
	case 3, 4:
		k.peers[1].say("UID FETCH 1:* (UID FLAGS)")
	}
}

// loud has STORE tell the flags.
func loud(commands []string) []string {
	for i, c := range commands {
		commands[i] = strings.ReplaceAll(c, ".SILENT", "")
	}
	return commands
}

// resync has the second client connect anew, with what it knows.
func (k *conversation) resync(c *choices) {
	k.t.Helper()
	old := k.peers[1]
	old.Close()
	ctx := context.Background()
	box, err := k.store.Account("alice").Mailbox(ctx, mail.Inbox)
	if err != nil {
		k.t.Fatal(err)
	}
	cache := map[int]string{}
	var known, match mail.UIDSet
	seqs, uids := mail.UIDSet{}, mail.UIDSet{}
	for i, s := range old.slots {
		if s.uid == 0 || !s.known {
			continue
		}
		cache[s.uid] = s.flags
		known.Add(mail.UID(s.uid))
		if c.next(3) == 0 {
			seqs.Add(mail.UID(i + 1))
			uids.Add(mail.UID(s.uid))
		}
	}
	match = known
	arg := fmt.Sprintf("%d %d", box.UIDValidity, max(1, old.highest))
	if len(known) > 0 && c.next(2) == 0 {
		arg += " " + match.String()
	}
	if len(seqs) > 0 && c.next(2) == 0 {
		arg += fmt.Sprintf(" (%s %s)", seqs, uids)
	}
	p := k.connect(true)
	p.earlier = func(u mail.UID) { delete(cache, int(u)) }
	p.say("SELECT INBOX (QRESYNC (" + arg + "))")
	for _, s := range p.slots {
		if _, ok := cache[s.uid]; ok && s.known {
			cache[s.uid] = s.flags
		}
	}
	k.peers[1] = p
	k.compareCache(cache, box.ID, old, p)
	p.say("UID FETCH 1:* (UID FLAGS)")
}

// compareCache compares what a client has cached with what is there.
func (k *conversation) compareCache(cache map[int]string, box mail.MailboxID, old, p *peer) {
	k.t.Helper()
	truth := k.truth(k.store.Account("alice"), box)
	for u, flags := range cache {
		if want, ok := truth[u]; !ok || want != flags {
			k.t.Fatalf("%s%d is cached with %q; there: %v %q\n%s\n-- anew --\n%s", p.wrong, u, flags, ok, want,
				strings.Join(old.log[max(0, len(old.log)-60):], "\n"), strings.Join(p.log, "\n"))
		}
	}
}
