package imapd

import (
	"context"
	"strconv"
	"strings"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/wait"
)

// annotated is what annotations hang on: a mailbox, or (id 0) the server, whose private ones lie in the
// user's account.
type annotated struct {
	acct  mail.Account
	id    mail.MailboxID
	may   mail.Rights // of the user, on a mailbox
	admin bool        // the user administers what it is
}

// annotating are the rights of which one is enough for the annotations of a mailbox. RFC 5464 section 3.3.
const annotating = mail.RightRead | mail.RightSeen | mail.RightWrite | mail.RightInsert | mail.RightPost

// annotated resolves the mailbox of GETMETADATA and SETMETADATA, "" is the server. RFC 5464 section 4.1.
func (s *session) annotated(ctx context.Context, mailbox string) (annotated, error) {
	if mailbox == "" {
		return annotated{acct: s.acct, admin: s.admin}, nil
	}
	m, err := s.find(ctx, mailbox)
	if err == nil && m.may&annotating == 0 && !m.admin {
		err = errNoRight
	}
	return annotated{acct: m.acct, id: m.box.ID, may: m.may, admin: m.admin}, err
}

// annotations are those that the user sees, by name.
func (s *session) annotations(ctx context.Context, at annotated) ([]mail.Annotation, error) {
	defer s.slot.Enter(s.slot.Enter(wait.StoreRead))
	list, err := at.acct.Annotations(ctx, at.id, s.acct.ID())
	if err != nil || at.id != 0 {
		return list, err
	}
	shared, err := s.serverEntries(ctx)
	return append(shared, list...), err
}

// getMetadata is GETMETADATA. RFC 5464 section 4.2.
func (s *session) getMetadata(ctx context.Context, c *imap.GetMetadata) error {
	at, err := s.annotated(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	list, err := s.annotations(ctx, at)
	if err != nil {
		return err
	}
	list, longest := chosenEntries(c, list)
	if longest > 0 {
		s.okCode(imap.AppendLongEntriesCode(nil, longest))
	}
	return s.tellMetadata(c.Mailbox, list)
}

// chosenEntries are those of list that a GETMETADATA asks for; an entry that is named and not there is NIL,
// unless what is below it was asked for. longest is the size of the largest value over MAXSIZE. RFC 5464
// sections 4.2.1 and 4.2.2.
func chosenEntries(c *imap.GetMetadata, list []mail.Annotation) (out []mail.Annotation, longest int) {
	exact := make(map[string]bool, len(c.Entries)) // true once it was found
	for _, e := range c.Entries {
		exact[e] = false
	}
	for _, n := range list {
		_, named := exact[n.Name]
		if !named && !belowEntries(c, n.Name) {
			continue
		}
		exact[n.Name] = true
		if c.Limited && len(n.Value) > int(c.MaxSize) {
			longest = max(longest, len(n.Value))
			continue
		}
		out = append(out, n)
	}
	for _, e := range c.Entries {
		if c.Depth == 0 && !exact[e] && !strings.HasSuffix(e, imap.BelowAny) && !strings.HasSuffix(e, imap.BelowOne) {
			exact[e] = true // named twice: told once
			out = append(out, mail.Annotation{Name: e, Nil: true})
		}
	}
	return out, longest
}

// belowEntries tells whether a name is below one of the entries, as far as DEPTH or the entry goes.
func belowEntries(c *imap.GetMetadata, name string) bool {
	for _, e := range c.Entries {
		depth := c.Depth
		if above, ok := strings.CutSuffix(e, imap.BelowAny); ok {
			e, depth = above, imap.DepthInfinity
		} else if above, ok := strings.CutSuffix(e, imap.BelowOne); ok {
			e, depth = above, 1
		}
		if depth == 0 {
			continue
		}
		rest, ok := strings.CutPrefix(name, e+"/")
		if ok && (depth == imap.DepthInfinity || strings.IndexByte(rest, '/') < 0) {
			return true
		}
	}
	return false
}

// metadataBatch is how many octets of values go into one METADATA response, unless it is a single one.
const metadataBatch = flushSize

// tellMetadata tells annotations, in more than one response if they are large. RFC 5464 section 4.4.
func (s *session) tellMetadata(mailbox string, list []mail.Annotation) error {
	for len(list) > 0 {
		n, octets := 1, len(list[0].Value)
		for n < len(list) && octets+len(list[n].Value) <= metadataBatch {
			octets += len(list[n].Value)
			n++
		}
		s.out.buf = imap.AppendMetadata(s.out.buf, mailbox, list[:n], s.utf8())
		if err := s.out.flushLarge(); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// codeMetadataMaxSize says how large a value may be. RFC 5464 section 4.3.
var codeMetadataMaxSize = imap.RespCode("METADATA MAXSIZE " + strconv.Itoa(mail.MaxAnnotationValue))

// setMetadata is SETMETADATA. RFC 5464 section 4.3.
func (s *session) setMetadata(ctx context.Context, c *imap.SetMetadata) error {
	if c.TooBig {
		return s.skip(refuse(codeMetadataMaxSize, "the value is too large"))
	}
	at, err := s.annotated(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	for i := range c.Entries {
		if err := s.mayAnnotate(at, &c.Entries[i]); err != nil {
			return err
		}
		if c.Mailbox == "" && c.Entries[i].Private() != c.Entries[0].Private() {
			return refuse(imap.CodeCannot, "set private and shared entries of the server one after the other")
		}
	}
	if c.Mailbox == "" && !c.Entries[0].Private() {
		at.acct = s.srv.sharedEntries()
	}
	was := s.slot.Enter(wait.StoreWrite)
	mod, err := at.acct.Annotate(ctx, at.id, s.acct.ID(), c.Entries)
	s.slot.Enter(was)
	if err != nil && mail.KindOf(err) == mail.Limit {
		return refuse(imap.CodeMetadataTooMany, "too many annotations")
	}
	s.made(at.acct, mod)
	if at.acct.ID() == s.acct.ID() {
		s.metadata.known(mod)
	}
	return err
}

// mayAnnotate tells whether the user may set an annotation: the use of a mailbox is its owner's and an administrator's, and
// its shared ones need the right to write, or to administer it. RFC 5464 section 3.3.
func (s *session) mayAnnotate(at annotated, n *mail.Annotation) error {
	switch {
	case len(n.Value) > mail.MaxAnnotationValue:
		return refuse(codeMetadataMaxSize, "the value is too large")
	case at.id == 0:
		return mayAnnotateServer(at, n)
	case !n.Private() && at.may&mail.RightWrite == 0 && !at.admin:
		return errNoRight
	case n.Name == mail.SpecialUseEntry && at.acct.ID() != s.acct.ID() && !at.admin:
		return refuse(imap.CodeNoPerm, "not your mailbox")
	}
	return noSetting(n)
}

// listMetadata answers the return option METADATA of LIST for a mailbox that is there. RFC 9590 section 3.
func (s *session) listMetadata(ctx context.Context, m *found, name string, entries []string) error {
	if m.may&annotating == 0 && !m.admin {
		return nil // RFC 5464 section 3.3
	}
	list, err := s.annotations(ctx, annotated{acct: m.acct, id: m.box.ID})
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return nil // it goes: LIST is about the others too
	}
	if err != nil {
		return err
	}
	list, _ = chosenEntries(&imap.GetMetadata{Entries: entries}, list)
	return s.tellMetadata(name, list)
}
