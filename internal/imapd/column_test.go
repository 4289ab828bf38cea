package imapd

import (
	"context"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// earlier is an account as a command sees it that took its snapshot before others changed the mailbox.
type earlier struct {
	mail.Account
	snap *mail.Snapshot
}

func (e earlier) Snapshot(context.Context, mail.MailboxID) (*mail.Snapshot, error) {
	return e.snap, nil
}

// What one session makes of a mailbox for SORT and THREAD lacks what is expunged by then, and another may still be at work on a
// snapshot that has it.
func TestColumnOfLaterSnapshot(t *testing.T) {
	m := newMessagesTest(t, []string{storetest.Reply("a", "", "c", 1), storetest.Reply("b", "", "b", 2), storetest.Reply("c", "a", "a", 3)})
	before, acct := *m.s.sel, m.s.sel.acct
	snap, err := acct.Snapshot(context.Background(), m.s.sel.id)
	m.check(err)
	m.expungeElsewhere(2)
	m.append(mail.Inbox, storetest.Reply("d", "c", "d", 4), time.Now(), nil)
	m.open()
	commands := map[string]string{"SORT (DATE) UTF-8 ALL": "* SORT 1 2 3\n", "THREAD REFERENCES UTF-8 ALL": "* THREAD (1 2 3)\n"}
	for command, want := range commands {
		m.expect(command, want)
	}
	m.s.sel = &before
	m.s.sel.acct = earlier{acct, snap}
	m.expect("SORT (DATE) UTF-8 ALL", "* SORT 1 2 3\n")
	m.expect("SORT (SUBJECT) UTF-8 UID 1,3", "* SORT 3 1\n")
	m.expect("THREAD REFERENCES UTF-8 ALL", "* THREAD (1 3)(2)\n")
}
