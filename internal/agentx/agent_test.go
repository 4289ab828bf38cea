package agentx

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var subtree = OID{1, 3, 6, 1, 4, 1, 3, 6, 1}

// snmpd is the agent's side, led by a test.
type snmpd struct {
	*testing.T
	l    net.Listener
	conn net.Conn
	last uint32
}

// startAgent starts a subagent and waits for its session.
func startAgent(t *testing.T, ping, silence time.Duration) (*snmpd, *Agent) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agentx")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Socket: path, Description: "test", Subtree: subtree, Ping: ping,
		View: func(context.Context) View {
			return NewView([]VarBind{{subtree.Below(1, 0), Text("hello")}, {subtree.Below(2, 0), Integer(2)}})
		}})
	a.retry, a.silence = time.Millisecond, silence
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	s := &snmpd{T: t, l: l}
	t.Cleanup(func() {
		cancel()
		l.Close()
		if s.conn != nil {
			s.conn.Close()
		}
		<-done
	})
	s.session(7)
	return s, a
}

// session accepts the next connection up to the registration.
func (s *snmpd) session(id uint32) {
	s.Helper()
	var err error
	if s.conn, err = s.l.Accept(); err != nil {
		s.Fatal(err)
	}
	p := s.read()
	if o, ok := p.Body.(*Open); !ok || string(o.Description) != "test" || p.Session != 0 {
		s.Fatalf("no open: %+v", p.Body)
	}
	s.write(&Packet{Session: id, ID: p.ID, Body: &Response{}})
	p = s.read()
	if r, ok := p.Body.(*Register); !ok || r.Subtree.Compare(subtree) != 0 || p.Session != id {
		s.Fatalf("no registration: %+v", p.Body)
	}
	s.write(&Packet{Session: id, ID: p.ID, Body: &Response{}})
}

func (s *snmpd) read() *Packet {
	s.Helper()
	s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	p, err := readPacket(s.conn)
	if err != nil {
		s.Fatal(err)
	}
	return p
}

func (s *snmpd) write(p *Packet) {
	s.Helper()
	if _, err := s.conn.Write(p.Append(nil)); err != nil {
		s.Fatal(err)
	}
}

// ask sends a request and returns the answer to it, past pings.
func (s *snmpd) ask(b Body) *Response {
	s.Helper()
	s.last++
	s.write(&Packet{Session: 7, Transaction: 100, ID: s.last, Body: b})
	for {
		p := s.read()
		if r, ok := p.Body.(*Response); ok {
			if p.ID != s.last || p.Transaction != 100 || p.Session != 7 {
				s.Errorf("the answer to another request: %+v", p)
			}
			return r
		}
	}
}

func TestAgentAnswers(t *testing.T) {
	s, _ := startAgent(t, time.Hour, time.Hour)
	r := s.ask(&Get{[]Range{{Start: subtree.Below(1, 0)}, {Start: subtree.Below(1)}}})
	if r.Error != OK || len(r.Binds) != 2 || string(r.Binds[0].Octets) != "hello" ||
		r.Binds[1].Type != TypeNoSuchInstance {
		t.Errorf("get: %+v", r)
	}
	if r = s.ask(&GetNext{[]Range{{Start: subtree}}}); len(r.Binds) != 1 ||
		string(r.Binds[0].Octets) != "hello" {
		t.Errorf("get next: %+v", r)
	}
	if r = s.ask(&GetBulk{0, 5, []Range{{Start: subtree}}}); len(r.Binds) != 3 ||
		r.Binds[2].Type != TypeEndOfView {
		t.Errorf("get bulk: %+v", r)
	}
	if r = s.ask(&TestSet{[]VarBind{{subtree.Below(2, 0), Integer(3)}}}); r.Error != NotWritable ||
		r.Index != 1 {
		t.Errorf("set: %+v", r)
	}
	s.write(&Packet{Session: 7, Body: &SetStep{codeCleanupSet}}) // has no answer: the next is that to the commit
	if r = s.ask(&SetStep{codeCommitSet}); r.Error != CommitFailed {
		t.Errorf("commit: %+v", r)
	}
	if r = s.ask(&SetStep{codeUndoSet}); r.Error != UndoFailed {
		t.Errorf("undo: %+v", r)
	}
	if r = s.ask(&Register{Subtree: subtree}); r.Error != Processing {
		t.Errorf("what only agents are asked: %+v", r)
	}
	if r = s.ask(&Ping{}); r.Error != OK {
		t.Errorf("ping: %+v", r)
	}
}

// RFC 2741 section 7.2.2: what is wrong with a request is said, and the session goes on.
func TestAgentRefusesRequests(t *testing.T) {
	s, _ := startAgent(t, time.Hour, time.Hour)
	get := Packet{Session: 7, ID: 500, Body: &Get{[]Range{{Start: subtree.Below(1, 0)}}}}
	other, context, cut, unknown := get, get, get.Append(nil), get.Append(nil)
	other.Session, context.Context = 8, []byte("other")
	cut[headerSize] = 100 // an identifier longer than the payload
	unknown[1] = 99       // a type that there is not
	lost := (&Packet{Session: 7, ID: 500, Body: &Response{}}).Append(nil)
	lost[headerSize-1] = 4 // shorter than a response is
	for name, c := range map[string]struct {
		octets []byte
		want   Errno
	}{
		"another session":         {other.Append(nil), NotOpen},
		"another context":         {context.Append(nil), UnsupportedContext},
		"malformed":               {cut, ParseError},
		"an unknown type":         {unknown, ParseError},
		"a response that is none": {append(lost[:headerSize+4:headerSize+4], get.Append(nil)...), OK}, // dropped: the next is answered
	} {
		if _, err := s.conn.Write(c.octets); err != nil {
			t.Fatal(err)
		}
		p := s.read()
		if r, ok := p.Body.(*Response); !ok || p.ID != 500 || r.Error != c.want {
			t.Errorf("%s: %+v", name, p.Body)
		}
	}
	s.write(&Packet{Session: 7, ID: 501, Body: &Close{ReasonManager}})
	if p := s.read(); p.ID != 501 {
		t.Errorf("close: %+v", p.Body)
	}
	s.session(7)
}

func TestAgentNotifies(t *testing.T) {
	s, a := startAgent(t, time.Hour, time.Hour)
	if !a.Notify(subtree.Below(0, 1), VarBind{subtree.Below(2, 0), Integer(5)}) {
		t.Error("no room")
	}
	p := s.read()
	n, ok := p.Body.(*Notify)
	if !ok || p.Session != 7 || len(n.Binds) != 2 || n.Binds[0].Name.String() != "1.3.6.1.6.3.1.1.4.1.0" ||
		n.Binds[0].ID.Compare(subtree.Below(0, 1)) != 0 || n.Binds[1].Number != 5 {
		t.Errorf("%+v", p.Body)
	}
	s.write(&Packet{Session: 7, ID: p.ID, Body: &Response{Error: RequestDenied}}) // of no consequence
	s.ask(&Ping{})
}

// Notifications without a connection wait, up to a bound, and nobody waits for them.
func TestNotifyIsBounded(t *testing.T) {
	a := New(Options{Socket: "/nowhere"})
	for n := range trapsKept + 3 {
		if got, want := a.Notify(subtree), n < trapsKept; got != want {
			t.Errorf("%d: %v", n, got)
		}
	}
	if a.Dropped() != 3 {
		t.Errorf("%d dropped", a.Dropped())
	}
}

// Whatever ends the session, the agent registers again.
func TestAgentComesBack(t *testing.T) {
	for name, end := range map[string]func(*snmpd){
		"closed":         func(s *snmpd) { s.write(&Packet{Session: 7, Body: &Close{ReasonManager}}) },
		"lost":           func(s *snmpd) { s.conn.Close() },
		"garbage":        func(s *snmpd) { s.conn.Write(make([]byte, 100)) },
		"forgotten":      func(s *snmpd) { s.write(&Packet{Session: 7, ID: 99, Body: &Response{Error: NotOpen}}) },
		"pings unheeded": func(s *snmpd) { waitEnd(s) },
	} {
		t.Run(name, func(t *testing.T) {
			silence := time.Hour
			if name == "pings unheeded" {
				silence = time.Millisecond
			}
			s, _ := startAgent(t, 5*time.Millisecond, silence)
			end(s)
			s.session(7)
			if silence < time.Hour {
				return // it gives up again, before it can be asked
			}
			if r := s.ask(&Get{[]Range{{Start: subtree.Below(1, 0)}}}); string(r.Binds[0].Octets) != "hello" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// waitEnd reads pings until the agent has had enough of no answers.
func waitEnd(s *snmpd) {
	for {
		s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		p, err := readPacket(s.conn)
		if err != nil {
			return
		}
		if _, ok := p.Body.(*Ping); !ok {
			s.Errorf("%+v", p.Body)
		}
	}
}

// Pings that are answered keep the session.
func TestPingsAnswered(t *testing.T) {
	s, _ := startAgent(t, time.Millisecond, time.Hour)
	for range 20 {
		p := s.read()
		if _, ok := p.Body.(*Ping); !ok {
			t.Fatalf("%+v", p.Body)
		}
		s.write(&Packet{Session: 7, ID: p.ID, Body: &Response{}})
	}
}

// At the end the session is closed properly.
func TestAgentCloses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agentx")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := New(Options{Socket: "unix:" + path, Description: "test", Subtree: subtree})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	s := &snmpd{T: t, l: l}
	s.session(7)
	s.ask(&Ping{})
	cancel()
	if c, ok := s.read().Body.(*Close); !ok || c.Reason != ReasonShutdown {
		t.Errorf("%+v", c)
	}
	<-done
	s.conn.Close()
}

// An agent that refuses is asked again.
func TestAgentRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agentx")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := New(Options{Socket: path, Description: "test", Subtree: subtree})
	a.retry = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p, err := readPacket(c)
		if err != nil {
			t.Fatal(err)
		}
		c.Write((&Packet{ID: p.ID, Body: &Response{Error: RequestDenied}}).Append(nil))
		c.Close()
	}
	cancel()
	<-done
}

func TestEndpoint(t *testing.T) {
	for socket, want := range map[string][2]string{
		"/var/agentx/master": {"unix", "/var/agentx/master"}, "unix:/x": {"unix", "/x"},
		"tcp:localhost:705": {"tcp", "localhost:705"},
		"127.0.0.1:705":     {"tcp", "127.0.0.1:705"}, "[::1]:705": {"tcp", "[::1]:705"}, "relative": {"unix",
			"relative"},
	} {
		if network, addr := Endpoint(socket); network != want[0] || addr != want[1] {
			t.Errorf("%s: %s %s", socket, network, addr)
		}
	}
	if _, err := dial(t.Context(), "/nowhere/at all"); err == nil {
		t.Error("there is a socket nowhere")
	}
}
