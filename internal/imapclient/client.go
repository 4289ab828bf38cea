// Package imapclient is a raw IMAP client for tests: it sends what it is told, well-formed or not, and reads whole
// responses, literals included. It knows no commands. Every wait is bounded.
package imapclient

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Timeout is how long a client waits for a response, or to be rid of what it sends.
const Timeout = 15 * time.Second

// maxResponse bounds a response, octets.
const maxResponse = 64 << 20

// Client is one connection. For one goroutine.
type Client struct {
	conn    net.Conn
	in      *bufio.Reader
	Timeout time.Duration // of each wait
	trace   func(dir, text string)
	tags    int
}

// New is a client of a connection.
func New(conn net.Conn) *Client {
	return &Client{conn: conn, in: bufio.NewReader(conn), Timeout: Timeout}
}

// Dial connects to an address and reads the greeting.
func Dial(addr string) (*Client, string, error) {
	conn, err := net.DialTimeout("tcp", addr, Timeout)
	if err != nil {
		return nil, "", err
	}
	c := New(conn)
	greeting, err := c.Read()
	if err != nil {
		conn.Close() // the first error counts
		return nil, "", fmt.Errorf("greeting: %w", err)
	}
	return c, greeting, nil
}

// Trace has f called with everything that is sent ("C") and read ("S").
func (c *Client) Trace(f func(dir, text string)) { c.trace = f }

// Close ends the connection without LOGOUT.
func (c *Client) Close() error { return c.conn.Close() }

// Send sends octets as they are.
func (c *Client) Send(raw string) error {
	if c.trace != nil {
		c.trace("C", raw)
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.Timeout)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, raw)
	return err
}

// Read reads one response with its literals, without the last CRLF. io.EOF: the server closed the connection.
func (c *Client) Read() (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.Timeout)); err != nil {
		return "", err
	}
	var b strings.Builder
	var line string
	for {
		var err error
		line, err = c.in.ReadString('\n')
		b.WriteString(line)
		if err != nil && b.Len() > 0 {
			err = amid(err)
		}
		if err != nil {
			return b.String(), err
		}
		n, ok := literal(line)
		if !ok {
			break
		}
		if n > maxResponse-int64(b.Len()) {
			return "", errors.New("response too large")
		}
		if _, err := io.CopyN(&b, c.in, n); err != nil {
			return b.String(), amid(err)
		}
	}
	s, ok := strings.CutSuffix(b.String(), "\r\n")
	if !ok || line == "\n" { // the CR of a literal before it
		return s, fmt.Errorf("response %q does not end with CRLF", s)
	}
	if c.trace != nil {
		c.trace("S", s)
	}
	return s, nil
}

// amid is an error in the middle of a response.
func amid(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// literal reads the announcement of a literal at the end of a line.
func literal(line string) (int64, bool) {
	line, ok := strings.CutSuffix(line, "}\r\n")
	i := strings.LastIndexByte(line, '{')
	if !ok || i < 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(line[i+1:], 10, 63) // RFC 9051 section 9, "number64"
	return int64(n), err == nil
}

// Pending tells whether a response is there already, or arrives within d.
func (c *Client) Pending(d time.Duration) bool {
	if err := c.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return false
	}
	_, err := c.in.Peek(1)
	return err == nil
}

// Do sends a command under a tag of its own and reads all that comes up to the tagged response, which is returned
// last and without its tag. A continuation request before it is an error: send literals as non-synchronizing ones.
func (c *Client) Do(command string) ([]string, error) {
	c.tags++
	tag := "t" + strconv.Itoa(c.tags)
	if err := c.Send(tag + " " + command + "\r\n"); err != nil {
		return nil, err
	}
	var out []string
	for {
		s, err := c.Read()
		if err != nil {
			return out, err
		}
		if strings.HasPrefix(s, "+") {
			return out, fmt.Errorf("%s: unexpected %q", command, s)
		}
		rest, done := strings.CutPrefix(s, tag+" ")
		out = append(out, rest)
		if done {
			return out, nil
		}
	}
}

// MustOK is Do, with an error unless the answer is OK.
func (c *Client) MustOK(command string) ([]string, error) {
	out, err := c.Do(command)
	if err == nil && !strings.HasPrefix(out[len(out)-1], "OK") {
		err = fmt.Errorf("%.100q: %s", command, out[len(out)-1])
	}
	return out, err
}

// StartTLS changes to TLS: at once, or after the server's answer to STARTTLS was read.
func (c *Client) StartTLS(config *tls.Config) error {
	if c.in.Buffered() > 0 {
		return errors.New("octets before TLS")
	}
	conn := tls.Client(c.conn, config)
	if err := c.conn.SetDeadline(time.Now().Add(c.Timeout)); err != nil {
		return err
	}
	if err := conn.Handshake(); err != nil {
		return err
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	return nil
}
