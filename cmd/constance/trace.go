package main

import (
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/constance-mail/constance/internal/imapd"
)

// traceQueue is how many pieces wait for whoever traces; more are lost.
const traceQueue = 4096

// maxPiece bounds a piece as it is told, in octets: a literal may come in large ones.
const maxPiece = 8 << 10

// traceHandler tells the protocol of a user's sessions for as long as somebody listens. No session waits for it.
func (w *worker) traceHandler(s *imapd.Server) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		user, by, pid := r.FormValue("user"), r.FormValue("by"), r.FormValue("pid")
		if user == "" {
			http.Error(rw, "whose sessions?", http.StatusBadRequest)
			return
		}
		queue := make(chan []byte, traceQueue)
		var lost atomic.Int64
		stop := s.Trace(user, r.FormValue("literals") == "true", func(p imapd.Traced) {
			select {
			case queue <- w.appendTraced(nil, &p):
			default:
				lost.Add(1)
			}
		})
		defer stop()
		w.log.Warn("trace begins", "user", user, "by", by, "by_pid", pid)
		start := time.Now()
		defer func() { w.log.Warn("trace ends", "user", user, "by", by, "by_pid", pid, "ms", ms(time.Since(start))) }()
		flush := http.NewResponseController(rw).Flush
		for err := flush(); err == nil; err = flush() {
			select {
			case <-r.Context().Done():
				return
			case line := <-queue:
				if n := lost.Swap(0); n > 0 {
					line = fmt.Appendf(line, "%s lines were lost\n", num(n))
				}
				if _, err := rw.Write(line); err != nil {
					return
				}
			}
		}
	}
}

// appendTraced appends a piece as one line.
func (w *worker) appendTraced(b []byte, p *imapd.Traced) []byte {
	who := 'S'
	if p.Client {
		who = 'C'
	}
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = fmt.Appendf(b, " %s %d.%d %c: ", w.name, os.Getpid(), p.Session, who)
	b = appendVisible(b, p.Text[:min(len(p.Text), maxPiece)])
	if more := len(p.Text) - maxPiece; more > 0 {
		b = fmt.Appendf(b, " (%d octets more)", more)
	}
	return append(b, '\n')
}

// appendVisible appends text with what is not to be seen as in Go: \r, \x00.
func appendVisible(b, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			b = fmt.Appendf(b, "\\x%02x", text[0])
		default:
			b = append(b, text[:n]...)
		}
		text = text[n:]
	}
	return b
}
