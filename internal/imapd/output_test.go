package imapd

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/conn"
	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// swallow is a connection that is only written to, and keeps nothing.
type swallow struct {
	net.Conn
	octets int
}

func (s *swallow) Write(b []byte) (int, error)    { s.octets += len(b); return len(b), nil }
func (*swallow) SetWriteDeadline(time.Time) error { return nil }

// written is what an answer takes of memory, and how long it is, in octets.
func written(t *testing.T, answer func(*session) error) (allocated uint64, octets int) {
	t.Helper()
	c := &swallow{}
	s := &session{srv: New(Options{}), conn: conn.New(c, &conn.Options{}), tag: "t"}
	s.out.conn, s.out.slot = s.conn, &s.slot
	s.sel = &selected{view: newView(mail.UIDSet{{Start: 1, Stop: 200_000}})}
	s.out.begin()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := answer(s)
	runtime.ReadMemStats(&after)
	if err == nil {
		err = s.out.flush()
	}
	if err != nil {
		t.Error(err)
	}
	return after.TotalAlloc - before.TotalAlloc, c.octets
}

// scattered are pages of messages, and every message with an odd UID: none of them is the last one of a page.
func scattered() (pages []*mail.Page, odd mail.UIDSet) {
	for u := mail.UID(1); u <= 200_000; {
		p := &mail.Page{Flags: make([]mail.FlagSet, mail.PageSize), ModSeqs: make([]mail.ModSeq, mail.PageSize)}
		for range mail.PageSize {
			if u%2 == 1 {
				odd = append(odd, mail.UIDRange{Start: u, Stop: u})
			}
			p.UIDs = append(p.UIDs, u)
			u++
		}
		pages = append(pages, p)
	}
	return pages, odd
}

// What an answer takes of memory does not depend on how many messages it is about.
func TestLongAnswersAreWrittenInPieces(t *testing.T) {
	pages, odd := scattered()
	snap := mail.NewSnapshot(mail.Mailbox{}, pages)
	for name, answer := range map[string]func(*session) error{
		"SEARCH, one run": func(s *session) error {
			return s.tellNumbers("* SEARCH", &imap.Search{}, &results{view: &s.sel.view, set: s.sel.view.uids()})
		},
		"STORE, many runs": func(s *session) error {
			_, err := s.tellStored(snap, odd, &imap.Store{UID: true})
			return err
		},
	} {
		if allocated, octets := written(t, answer); octets < 1<<20 || allocated > 512<<10 {
			t.Errorf("%s: %d octets allocated for an answer of %d", name, allocated, octets)
		}
	}
}
