package imapd

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Traced is a piece of the protocol of a session: a line without its end, or what a literal holds.
type Traced struct {
	Session uint64
	Client  bool   // the client said it
	Text    []byte // valid during the call
}

// trace has the protocol of a user's sessions told to f.
type trace struct {
	user     string
	literals bool
	f        func(Traced)
}

// Trace tells f, from now on, what the sessions of a user say and hear, running ones from their next command on, until
// stop is called; f may be called once more just then. Literals are only counted unless literals is set; passwords are
// never told. f is called from any goroutine, and must not block.
func (s *Server) Trace(user string, literals bool, f func(Traced)) (stop func()) {
	t := &trace{user: user, literals: literals, f: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setTraces(append(slices.Clone(s.traced()), t))
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.setTraces(slices.DeleteFunc(slices.Clone(s.traced()), func(o *trace) bool { return o == t }))
	}
}

// traced are the traces that go on. Never changed once they are set.
func (s *Server) traced() []*trace {
	if p := s.traces.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Server) setTraces(list []*trace) {
	if len(list) == 0 {
		s.traces.Store(nil)
		return
	}
	s.traces.Store(&list)
}

// tap takes what a session says and hears to the traces of its user.
type tap struct {
	session uint64
	traces  []*trace
	in, out redactor
}

// retap looks for traces before a burst of commands, when both sides are between two lines.
func (s *session) retap() {
	var mine []*trace
	for _, t := range s.srv.traced() {
		if s.state != notAuthenticated && t.user == s.user.Login {
			mine = append(mine, t)
		}
	}
	switch {
	case len(mine) == 0:
		s.out.tap = nil
	case s.out.tap == nil || !slices.Equal(s.out.tap.traces, mine):
		s.out.tap = &tap{session: s.id, traces: mine}
	}
}

// client and server take what was said; nobody listens if t is nil.
func (t *tap) client(b []byte) {
	if t != nil {
		t.in.take(b, func(text []byte, literal bool) { t.tell(Traced{t.session, true, text}, literal) })
	}
}

func (t *tap) server(b []byte) {
	if t != nil {
		t.out.take(b, func(text []byte, literal bool) { t.tell(Traced{t.session, false, t.in.unsaid(text)}, literal) })
	}
}

func (t *tap) tell(p Traced, literal bool) {
	for _, to := range t.traces {
		if !literal || to.literals {
			to.f(p)
		}
	}
}

// tracedLine is how much of a line is told, in octets.
const tracedLine = 4 << 10

// redactor takes what one side says apart into lines and literals, and hides what a login says.
type redactor struct {
	line   []byte // so far, tracedLine octets at most, and behind them the last ones
	within bool   // the line goes on behind a literal
	hide   bool   // it is of a command with a password
	size   int64  // octets of the literal to come
	word   []byte // the last line that was hidden and a single word: the other side takes it for a tag
}

// take tells each line, and what comes of a literal.
func (r *redactor) take(b []byte, tell func(text []byte, literal bool)) {
	for len(b) > 0 {
		if r.size > 0 {
			n := min(int64(len(b)), r.size)
			if !r.hide {
				tell(b[:n], true)
			}
			r.size -= n
			b = b[n:]
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			r.keep(b)
			return
		}
		r.keep(b[:end])
		b = b[end+1:]
		r.endLine(tell)
	}
}

// keep keeps more of the line; of a long one the beginning and the end, which may announce a literal.
func (r *redactor) keep(b []byte) {
	r.line = append(r.line, b...)
	if n := len(r.line); n > tracedLine+64 {
		r.line = append(r.line[:tracedLine], r.line[n-64:]...)
	}
}

func (r *redactor) endLine(tell func([]byte, bool)) {
	line := bytes.TrimSuffix(r.line, []byte{'\r'})
	r.size = literalAt(line)
	if !r.within {
		r.hide = secret(line)
	}
	switch {
	case !r.hide:
		tell(line, false)
	case !r.within:
		if r.word = nil; bytes.IndexByte(line, ' ') < 0 {
			r.word = bytes.Clone(line)
		}
		tell(visibleOf(line), false)
	}
	r.within = r.size > 0
	r.line = r.line[:0]
}

// unsaid is an answer without the hidden word that it repeats.
func (r *redactor) unsaid(answer []byte) []byte {
	if rest, ok := bytes.CutPrefix(answer, r.word); ok && len(r.word) > 0 {
		return append([]byte("(hidden)"), rest...)
	}
	return answer
}

// literalAt is the size of the literal that the end of a line announces, 0 for none. RFC 9051 section 4.3.
func literalAt(line []byte) int64 {
	text, ok := strings.CutSuffix(string(line[max(0, len(line)-64):]), "}")
	i := strings.LastIndexByte(text, '{')
	if !ok || i < 0 {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text[i+1:], "+"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// visibleOf is what is told of a line that is hidden: the tag and the verb of a command.
func visibleOf(line []byte) []byte {
	words := bytes.Fields(line)
	if len(words) < 2 {
		return []byte("(hidden)")
	}
	return append(bytes.Join(words[:2], []byte{' '}), " (hidden)"...)
}

// secret tells whether a line begins a command that has a password, in any state and however it is spelt; a single word
// may be the answer to a challenge.
func secret(line []byte) bool {
	words := bytes.Fields(line)
	if len(words) == 1 {
		return len(words[0]) > 1 && !bytes.EqualFold(words[0], []byte("DONE"))
	}
	return len(words) > 1 && (bytes.EqualFold(words[1], []byte("LOGIN")) || bytes.EqualFold(words[1], []byte("AUTHENTICATE")))
}
