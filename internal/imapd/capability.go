package imapd

import (
	"context"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
)

// offer is a capability.
type offer struct {
	name string
	in   state                 // the states in which it means something
	when func(*session) bool   // nil: always
	then func(*session) string // follows the name; nil: nothing
}

// offers are the capabilities that depend on the session, in the order in which they are told; extensions follow. RFC 9051
// section 7.2.2.
var offers = []offer{
	{name: "IMAP4rev2", in: anyState}, {name: "IMAP4rev1", in: anyState}, {name: "LITERAL+", in: anyState},
	{name: "SASL-IR", in: anyState}, {name: "ID", in: anyState}, {name: "ENABLE", in: anyState},

	{name: "STARTTLS", in: notAuthenticated, when: (*session).canUpgrade},
	{name: "AUTH=PLAIN", in: notAuthenticated, when: (*session).mayLogin},
	{name: "AUTH=LOGIN", in: notAuthenticated, when: (*session).mayLogin},
	{name: "LOGINDISABLED", in: notAuthenticated, when: func(s *session) bool { return !s.mayLogin() }},

	{name: "COMPRESS=DEFLATE", in: loggedIn, when: func(s *session) bool { return !s.conn.Compressed() }},
	{name: "UNAUTHENTICATE", in: loggedIn, when: func(s *session) bool { return !s.srv.opts.NoUnauthenticate }},
	{name: "APPENDLIMIT=", in: loggedIn, then: (*session).appendLimit},
	{name: "MESSAGELIMIT=", in: loggedIn, when: (*session).limitsAll, then: (*session).messageLimit},
	{name: "SAVELIMIT=", in: loggedIn, when: (*session).limitsSaving, then: (*session).messageLimit},
}

// extensions are offered after every login.
var extensions = []string{
	"IDLE", "NOTIFY", "INPROGRESS", "NAMESPACE", "UIDPLUS", "UNSELECT", "UIDONLY", "UIDBATCHES", "UTF8=ACCEPT",
	"ACL", "RIGHTS=kxten", "METADATA", "LIST-METADATA", "LIST-MYRIGHTS", "LIST-EXTENDED", "LIST-STATUS",
	"CHILDREN", "SPECIAL-USE", "CREATE-SPECIAL-USE", "STATUS=SIZE",
	"CONDSTORE", "QRESYNC", "BINARY", "PREVIEW", "OBJECTID", "SAVEDATE",
	"MULTIAPPEND", "CATENATE", "REPLACE", "MOVE",
	"ESEARCH", "SEARCHRES", "WITHIN", "SEARCH=FUZZY", "MULTISEARCH", "FILTERS", "CONTEXT=SEARCH", "CONTEXT=SORT",
	"SORT", "SORT=DISPLAY", "ESORT", "THREAD=REFERENCES", "THREAD=REFS", "THREAD=ORDEREDSUBJECT", "PARTIAL",
	"I18NLEVEL=2",
	"QUOTA", "QUOTASET", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "QUOTA=RES-MAILBOX",
}

// capabilities are what the session can do in one of the states.
func (s *session) capabilities(in state) []string {
	caps := make([]string, 0, len(offers)+len(extensions))
	for i := range offers {
		o := &offers[i]
		if o.in&in == 0 || o.when != nil && !o.when(s) {
			continue
		}
		name := o.name
		if o.then != nil {
			name += o.then(s)
		}
		caps = append(caps, name)
	}
	if in&loggedIn != 0 {
		caps = append(caps, extensions...)
	}
	return caps
}

// capability is CAPABILITY. Before the login it lists what will be there after it too: cyradm and Python's imaplib ask
// once, when they connect. RFC 9051 section 6.1.1.
func (s *session) capability(context.Context, *imap.Capability) error {
	in := s.state
	if in == notAuthenticated {
		in = anyState
	}
	s.out.buf = imap.AppendCapability(s.out.buf, s.capabilities(in))
	return nil
}

// appendLimit is the most octets of a message. RFC 7889 section 3.
func (s *session) appendLimit() string { return strconv.FormatInt(s.srv.opts.AppendLimit, 10) }

// canUpgrade tells whether STARTTLS is offered.
func (s *session) canUpgrade() bool {
	return s.srv.opts.TLS != nil && !s.conn.Secure() && s.state == notAuthenticated
}

// mayLogin tells whether passwords may be sent: over TLS, or from this host, where nobody listens between.
// RFC 9051 section 11.
func (s *session) mayLogin() bool {
	return s.conn.Secure() || !s.remote.IsValid() || s.remote.IsLoopback() || s.srv.opts.AllowPlain
}
