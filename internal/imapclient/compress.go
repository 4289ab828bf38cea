package imapclient

import (
	"bufio"
	"errors"
	"io"
	"net"

	"github.com/constance-mail/constance/internal/deflate"
)

// Compress compresses from now on: after the server's answer to COMPRESS was read. RFC 4978 section 3.
func (c *Client) Compress() error {
	if c.in.Buffered() > 0 {
		return errors.New("octets before compression")
	}
	c.conn = &compressed{Conn: c.conn}
	c.in = bufio.NewReader(c.conn)
	return nil
}

// EndCompression ends compression: after the server's answer to UNAUTHENTICATE was read. RFC 8437 section 4.1.
func (c *Client) EndCompression() error {
	z, ok := c.conn.(*compressed)
	if !ok || c.in.Buffered() > 0 {
		return errors.New("no compression, or octets before its end")
	}
	if b, err := c.in.Peek(1); len(b) > 0 || err != io.EOF {
		return errors.New("the server's stream does not end")
	}
	c.conn, c.in = z.Conn, bufio.NewReader(io.MultiReader(&z.held, z.Conn))
	return nil
}

// compressed is a connection with compression.
type compressed struct {
	net.Conn
	in   deflate.Inflater
	out  deflate.Deflater
	held held
}

// held is what was received and not decoded.
type held []byte

// Read implements io.Reader.
func (h *held) Read(p []byte) (int, error) {
	if len(*h) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *h)
	*h = (*h)[n:]
	return n, nil
}

// Read implements io.Reader. io.EOF: the stream has ended, or the connection.
func (z *compressed) Read(p []byte) (int, error) {
	for {
		n, read, err := z.in.Inflate(p, z.held)
		z.held = z.held[read:]
		if n > 0 || err != nil {
			return n, err
		}
		if len(z.held) > 0 {
			continue
		}
		buf := make([]byte, 4096)
		if n, err = z.Conn.Read(buf); n == 0 {
			return 0, err
		}
		z.held = buf[:n]
	}
}

// Write implements io.Writer.
func (z *compressed) Write(p []byte) (int, error) {
	if _, err := z.Conn.Write(z.out.Append(nil, p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
