package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

func (s *Server) greeting() string {
	if s.opts.Hostname == "" {
		return "Constance ready"
	}
	return s.opts.Hostname + " Constance ready"
}

// noop is NOOP: what changed is told after every command. RFC 9051 section 6.1.2.
func (s *session) noop(context.Context, *imap.Noop) error { return nil }

// check is CHECK: everything is durable always. RFC 3501 section 6.4.1.
func (s *session) check(context.Context, *imap.Check) error { return nil }

// logout is LOGOUT. RFC 9051 section 6.1.3.
func (s *session) logout(context.Context, *imap.Logout) error {
	s.bye("", "logging out", nil)
	s.reason = "logout"
	return nil
}

// identify is ID. RFC 2971 section 3.1.
func (s *session) identify(context.Context, *imap.ID) error {
	fields := []imap.IDField{{Name: "name", Value: "Constance"}}
	if s.srv.opts.Version != "" {
		fields = append(fields, imap.IDField{Name: "version", Value: s.srv.opts.Version})
	}
	s.out.buf = imap.AppendID(s.out.buf, fields)
	return nil
}

// namespace is NAMESPACE. RFC 9051 section 6.3.10.
func (s *session) namespace(context.Context, *imap.Namespace) error {
	var others, shared []string
	for _, sp := range s.spaces {
		if p := sp.prefix + string(mail.Separator); sp.shared {
			shared = append(shared, p)
		} else {
			others = append(others, p)
		}
	}
	s.out.buf = imap.AppendNamespace(s.out.buf, others, shared, s.utf8())
	return nil
}

// enabled are the capabilities that ENABLE can turn on. RFC 9051 section 6.3.1, RFC 7162 section 3.2.3, RFC 5464
// section 4.1, RFC 6855 section 3, RFC 9586 section 3.
var enabled = map[string]features{"IMAP4REV2": featRev2, "CONDSTORE": featCondStore, "QRESYNC": featQResync,
	"METADATA": featMetadata, "UTF8=ACCEPT": featUTF8, "UIDONLY": featUIDOnly}

// enableAll is ENABLE. What is on already, or unknown, is not answered. RFC 9051 section 6.3.1, RFC 5161 section 3.1.
func (s *session) enableAll(_ context.Context, c *imap.Enable) error {
	var done []string
	var all features
	for _, name := range c.Caps {
		f := enabled[name]
		if f == 0 || (s.features|all)&f != 0 {
			continue
		}
		all |= f
		if f == featRev2 {
			name = "IMAP4rev2"
		}
		done = append(done, name)
	}
	s.out.buf = imap.AppendEnabled(s.out.buf, done)
	for f := featRev2; f < endOfFeatures; f <<= 1 {
		if all&f != 0 {
			s.enable(f)
		}
	}
	return nil
}

// enable turns a feature on. A client that begins to use ModSeqs with a mailbox selected is told where it stands.
// RFC 7162 section 3.1.
func (s *session) enable(f features) {
	if f == featQResync {
		s.enable(featCondStore) // RFC 7162 section 3.2.3
	}
	if s.features&f != 0 {
		return
	}
	s.features |= f
	switch {
	case f == featRev2 || f == featUTF8:
		s.dec.SetUTF8(true)
	case f == featUIDOnly && s.sel != nil:
		s.sel.updateByUID()
	case f == featCondStore && s.sel != nil:
		b := imap.AppendCondStart(s.out.buf, imap.Untagged, imap.OK)
		b = imap.AppendNumberCode(b, imap.CodeHighestModSeq, uint64(s.sel.highest()))
		s.out.buf = imap.AppendText(b, "highest")
	}
}

// utf8 tells whether mailbox names, and quoted strings, are UTF-8 on the wire.
func (s *session) utf8() bool { return s.features&(featRev2|featUTF8) != 0 }
