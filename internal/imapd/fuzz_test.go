package imapd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// FuzzSession has a client that is logged in send anything. Whatever it is, the session ends when the client goes, and
// none of it panics.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"a SELECT INBOX\r\nb FETCH 1 BODY[]\r\nc IDLE\r\nDONE\r\nd LOGOUT\r\n",
		"a APPEND INBOX (\\Seen) {3+}\r\nabc\r\nb SELECT INBOX\r\nc STORE 1 +FLAGS (x)\r\nd SEARCH OR SEEN NOT 1:*\r\n",
		"a ENABLE QRESYNC IMAP4rev2\r\nb SELECT INBOX (QRESYNC (1 1 1:3 (1:2 1:2)))\r\nc UID EXPUNGE 1:*\r\nd CLOSE\r\n",
		"a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (% *) RETURN (CHILDREN STATUS (MESSAGES))\r\nb LSUB \"\" %\r\n",
		"a CREATE x/y/\r\nb RENAME x z\r\nc SUBSCRIBE q/r\r\nd DELETE z\r\ne LIST \"\" *\r\nf STATUS INBOX (SIZE)\r\n",
		"a APPEND nowhere {9999999999}\r\nb APPEND INBOX {5}\r\nabc", "a IDLE\r\nnonsense\r\n", "\r\n\r\n\x00\xff {4+}\r\n",
		"a SELECT INBOX\r\nb APPEND INBOX CATENATE (URL \"/INBOX/;UID=1/;SECTION=TEXT\" TEXT {3+}\r\nabc URL {13+}\r\n/\xa4\xa4\xa4\xa4/;UID=1)\r\n",
		"a SELECT INBOX\r\nb MOVE 1 other\r\nc COPY * INBOX\r\nd UID SEARCH RETURN (SAVE) ALL\r\ne FETCH $ UID\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		store := mem.New(mail.Options{})
		defer store.Close()
		var end SessionEnd
		srv := New(Options{Store: store, Auth: anybody{}, Events: Events{End: func(e SessionEnd) { end = e }}})
		near, far := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { srv.Serve(context.Background(), far, false) })
		wg.Go(func() { _, _ = io.Copy(io.Discard, near) }) // ends with the pipe
		if err := near.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := near.Write(append([]byte("l LOGIN alice secret\r\n"), in...)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the session does not read") // it may end before: another error
		}
		near.Close()
		wg.Wait()
		if end.Reason == "panic" || end.Reason == "" {
			t.Errorf("the session ended with %q, %v", end.Reason, end.Err)
		}
	})
}
