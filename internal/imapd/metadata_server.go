package imapd

import (
	"context"
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// ServerAccount has the shared annotations of the server, and nothing else. No user has it: identifiers of accounts that
// are given out are longer.
const ServerAccount mail.AccountID = "server"

// The entries of the server that are settings, too. RFC 5464 sections 6.2.1 and 6.2.2.
const (
	entryAdmin   = "/shared/admin"
	entryComment = "/shared/comment"
)

// sharedEntries is the account with the shared annotations of the server.
func (s *Server) sharedEntries() mail.Account { return s.opts.Store.Account(ServerAccount) }

// serverEntries are the shared entries of the server, by name: those of the settings, and those that administrators have
// set by SETMETADATA, which count first. RFC 5464 section 3.2.1.1.
func (s *session) serverEntries(ctx context.Context) ([]mail.Annotation, error) {
	var out []mail.Annotation
	if s.srv.opts.Sharing.Directory != nil { // else there are no administrators
		list, err := s.srv.sharedEntries().Annotations(ctx, 0, ServerAccount)
		if err != nil {
			return nil, err
		}
		out = slices.DeleteFunc(list, func(n mail.Annotation) bool { return n.Private() })
	}
	for _, n := range []mail.Annotation{{Name: entryComment, Value: s.srv.opts.Comment}, {Name: entryAdmin, Value: s.srv.opts.Admin}} {
		named := func(o mail.Annotation) bool { return o.Name == n.Name }
		if n.Value != "" && !slices.ContainsFunc(out, named) {
			out = slices.Insert(out, 0, n)
		}
	}
	return out, nil
}

// mayAnnotateServer tells whether the user may set an annotation of the server: shared ones are set by administrators,
// but for the one that is a setting. RFC 5464 sections 3.3 and 6.2.2.
func mayAnnotateServer(at annotated, n *mail.Annotation) error {
	switch {
	case n.Private():
	case n.Name == entryAdmin:
		return refuse(imap.CodeNoPerm, "this entry is a setting of the server")
	case !at.admin:
		return refuse(imap.CodeNoPerm, "the server's shared annotations are set by administrators")
	}
	if err := noSetting(n); err != nil {
		return err
	}
	return goodFilter(n)
}

// cyrusSettings begins the entries by which Cyrus is configured.
const cyrusSettings = mail.SharedEntries + "vendor/cmu/cyrus-imapd/"

// noSetting refuses a setting of Cyrus: whoever sets one expects that it has an effect.
func noSetting(n *mail.Annotation) error {
	if strings.HasPrefix(n.Name, cyrusSettings) && !n.Nil {
		return refuse(imap.CodeCannot, "a setting of Cyrus, which has no effect here")
	}
	return nil
}
