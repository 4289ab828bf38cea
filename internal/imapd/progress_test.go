package imapd

import (
	"errors"
	"strings"
	"testing"
	"time"
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
		if err := s.during(func() error {
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
		_ = s.during(func() error { panic("as the test wanted") })
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
