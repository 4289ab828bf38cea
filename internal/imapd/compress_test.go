package imapd

import (
	"compress/flate"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/deflate"
	"github.com/constance-mail/constance/internal/wait"
)

// TestCorruptCompression: a client that does not compress after COMPRESS is told so, and leaves no session behind.
func TestCorruptCompression(t *testing.T) {
	s := startServer(t, nil)
	k := s.login("ann")
	k.do("COMPRESS DEFLATE")
	k.send("a2 NOOP\r\na3 NOOP\r\n")
	said, err := io.ReadAll(flate.NewReader(k))
	if string(said) != "* BYE malformed compressed data\r\n" || err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, %v", said, err)
	}
	if e := <-s.ends; e.Reason != "malformed compressed data" || e.Err == nil {
		t.Errorf("ended with %q, %v", e.Reason, e.Err)
	}
}

// TestCompressedBomb: a command whose line is endless once decompressed is refused within the bound of a line.
func TestCompressedBomb(t *testing.T) {
	s := startServer(t, nil)
	k := s.login("ann")
	k.do("COMPRESS DEFLATE")
	var z deflate.Deflater
	line := z.Append(nil, []byte(strings.Repeat("a", 32<<10)))
	for range 200 { // 6 MiB
		line = z.Append(line, []byte(strings.Repeat("a", 32<<10)))
	}
	if _, err := k.Write(line); err != nil {
		t.Log(err) // the server may have gone before all was sent
	}
	said, _ := io.ReadAll(flate.NewReader(k)) // how the connection ends is no matter
	if !strings.HasPrefix(string(said), "* B") || k.n > 10 {
		t.Errorf("got %q", said)
	}
	<-s.ends
}

// TestUnauthenticateLeavesNothing compares a session before the first login with what UNAUTHENTICATE makes of it, field
// by field: whoever adds a field to the session has to decide whether it is one of the connection.
func TestUnauthenticateLeavesNothing(t *testing.T) {
	connection := map[string]bool{"srv": true, "crew": true, "id": true, "conn": true, "dec": true, "out": true, "slot": true,
		"started": true, "remote": true, "tag": true, "needs": true, "tellAt": true, "code": true, "then": true, "stranger": true, "count": true, "mu": true,
		"verb": true, "since": true, "tls": true, "logins": true, "bads": true}
	s := startServer(t, nil)
	k := s.dial()
	fresh := s.atRest(t)
	before := fields(fresh, connection)
	k.do("LOGIN ann secret")
	k.do("CREATE work")
	k.do("ENABLE QRESYNC IMAP4rev2")
	k.do("SELECT work")
	k.send("i IDLE\r\n")
	k.want("+")
	k.send("DONE\r\n")
	k.want("i OK")
	k.do("UNAUTHENTICATE")
	s.atRest(t)
	for name, v := range fields(fresh, connection) {
		if !reflect.DeepEqual(v, before[name]) {
			t.Errorf("%s was %v and is %v", name, before[name], v)
		}
	}
	if in := s.Sessions()[0]; in.User != "" || in.Account != "" {
		t.Errorf("the session is still one of %s, %s", in.User, in.Account)
	}
	if fresh.dec.UTF8() {
		t.Error("names are still UTF-8")
	}
	k.send("x LOGIN {5000+}\r\n" + strings.Repeat("x", 5000) + " secret\r\n") // more than a stranger may send
	k.want("x BAD [TOOBIG]")
}

// atRest is the one session, when it has done all that follows an answer.
func (s *testServer) atRest(t *testing.T) *session {
	t.Helper()
	list := s.list()
	if len(list) != 1 {
		t.Fatalf("%d sessions", len(list))
	}
	for state, _ := list[0].slot.Now(); state != wait.Idle; state, _ = list[0].slot.Now() {
		runtime.Gosched()
	}
	return list[0]
}

// fields are the fields of a session but for some, those of embedded structs each for itself, as text where they cannot
// be had.
func fields(s *session, but map[string]bool) map[string]any {
	defer s.count.Add(0) // what the next command does comes after this
	out := map[string]any{}
	v := reflect.ValueOf(s).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Anonymous || but[f.Name] {
			continue
		}
		out[f.Name] = show(v.FieldByIndex(f.Index))
	}
	return out
}

// show is a value as it can be compared without being exported.
func show(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Func, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return "nil"
		}
		return "something"
	}
	if v.IsZero() {
		return "zero"
	}
	return v.String() + strings.Repeat("!", int(v.Type().Size()))
}

// TestUnauthenticateCanBeOff: RFC 8437 section 8.
func TestUnauthenticateCanBeOff(t *testing.T) {
	s := startServer(t, func(o *Options) { o.NoUnauthenticate = true })
	k := s.login("ann")
	k.send("a CAPABILITY\r\n")
	if got := k.want("* CAPABILITY"); strings.Contains(got, "UNAUTHENTICATE") {
		t.Errorf("got %q", got)
	}
	k.want("a OK")
	k.send("b UNAUTHENTICATE\r\n")
	k.want("b BAD")
	k.do("STATUS INBOX (MESSAGES)")
}

// TestLoginTimeAfterUnauthenticate: who logs out and not in again is a stranger, and has as long as one.
func TestLoginTimeAfterUnauthenticate(t *testing.T) {
	s := startServer(t, func(o *Options) { o.Login = 300 * time.Millisecond })
	k := s.login("ann")
	k.do("UNAUTHENTICATE")
	k.want("* BYE")
	if e := <-s.ends; e.Reason != "idle for too long" {
		t.Errorf("ended with %q", e.Reason)
	}
}
