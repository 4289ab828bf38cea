package deliver

import (
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Trace is how a message came here: what goes into its Received field. RFC 5321 section 4.4.
type Trace struct {
	Helo   string     // what the client calls itself; "" if there was no client
	Remote netip.Addr // its address; zero: not known, as with a local socket
	By     string     // this host
	With   string     // the protocol: "LMTP", "UTF8LMTP"; "" none. RFC 3848, RFC 6531 section 4.3
	ID     string     // see NewID; "" none
	Time   time.Time  // zero: now
}

// NewID is a short text that names one reception in this process's log and hardly repeats elsewhere.
func NewID() string {
	b := make([]byte, 0, 24)
	b = strconv.AppendInt(b, time.Now().UnixMicro(), 36)
	b = append(b, '-')
	return string(strconv.AppendUint(b, lastID.Add(1), 36))
}

// lastID makes the texts of one microsecond differ.
var lastID atomic.Uint64

// append appends the fields Return-Path, Delivered-To and Received. forOne is the only recipient, or empty: the
// recipients of a message must not learn of each other (RFC 5321 section 7.2).
func (t *Trace) append(b []byte, from, to, forOne string) []byte {
	b = append(b, "Return-Path: <"...)
	b = appendClean(b, from)
	b = append(b, ">\r\n"...)
	if to != "" {
		b = append(b, "Delivered-To: "...)
		b = appendClean(b, to)
		b = append(b, "\r\n"...)
	}
	b = append(b, "Received:"...)
	if t.Helo != "" {
		b = append(b, " from "...)
		b = appendWord(b, t.Helo)
		b = t.appendRemote(b)
		b = append(b, "\r\n\t"...)
	} else {
		b = append(b, ' ')
	}
	b = append(b, "by "...)
	b = appendWord(b, t.By)
	if t.With != "" {
		b = append(b, " with "...)
		b = append(b, t.With...)
	}
	if t.ID != "" {
		b = append(b, " id "...)
		b = append(b, t.ID...)
	}
	if forOne != "" {
		b = append(b, "\r\n\tfor <"...)
		b = appendClean(b, forOne)
		b = append(b, '>')
	}
	at := t.Time
	if at.IsZero() {
		at = time.Now()
	}
	b = append(b, ";\r\n\t"...)
	b = at.AppendFormat(b, "Mon, 2 Jan 2006 15:04:05 -0700")
	return append(b, "\r\n"...)
}

// appendRemote appends the address as RFC 5321 section 4.1.3 writes it.
func (t *Trace) appendRemote(b []byte) []byte {
	if !t.Remote.IsValid() {
		return b
	}
	b = append(b, " (["...)
	a := t.Remote.Unmap().WithZone("")
	if a.Is6() {
		b = append(b, "IPv6:"...)
	}
	b = a.AppendTo(b)
	return append(b, "])"...)
}

// appendClean appends s with a ? for whatever could end a field or hide in it.
func appendClean(b []byte, s string) []byte {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 {
			r = '?'
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// appendWord is appendClean without anything that could begin a comment or end a clause.
func appendWord(b []byte, s string) []byte {
	if s == "" {
		s = "unknown"
	}
	start := len(b)
	b = appendClean(b, s[:min(len(s), 255)])
	for i := start; i < len(b); i++ {
		switch b[i] {
		case ' ', '(', ')', ';', '<', '>', '"', '\\', ',':
			b[i] = '?'
		}
	}
	return b
}
