package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestPythonZlib speaks compressed with zlib itself, with each kind of flush; a partial flush does not end at an octet.
// Each command must be answered before the next one is sent. RFC 4978 section 3.
func TestPythonZlib(t *testing.T) {
	needs(t, "python3", "python3")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 30)
	script := write(t, filepath.Join(home, "t.py"), `
import socket, ssl, sys, zlib
port, tlsport, ca = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
PARTIAL, SYNC, FULL = 1, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH

class Client:
    def __init__(self, sock):
        self.sock, self.z, self.text, self.n = sock, None, b"", 0
        sock.settimeout(30)
        self.line()
    def more(self):
        got = self.sock.recv(65536)
        assert got, "the connection ends"
        self.text += self.unz.decompress(got) if self.z else got
    def line(self):
        while b"\r\n" not in self.text: self.more()
        line, self.text = self.text.split(b"\r\n", 1)
        return line
    def send(self, text, flush, piece=10**9):
        if self.z: text = self.z.compress(text) + self.z.flush(flush)
        for i in range(0, len(text), piece): self.sock.sendall(text[i:i+piece])
    def do(self, command, flush=SYNC, piece=10**9):
        self.n += 1
        tag = b"t%d" % self.n
        self.send(tag + b" " + command + b"\r\n", flush, piece)
        got = []
        while True:
            line = self.line()
            if line.startswith(tag + b" "):
                assert line.startswith(tag + b" OK"), (command, line)
                return got
            got.append(line)
    def compress(self, level, bits):
        self.do(b"COMPRESS DEFLATE")
        assert not self.text
        self.z, self.unz = zlib.compressobj(level, zlib.DEFLATED, bits), zlib.decompressobj(-15)

for level, bits in ((1, -15), (9, -15), (6, -9), (0, -15)):
    for flush in (PARTIAL, SYNC, FULL):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if flush == FULL:
            sock = ssl.create_default_context(cafile=ca).wrap_socket(socket.create_connection(("127.0.0.1", tlsport)), server_hostname="localhost")
        c = Client(sock)
        c.do(b"LOGIN alice wonderland")
        c.compress(level, bits)
        c.do(b"SELECT INBOX", flush)
        for i in range(30):
            c.do(b"NOOP", flush, 1)
            assert c.do(b"UID SEARCH SUBJECT \"Message %d\" ALL" % i, flush)[0].startswith(b"* SEARCH ")
        assert len(b"\n".join(c.do(b"FETCH 1:30 (UID BODY.PEEK[])", flush, 7))) > 10000
        c.send(b"i IDLE\r\n", flush)
        assert c.line().startswith(b"+")
        c.send(b"DONE\r\n", flush)
        assert c.line() == b"i OK completed"
        body = b"Subject: x\r\n\r\n" + bytes(range(32, 127)) * 3000
        c.do(b"APPEND Sent {%d+}\r\n%s" % (len(body), body), flush)
        c.do(b"UNAUTHENTICATE", flush)
        while not c.unz.eof: c.more() # the server's stream ends
        assert not c.text and not c.unz.unused_data
        c.z = None
        c.do(b"LOGIN alice wonderland")
        assert b"MESSAGES" in c.do(b"STATUS Sent (MESSAGES)")[0]
        c.do(b"LOGOUT")
print("done")
`)
	if got := runProgram(t, home, "", "python3", script, port(t, s.IMAP), port(t, s.IMAPS), filepath.Join(s.Dir, "tls", "cert.pem")); got != "done\n" {
		t.Errorf("got %q", got)
	}
}

// TestMutt has mutt turn compression on, which Debian's neomutt cannot, and move and delete messages through it.
func TestMutt(t *testing.T) {
	needs(t, "mutt", "mutt")
	s := clientServer(t)
	home := t.TempDir()
	deliverMany(t, s, "alice", 0, 20)
	rc := write(t, filepath.Join(home, "rc"), fmt.Sprintf(`set imap_user=alice
set imap_pass=wonderland
set ssl_starttls=no
set ssl_force_tls=no
set imap_deflate=yes
set imap_condstore=yes
set imap_qresync=yes
set folder="imap://127.0.0.1:%[1]s/"
set spoolfile="imap://127.0.0.1:%[1]s/INBOX"
set confirmappend=no
set confirmcreate=no
set delete=yes
set quit=yes
set sort=mailbox-order
push "<tag-pattern>~s 'Message 1[0-4]'<enter><tag-prefix><save-message>=Archive<enter><sync-mailbox><quit>"
`, port(t, s.IMAP)))
	shown := runTerminal(t, home, "mutt", "-n", "-F", rc)
	if !compressed(t, s) {
		t.Error("mutt did not compress")
	}
	c := login(t, s, "alice", "wonderland")
	for box, want := range map[string]string{"Archive": "MESSAGES 5)", "INBOX": "MESSAGES 15)"} {
		if got := do(t, c, "STATUS "+box+" (MESSAGES)")[0]; !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s, want %s; mutt showed:\n%q", box, got, want, shown)
		}
	}
}

// compressed tells whether a session has turned compression on.
func compressed(t *testing.T, s *Server) bool {
	t.Helper()
	_, body := get(t, s, "/metrics")
	return strings.Contains(body, `constance_imap_commands_total{command="COMPRESS",outcome="OK",`)
}
