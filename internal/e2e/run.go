package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/imapclient"
)

// Target is a server and a user on it who has nothing but an empty INBOX.
type Target struct {
	Dial           func() (net.Conn, error)
	User, Password string
	Compress       bool              // the directives login and rev2 turn compression on
	Vars           map[string]string // more of what scripts have as ${name}
}

// RunDir runs each script of a directory as a subtest, on a target of its own, without those whose names begin as one
// of skip.
func RunDir(t *testing.T, dir string, target func(t *testing.T) Target, skip ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if slices.ContainsFunc(skip, func(s string) bool { return strings.HasPrefix(name, s) }) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			Run(t, file, target(t))
		})
	}
}

// Run runs one script.
func Run(t *testing.T, file string, target Target) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := runScript(filepath.Base(file), data, target, t.Logf); err != nil {
		t.Error(err)
	}
}

// runner runs one script.
type runner struct {
	*script
	target Target
	conns  map[int]*imapclient.Client
	vars   map[string]string
	trace  []string
	forbid []string // S! lines since the last S: line
}

// traced is how many of the last lines of the conversation an error shows.
const traced = 14

func runScript(name string, data []byte, target Target, logf func(string, ...any)) error {
	s, err := parseScript(name, data)
	if err != nil {
		return err
	}
	r := &runner{script: s, target: target, conns: map[int]*imapclient.Client{},
		vars: map[string]string{"user": target.User, "password": target.Password}}
	maps.Copy(r.vars, target.Vars)
	defer func() {
		for _, c := range r.conns {
			c.Close()
		}
	}()
	for i := 0; i < len(r.steps); {
		n, err := r.step(r.steps[i:])
		if err != nil {
			logf("%s", strings.Join(r.trace[max(0, len(r.trace)-traced):], "\n"))
			return fmt.Errorf("%s:%d: %s %s: %w", name, r.steps[i].line, r.steps[i].op, r.steps[i].text, err)
		}
		i += n
	}
	return nil
}

// step does the first of the steps, or several that belong together, and says how many.
func (r *runner) step(steps []step) (int, error) {
	st := steps[0]
	if st.op == ">" {
		return 1, r.directive(strings.Fields(st.text))
	}
	c, err := r.conn(st.conn, true)
	if err != nil {
		return 1, err
	}
	switch st.op {
	case "C:", "C-":
		return 1, r.send(c, st)
	case "S!":
		r.forbid = append(r.forbid, st.text)
		return 1, nil
	case "S~":
		n := 1
		for n < len(steps) && steps[n].op == "S~" && steps[n].conn == st.conn {
			n++
		}
		return n, r.unordered(c, steps[:n])
	}
	if st.text == "<end>" {
		return 1, r.untilEnd(c)
	}
	if st.text == "..." {
		if len(steps) == 1 || steps[1].op != "S:" || steps[1].conn != st.conn {
			return 1, errors.New("no S: line follows")
		}
		return 2, r.until(c, steps[1].text)
	}
	return 1, r.expect(c, st.text)
}

// conn is connection n, made and greeted if it is not there.
func (r *runner) conn(n int, greet bool) (*imapclient.Client, error) {
	if c := r.conns[n]; c != nil {
		return c, nil
	}
	nc, err := r.target.Dial()
	if err != nil {
		return nil, err
	}
	c := imapclient.New(nc)
	c.Trace(func(dir, text string) {
		if len(text) > 1000 {
			text = text[:1000] + "..."
		}
		r.trace = append(r.trace, fmt.Sprintf("%s%d: %q", dir, n, text))
	})
	r.conns[n] = c
	if !greet {
		return c, nil
	}
	greeting, err := c.Read()
	if err == nil && !strings.HasPrefix(greeting, "* OK") {
		err = fmt.Errorf("greeted with %q", greeting)
	}
	return c, err
}

func (r *runner) send(c *imapclient.Client, st step) error {
	if st.text == "<close>" {
		delete(r.conns, st.conn)
		return c.Close()
	}
	text, err := r.sent(st.text, r.vars)
	if err != nil {
		return err
	}
	if st.op == "C:" {
		text += "\r\n"
	}
	if err := c.Send(text); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return err // a server that has closed already is seen by what it said before
	}
	return nil
}

func (r *runner) expect(c *imapclient.Client, want string) error {
	got, err := c.Read()
	if want == "<closed>" {
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil
		}
		return fmt.Errorf("got %q, %v", got, err)
	}
	if err != nil {
		return err
	}
	ok, err := r.match(want, got, r.vars)
	if err == nil && !ok {
		err = fmt.Errorf("got %q", got)
	}
	return err
}

// unordered matches as many responses as there are steps, in any order.
func (r *runner) unordered(c *imapclient.Client, steps []step) error {
	left := slices.Clone(steps)
	for len(left) > 0 {
		got, err := c.Read()
		if err != nil {
			return err
		}
		found := -1
		for i, st := range left {
			ok, err := r.match(st.text, got, r.vars)
			if err != nil {
				return err
			}
			if ok {
				found = i
				break
			}
		}
		if found < 0 {
			return fmt.Errorf("got %q, wanted one of %d lines from %q on", got, len(left), left[0].text)
		}
		left = slices.Delete(left, found, found+1)
	}
	return nil
}

// until passes over untagged responses up to the one that matches.
func (r *runner) until(c *imapclient.Client, want string) error {
	defer func() { r.forbid = nil }()
	for {
		got, err := c.Read()
		if err != nil {
			return fmt.Errorf("waiting for %q: %w", want, err)
		}
		if ok, err := r.match(want, got, r.vars); ok || err != nil {
			return err
		}
		if !strings.HasPrefix(got, "* ") {
			return fmt.Errorf("got %q, waiting for %q", got, want)
		}
		if err := r.allowed(got); err != nil {
			return err
		}
	}
}

// untilEnd passes over responses until the server closes the connection.
func (r *runner) untilEnd(c *imapclient.Client) error {
	defer func() { r.forbid = nil }()
	for {
		got, err := c.Read()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
			return nil
		case err != nil:
			return err
		}
		if err := r.allowed(got); err != nil {
			return err
		}
	}
}

// allowed fails for a response that matches an S! line.
func (r *runner) allowed(got string) error {
	for _, f := range r.forbid {
		ok, err := r.match(f, got, r.vars)
		if err != nil {
			return err
		}
		if ok {
			return fmt.Errorf("got %q, which must not be", got)
		}
	}
	return nil
}

// directive does what a line with > says.
func (r *runner) directive(words []string) error {
	n := 1
	if len(words) == 2 {
		n, _ = strconv.Atoi(words[1]) // 0 is no connection of any script
	}
	switch {
	case words[0] == "raw":
		_, err := r.conn(n, false)
		return err
	case words[0] == "login":
		return r.login(n)
	case words[0] == "rev2":
		return r.login(n, "ENABLE IMAP4rev2")
	case words[0] == "compress":
		return r.conns[n].Compress()
	case words[0] == "plain":
		return r.conns[n].EndCompression()
	case words[0] == "tls":
		return r.conns[n].StartTLS(&tls.Config{InsecureSkipVerify: true}) // the tests' own certificate
	case words[0] == "silent":
		if r.conns[n].Pending(10 * time.Millisecond) {
			got, _ := r.conns[n].Read() // it is the error
			return fmt.Errorf("got %q", got)
		}
		return nil
	case words[0] == "fill" && len(words) == 3:
		return r.fill(words[1], words[2])
	}
	return errors.New("no such directive")
}

// login logs in, compresses if the target asks for it, and has each command answered OK.
func (r *runner) login(n int, commands ...string) error {
	err := r.commands(n, "LOGIN "+r.target.User+" "+r.target.Password)
	if err == nil && r.target.Compress {
		if err = r.commands(n, "COMPRESS DEFLATE"); err == nil {
			err = r.conns[n].Compress()
		}
	}
	if err != nil {
		return err
	}
	return r.commands(n, commands...)
}

// commands has each command answered OK.
func (r *runner) commands(n int, commands ...string) error {
	c, err := r.conn(n, true)
	for _, cmd := range commands {
		if err == nil {
			_, err = c.MustOK(cmd)
		}
	}
	return err
}

// fill appends messages to a mailbox.
func (r *runner) fill(mailbox, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		no := strconv.Itoa(i + 1)
		day := fmt.Sprintf("%02d", 6+i%20)
		m := "From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: " + no + "\r\nDate: Mon, " + day +
			" Jan 2020 12:00:00 +0000\r\nMessage-ID: <" + no + "@example.org>\r\n\r\nbody " + no + "\r\n"
		if err := r.commands(1, "APPEND "+mailbox+" {"+strconv.Itoa(len(m))+"+}\r\n"+m); err != nil {
			return err
		}
	}
	return nil
}
