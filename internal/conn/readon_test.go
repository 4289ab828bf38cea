package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// prompt tells whether the kernel acknowledges at once. https://man7.org/linux/man-pages/man7/tcp.7.html
func prompt(t *testing.T, c *Conn) (on bool) {
	t.Helper()
	err := c.sock.raw.Control(func(fd uintptr) {
		n, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK)
		if err != nil {
			t.Error(err)
		}
		on = n != 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return on
}

// converse has client and server say something in turns: the kernel waits for answers to send acknowledgements with, then.
func converse(t *testing.T, c *Conn, client net.Conn) {
	t.Helper()
	b := make([]byte, 8)
	for i := 0; i < 20 && (i < 3 || prompt(t, c)); i++ {
		if _, err := client.Write([]byte("ask")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.ReadOn(b); string(b[:n]) != "ask" || err != nil {
			t.Fatalf("%q %v", b[:n], err)
		}
		if _, err := c.Write([]byte("tell")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, b[:4]); err != nil {
			t.Fatal(err)
		}
	}
	if prompt(t, c) {
		t.Skip("this kernel acknowledges everything at once")
	}
}

// A wait in the middle of something has what arrived acknowledged; one between two things does not.
func TestReadOn(t *testing.T) {
	for _, x := range []struct {
		name string
		read func(c *Conn, p []byte) (int, error)
		want bool
	}{{"Read", (*Conn).Read, false}, {"ReadOn", (*Conn).ReadOn, true}} {
		t.Run(x.name, func(t *testing.T) {
			c, client := pair(t, &Options{Read: 20 * time.Millisecond})
			converse(t, c, client)
			b := make([]byte, 8)
			if n, err := x.read(c, b); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %d octets, %v, of a silent client", n, err)
			}
			if got := prompt(t, c); got != x.want {
				t.Errorf("acknowledges at once: %v, want %v", got, x.want)
			}
		})
	}
}

// What is there is read as by Read, whatever the connection is, and its end, too.
func TestReadOnGives(t *testing.T) {
	unix := func(t *testing.T) (*Conn, net.Conn) {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		ends := make([]net.Conn, 2)
		for i, fd := range fds {
			f := os.NewFile(uintptr(fd), "")
			if ends[i], err = net.FileConn(f); err != nil {
				t.Fatal(err)
			}
			_ = f.Close() // FileConn has its own
		}
		return New(ends[0], &Options{}), ends[1]
	}
	for name, start := range map[string]func(t *testing.T) (*Conn, net.Conn){
		"tcp":  func(t *testing.T) (*Conn, net.Conn) { return pair(t, nil) },
		"unix": unix,
		"pipe": func(t *testing.T) (*Conn, net.Conn) { a, b := net.Pipe(); return New(a, &Options{}), b },
		"tls":  func(t *testing.T) (*Conn, net.Conn) { c, client, _ := securePair(t, nil); return c, client },
	} {
		t.Run(name, func(t *testing.T) {
			c, client := start(t)
			defer c.Abort()
			var writer sync.WaitGroup
			writer.Go(func() {
				defer client.Close()
				for _, piece := range []string{"a lite", "ral", "\r\n"} {
					if _, err := client.Write([]byte(piece)); err != nil {
						t.Error(err)
					}
				}
			})
			var got []byte
			b := make([]byte, 4)
			for {
				n, err := c.ReadOn(b)
				got = append(got, b[:n]...)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			writer.Wait()
			if string(got) != "a literal\r\n" {
				t.Errorf("read %q", got)
			}
			if name != "pipe" && c.In() < int64(len(got)) {
				t.Errorf("counted %d octets of %d", c.In(), len(got))
			}
		})
	}
}
