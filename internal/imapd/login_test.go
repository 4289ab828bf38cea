package imapd

import (
	"bufio"
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
)

func TestPasswordsNeedTLSFromAfar(t *testing.T) {
	s := startServer(t, nil)
	k := s.dial()
	for _, n := range s.list() {
		n.remote = netip.MustParseAddr("192.0.2.1") // the session waits: nobody else looks
	}
	if out := k.do("CAPABILITY"); !strings.Contains(out[0], "LOGINDISABLED") || strings.Contains(out[0], "AUTH=") {
		t.Errorf("%q", out)
	}
	for _, c := range []string{"LOGIN alice secret", "AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA=="} {
		if out := k.cmd(c); !strings.HasPrefix(out[0], "NO [PRIVACYREQUIRED]") {
			t.Errorf("%s: %q", c, out)
		}
	}
	k.do("STARTTLS")
	c := tls.Client(k.Conn, &tls.Config{InsecureSkipVerify: true})
	k.Conn, k.r = c, bufio.NewReader(c)
	if out := k.do("CAPABILITY"); strings.Contains(out[0], "STARTTLS") || !strings.Contains(out[0], "AUTH=PLAIN") {
		t.Errorf("%q", out)
	}
	k.do("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==")
	k.send("i IDLE\r\n")
	k.want("+ ")
	k.send("DONE\r\nx LOGOUT\r\n")
	k.until("x")
}

func TestAuthenticate(t *testing.T) {
	s := startServer(t, nil)
	for _, c := range []struct{ send, want string }{
		{"a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n", "a OK [CAPABILITY"},
		{"a AUTHENTICATE PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\n", "+ \na OK [CAPABILITY"},
		{"a AUTHENTICATE PLAIN\r\n*\r\n", "+ \na BAD cancelled"},
		{"a AUTHENTICATE PLAIN\r\n!!!\r\n", "+ \na BAD "},
		{"a AUTHENTICATE PLAIN =\r\n", "a BAD malformed"},
		{"a AUTHENTICATE PLAIN Ym9iAGFsaWNlAHNlY3JldA==\r\n", "a NO [AUTHORIZATIONFAILED]"},
		{"a AUTHENTICATE PLAIN AGFsaWNlAHdyb25n\r\n", "a NO [AUTHENTICATIONFAILED]"},
		{"a AUTHENTICATE LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n", "+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\na OK [CAPABILITY"},
		{"a AUTHENTICATE LOGIN YWxpY2U=\r\nc2VjcmV0\r\n", "+ UGFzc3dvcmQ6\na OK [CAPABILITY"},
		{"a AUTHENTICATE GSSAPI\r\n", "a NO [CANNOT]"},
		{"a LOGIN alice {6}\r\nsecret\r\n", "+ go ahead\na OK [CAPABILITY"},
		{"a LOGIN alice wrong\r\n", "a NO [AUTHENTICATIONFAILED]"},
	} {
		k := s.dial()
		k.send(c.send)
		for _, want := range strings.Split(c.want, "\n") {
			k.want(want)
		}
		k.do("NOOP")
		k.Close()
	}
}
