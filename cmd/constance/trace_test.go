package main

import (
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/imapd"
)

func TestTracedLine(t *testing.T) {
	w := &worker{name: "imap"}
	line := string(w.appendTraced(nil, &imapd.Traced{Session: 7, Client: true, Text: []byte("a ü\r\x00\xff")}))
	if !strings.HasSuffix(line, ".7 C: a ü\\x0d\\x00\\xff\n") || !strings.Contains(line, "Z imap ") {
		t.Errorf("got %q", line)
	}
	line = string(w.appendTraced(nil, &imapd.Traced{Text: make([]byte, maxPiece+3)}))
	if !strings.HasSuffix(line, " (3 octets more)\n") || strings.Count(line, "\n") != 1 {
		t.Errorf("got %.50q ... %q", line, line[len(line)-30:])
	}
}
