package imapd

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// heard is what a trace told.
type heard struct {
	mu    sync.Mutex // guards the field below
	lines []string
}

func (h *heard) take(p Traced) {
	h.mu.Lock()
	defer h.mu.Unlock()
	side := "S: "
	if p.Client {
		side = "C: "
	}
	h.lines = append(h.lines, side+string(p.Text))
}

func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}

// TestTrace: the sessions of the user that run and that come are told of, without literals and passwords, and nobody
// else's; afterwards nothing is.
func TestTrace(t *testing.T) {
	s := startServer(t, nil)
	running, other := s.login("ann"), s.login("bob")
	var h heard
	stop := s.Trace("ann", false, h.take)
	other.do("NOOP")
	running.send("a1 APPEND INBOX {26}\r\n")
	running.want("+")
	running.send("Subject: x\r\n\r\nconfidential\r\n")
	running.want("a1 OK")
	running.send("a2 LOGIN ann secret\r\na3 login {3+}\r\nann {6+}\r\nsecret\r\nAGFubgBzZWNyZXQ=\r\n")
	running.want("a2 BAD")
	running.want("a3 BAD")
	running.want("AGFubgBzZWNyZXQ= BAD") // a tag without a command
	running.do("SELECT INBOX")
	running.do("FETCH 1 BODY[]")
	running.do("UNAUTHENTICATE")
	running.do("LOGIN ann secret")
	s.login("ann").do("LIST \"\" INBOX")
	stop()
	got := h.text()
	for _, want := range []string{"C: a1 APPEND INBOX {26}", "S: + go ahead", "S: a1 OK [APPENDUID ", "C: a2 LOGIN (hidden)",
		"C: a3 login (hidden)", "S: a3 BAD ", "C: (hidden)", "S: (hidden) BAD ", "UNAUTHENTICATE", `LIST "" INBOX`, "* LIST ("} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, not := range []string{"secret", "confidential", "AGFub", "NOOP"} {
		if strings.Contains(got, not) {
			t.Errorf("%q is in\n%s", not, got)
		}
	}
	running.do("NOOP")
	if h.text() != got || s.traced() != nil {
		t.Error("the trace goes on after its end")
	}
}

func TestTraceWithLiterals(t *testing.T) {
	s := startServer(t, nil)
	var h heard
	defer s.Trace("ann", true, h.take)()
	k := s.login("ann")
	k.do("APPEND INBOX {26+}\r\nSubject: x\r\n\r\nconfidential")
	k.send("a3 LOGIN {3+}\r\nann {6+}\r\nsecret\r\n")
	k.want("a3 BAD")
	got := h.text()
	if !strings.Contains(got, "confidential") || strings.Contains(got, "secret") || strings.Contains(got, "ann") {
		t.Errorf("got\n%s", got)
	}
}

// TestRedactorInPieces: however the octets come, the same is told.
func TestRedactorInPieces(t *testing.T) {
	said := "a1 NOOP\r\na2 APPEND x {5+}\r\n12345 {0}\r\n\r\na4 LOGIN {2+}\r\nxx {3}\r\nyyy\r\na5 " + strings.Repeat("z", 9000) +
		" {4}\r\nabcd\r\na6 CHECK\r\n"
	want := ""
	for _, size := range []int{len(said), 1, 3, 100} {
		var r redactor
		var got []string
		literal := ""
		for at := 0; at < len(said); at += size {
			r.take([]byte(said[at:min(at+size, len(said))]), func(text []byte, lit bool) {
				if lit {
					literal += string(text)
					return
				}
				got = append(got, fmt.Sprintf("%.20q", text))
			})
		}
		all := strings.Join(got, " ") + literal
		if want == "" {
			want = all
		}
		if all != want || literal != "12345abcd" || strings.Contains(all, "yyy") || !strings.HasSuffix(got[len(got)-1], `"a6 CHECK"`) {
			t.Errorf("in pieces of %d: %s", size, all)
		}
	}
}
