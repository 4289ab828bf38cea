package imap

import (
	"encoding/base64"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// Login is LOGIN. RFC 9051 section 6.2.3.
type Login struct{ User, Password string }

// Authenticate is AUTHENTICATE; further answers of the client are read by ReadAnswer. RFC 9051 section 6.2.2, RFC
// 4959.
type Authenticate struct {
	Mechanism  string // in capitals
	HasInitial bool   // an initial response was given, perhaps the empty one ("=")
	Initial    []byte // decoded
}

// Enable is ENABLE. RFC 9051 section 6.3.1, RFC 5161.
type Enable struct{ Caps []string } // in capitals, known or not

// Verb is "LOGIN".
func (*Login) Verb() string { return "LOGIN" }

// Verb is "AUTHENTICATE".
func (*Authenticate) Verb() string { return "AUTHENTICATE" }

// Verb is "ENABLE".
func (*Enable) Verb() string { return "ENABLE" }

// login = "LOGIN" SP userid SP password; RFC 9051 section 9.
func parseLogin(d *wire.Decoder) Command {
	var c Login
	_ = d.MustSP() && d.MustAString(&c.User) && d.MustSP() && d.MustAString(&c.Password) // the error sticks
	return end(d, &c)
}

// Append appends the command.
func (c *Login) Append(b []byte, utf8 bool) []byte {
	b = append(wire.AppendAString(append(b, "LOGIN "...), c.User, utf8), ' ')
	return wire.AppendAString(b, c.Password, utf8)
}

// authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]; RFC 9051 section 9.
func parseAuthenticate(d *wire.Decoder) Command {
	var c Authenticate
	if !d.MustSP() {
		return nil
	}
	c.Mechanism = string(d.MustWord())
	if c.HasInitial = d.SP(); c.HasInitial {
		if d.AtEnd() {
			d.Fail(`expected an initial response, "=" if it is empty`)
		}
		d.MustBase64(&c.Initial)
	}
	return end(d, &c)
}

// Append appends the command.
func (c *Authenticate) Append(b []byte, _ bool) []byte {
	b = append(append(b, "AUTHENTICATE "...), c.Mechanism...)
	switch {
	case c.HasInitial && len(c.Initial) == 0:
		b = append(b, " ="...)
	case c.HasInitial:
		b = base64.StdEncoding.AppendEncode(append(b, ' '), c.Initial)
	}
	return b
}

// maxCaps bounds the capabilities of one ENABLE.
const maxCaps = 50

// enable = "ENABLE" 1*(SP capability); RFC 9051 section 9.
func parseEnable(d *wire.Decoder) Command {
	var c Enable
	for more := d.MustSP(); more; more = d.SP() {
		w := d.MustWord()
		if len(c.Caps) == maxCaps {
			d.Fail("too many capabilities")
			return nil
		}
		c.Caps = append(c.Caps, string(w))
	}
	return end(d, &c)
}

// Append appends the command.
func (c *Enable) Append(b []byte, _ bool) []byte {
	b = append(b, "ENABLE"...)
	for _, s := range c.Caps {
		b = append(append(b, ' '), s...)
	}
	return b
}
