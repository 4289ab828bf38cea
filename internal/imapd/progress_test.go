package imapd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// TestProgressOfSearch: with an interval of next to nothing each page of a search is told of, but for the last.
func TestProgressOfSearch(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Progress = time.Nanosecond })
	k := s.login("ann")
	for range 3 { // a page has the UIDs of 256
		var b strings.Builder
		b.WriteString("APPEND INBOX")
		for range 200 {
			b.WriteString(" {14+}\r\nSubject: x\r\n\r\n")
		}
		k.do(b.String())
	}
	k.do("SELECT INBOX")
	k.send("a.1 SEARCH SUBJECT x\r\n")
	k.want(`* OK [INPROGRESS ("a.1" 255 600)] `)
	k.want(`* OK [INPROGRESS ("a.1" 511 600)] `)
	k.want("* SEARCH 1 2 3 ")
	k.want("a.1 OK")
	k.send("a]2 UID SEARCH SUBJECT x\r\n") // a "]" would end the code
	k.want(`* OK [INPROGRESS (NIL 255 600)] `)
}

// TestProgressOfAChange: a change that the store does not come to an end with is told of, in order, until it does.
func TestProgressOfAChange(t *testing.T) {
	srv := startServer(t, func(o *Options) { o.Progress = time.Millisecond })
	k := srv.login("ann")
	s := srv.atRest(t)
	done := make(chan struct{})
	failed := errors.New("failed")
	go func() { // the session is idle: the test has its place
		defer close(done)
		s.out.begin()
		s.tag = "a1"
		s.beginProgress(time.Now())
		if err := s.during(t.Context(), 1, func(context.Context) error {
			k.want(`* OK [INPROGRESS ("a1" NIL NIL)] `)
			k.want(`* OK [INPROGRESS ("a1" NIL NIL)] `)
			return failed
		}); err != failed {
			t.Errorf("got %v", err)
		}
		defer func() {
			if p := recover(); p == nil || !strings.HasPrefix(p.(string), "as the test wanted\n") {
				t.Errorf("panic %v", p)
			}
		}()
		_ = s.during(t.Context(), 1, func(context.Context) error { panic("as the test wanted") })
		t.Error("a panic is lost")
	}()
	<-done
}

// TestNoProgressOfWhatIsQuick: nothing is told before the time, nor of what is complete.
func TestNoProgressOfWhatIsQuick(t *testing.T) {
	srv := startServer(t, func(o *Options) { o.Progress = time.Hour })
	k := srv.login("ann")
	k.do("APPEND INBOX {14+}\r\nSubject: x\r\n\r\n")
	k.do("SELECT INBOX")
	for _, c := range []string{"SEARCH SUBJECT x", "COPY 1 INBOX", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE"} {
		for _, line := range k.do(c) {
			if strings.Contains(line, "INPROGRESS") {
				t.Errorf("%s: %q", c, line)
			}
		}
	}
}

// TestProgressOfFetch: with an interval of next to nothing each chunk of a FETCH is told of, but for the last.
func TestProgressOfFetch(t *testing.T) {
	m := newMessagesTest(t, make([]string, 600))
	m.s.srv.opts.Progress = time.Nanosecond
	for line, want := range map[string]string{
		"FETCH 1:* FLAGS":                     "256 600, 512 600",
		"UID FETCH 101:* (UID ENVELOPE)":      "256 500",
		"FETCH 1:256 FLAGS":                   "",
		"FETCH 1:* FLAGS (CHANGEDSINCE 1)":    "NIL NIL, NIL NIL, NIL NIL", // how many have changed is not known before
		"UID FETCH 1:* UID (PARTIAL -1:-300)": "256 300",
	} {
		m.s.beginProgress(time.Now())
		got, err := m.do(line)
		m.check(err)
		if got := inProgress(got); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// inProgress are the counts of the INPROGRESS codes in what a client got.
func inProgress(got string) string {
	var all []string
	for line := range strings.Lines(got) {
		if counts, ok := strings.CutPrefix(line, `* OK [INPROGRESS ("t" `); ok {
			counts, _, _ = strings.Cut(counts, ")")
			all = append(all, counts)
		}
	}
	return strings.Join(all, ", ")
}

// slowly is an account whose changes have dealt with 100 messages after 11 seconds, and with all after 22.
type slowly struct{ mail.Account }

func (slowly) dawdle(ctx context.Context, n int) {
	<-time.After(11 * time.Second)
	mail.ProgressOf(ctx).Add(100)
	<-time.After(11 * time.Second)
	mail.ProgressOf(ctx).Add(n - 100)
	<-time.After(4 * time.Second)
}

func (a slowly) SetFlags(ctx context.Context, box mail.MailboxID, c mail.FlagChange) (mail.FlagsChanged, error) {
	a.dawdle(ctx, c.UIDs.Len())
	return a.Account.SetFlags(context.Background(), box, c)
}

func (a slowly) Expunge(ctx context.Context, box mail.MailboxID, uids mail.UIDSet) (mail.UIDSet, mail.ModSeq, error) {
	n := uids.Len()
	if uids == nil {
		n = 600
	}
	a.dawdle(ctx, n)
	return a.Account.Expunge(context.Background(), box, uids)
}

func (a slowly) Copy(ctx context.Context, box mail.MailboxID, uids mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	a.dawdle(ctx, uids.Len())
	return a.Account.Copy(context.Background(), box, uids, to)
}

func (a slowly) Move(ctx context.Context, box mail.MailboxID, uids mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	a.dawdle(ctx, uids.Len())
	return a.Account.Move(context.Background(), box, uids, to)
}

// TestProgressIsCounted: a change to more than a page of messages tells how many of them the store has dealt with, every
// five seconds; that all are is left to the answer.
func TestProgressIsCounted(t *testing.T) {
	for line, want := range map[string]string{
		"STORE 1:* +FLAGS.SILENT (\\Seen)": "0 600, 0 600, 100 600, 100 600, 599 600",
		"UID COPY 1:300 other":             "0 300, 0 300, 100 300, 100 300, 299 300",
		"UID MOVE 1:300 other":             "0 300, 0 300, 100 300, 100 300, 299 300",
		"EXPUNGE":                          "0 600, 0 600, 100 600, 100 600, 599 600",
		"CLOSE":                            "0 600, 0 600, 100 600, 100 600, 599 600",
		"UID EXPUNGE 101:400":              "0 300, 0 300, 100 300, 100 300, 299 300",
		"STORE 1:256 +FLAGS.SILENT (a)":    "NIL NIL, NIL NIL, NIL NIL, NIL NIL, NIL NIL", // too few to be counted
		"UID STORE 900 +FLAGS.SILENT (a)":  "",
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMessagesTest(t, make([]string, 600))
			_, err := m.acct.CreateMailbox(t.Context(), "other", nil)
			m.check(err)
			m.s.crew = newCrew()
			defer m.s.crew.end()
			m.s.acct = slowly{m.acct}
			m.s.sel.acct = m.s.acct
			m.s.beginProgress(time.Now())
			got, err := m.do(line)
			m.check(err)
			if got := inProgress(got); got != want {
				t.Errorf("%s: got %q, want %q", line, got, want)
			}
		})
	}
}

// TestNoProgressOfPushes: what is pushed between two commands, and sets \Seen, is no command's: there is no tag to tell of.
// RFC 9585 section 4.
func TestNoProgressOfPushes(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Progress = time.Nanosecond })
	k := s.login("alice")
	k.do("NOTIFY SET (selected (MessageNew (UID BODY[]) MessageExpunge))")
	k.do("SELECT INBOX")
	for range 50 {
		s.deliver("alice", "INBOX")
		for line := ""; !strings.Contains(line, "BODY[]"); {
			if line = k.line(); strings.Contains(line, "INPROGRESS") {
				t.Fatalf("told %q, though no command runs", line)
			}
		}
	}
	k.Close()
	<-s.ends
}
