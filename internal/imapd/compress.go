package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
)

// compress is COMPRESS: it begins after the tagged answer, in both directions. A client that did not wait for it is
// refused, for nobody could tell which of its octets are compressed. RFC 4978 section 3.
func (s *session) compress(_ context.Context, c *imap.Compress) error {
	switch {
	case c.Algorithm != "DEFLATE":
		return bad("the only algorithm is DEFLATE")
	case s.conn.Compressed():
		return bad("DEFLATE is active already")
	case s.dec.Buffered() > 0:
		return bad("commands behind COMPRESS must wait for its answer")
	}
	s.then = s.conn.Compress
	return nil
}

// afterAnswer changes what lies below the commands, once the tagged answer is on its way.
func (s *session) afterAnswer() {
	then := s.then
	s.then = nil
	err := s.out.flush()
	if err == nil {
		err = then()
	}
	if err != nil {
		s.end(err)
	}
}
