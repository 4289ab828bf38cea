package imapd

import (
	"context"
	"errors"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/search"
)

// searcher is a search of a mailbox as the client knows it.
type searcher struct {
	in    search.Scope
	view  *view          // the messages there are, and their numbers
	saved mail.UIDSet    // what "$" stands for
	again imap.SearchKey // of UPDATE: the key for later
	query *search.Query
	found search.Found
}

// searchIn is a searcher of a mailbox of which these messages are known.
func (s *session) searchIn(acct mail.Account, snap *mail.Snapshot, v *view) *searcher {
	return &searcher{view: v, in: search.Scope{Resources: s.srv.searching, Account: acct, Snapshot: snap, Last: v.max(),
		Collation: s.collation, Tell: s.advance}}
}

// ready makes the search one for a key; scored: its results have relevancy.
func (q *searcher) ready(k *imap.SearchKey, scored bool) {
	key := q.frozen(k)
	q.query = search.New(&q.in, &key, scored)
}

// run finds the messages that the client knows of and the key lets through.
func (q *searcher) run(ctx context.Context) (err error) {
	q.found, err = q.query.Run(ctx)
	return err
}

// frozen is a key whose message numbers, and "$", are UIDs: an updated search evaluates them when the command
// is received. RFC 5267 section 4.3.
func (q *searcher) frozen(k *imap.SearchKey) imap.SearchKey {
	out := *k
	if k.Op == imap.SearchSeq || k.Set.Saved {
		out.Op, out.Set = imap.SearchUID, imap.NumSet{}
		for _, r := range q.view.bounds(k.Set, k.Op == imap.SearchUID, q.saved) {
			out.Set.Ranges = append(out.Set.Ranges, imap.NumRange{Start: uint32(r.Start), Stop: uint32(r.Stop)})
		}
	}
	out.Keys = nil
	for i := range k.Keys {
		out.Keys = append(out.Keys, q.frozen(&k.Keys[i]))
	}
	return out
}

// prepare makes the key of a search one without filters, in UTF-8, and refuses relevancy where there is none.
func (s *session) prepare(ctx context.Context, c *imap.Search, scored bool) error {
	if err := s.expandFilters(ctx, c); err != nil {
		return err
	}
	if _, known := message.Charset(c.Charset); c.Charset != "" && !known || !decodeTexts(&c.Key, c.Charset) {
		return refuse(imap.CodeBadCharset+" (US-ASCII UTF-8)", "this charset is not supported")
	}
	if scored && !c.Key.Has(imap.SearchFuzzy) { // RFC 6203 sections 4 and 6
		return bad("RELEVANCY is for searches with FUZZY")
	}
	if err := s.mayUpdate(c); err != nil {
		return err
	}
	if c.Key.Has(imap.SearchModSeq) {
		s.enable(featCondStore) // RFC 7162 section 3.1
	}
	return nil
}

// searched carries out the search of a SEARCH, SORT or THREAD in the selected mailbox; whole: of all messages
// or none, where there are too many; scored: its results have relevancy. RFC 9051 section 6.4.4.
func (s *session) searched(ctx context.Context, c *imap.Search, whole, scored bool) (*searcher, error) {
	scored = scored || c.Return&imap.ReturnRelevancy != 0
	if err := s.prepare(ctx, c, scored); err != nil {
		return nil, err
	}
	snap, err := s.sel.acct.Snapshot(ctx, s.sel.id)
	if err != nil {
		return nil, err
	}
	q := s.searchIn(s.sel.acct, snap, &s.sel.view)
	q.in.Recent, q.saved = s.sel.recent, s.sel.saved
	if c.Return&imap.ReturnUpdate != 0 {
		q.again = q.frozen(&c.Key)
	}
	key := c.Key
	if whole {
		err = s.wholeSearch(q, &key)
	} else {
		key = s.limitSearch(q, key)
	}
	if err != nil {
		return nil, err
	}
	q.ready(&key, scored)
	return q, q.run(ctx)
}

// search is SEARCH and UID SEARCH. RFC 9051 section 6.4.4.
func (s *session) search(ctx context.Context, c *imap.Search) error {
	if c.Charset != "" && s.features&featUTF8 != 0 {
		return bad("no CHARSET after ENABLE UTF8=ACCEPT") // RFC 6855 section 3
	}
	return s.saving(c, func() (*results, error) {
		q, err := s.searched(ctx, c, false, false)
		if err != nil {
			return nil, err
		}
		r := q.results(c, nil)
		defer s.keepUpdated(c, nil, r)
		if c.Extended || s.features&featRev2 != 0 {
			return r, s.tellESearch(c, r)
		}
		return r, s.tellNumbers("* SEARCH", c, r)
	})
}

// onlyUTF8 refuses another charset where one has to be given, after ENABLE UTF8=ACCEPT: strings are in UTF-8
// then. RFC 6855 section 3, with its erratum 4029.
func (s *session) onlyUTF8(c *imap.Search) error {
	if s.features&featUTF8 != 0 && c.Charset != "UTF-8" {
		return bad("the charset is UTF-8 after ENABLE UTF8=ACCEPT")
	}
	return nil
}

// saving notes what a command found if it is to be saved: "$" is empty after a NO, and what it was after a
// BAD. RFC 5182 section 2.1.
func (s *session) saving(c *imap.Search, command func() (*results, error)) error {
	r, err := command()
	switch {
	case c.Return&imap.ReturnSave == 0, errors.As(err, new(badError)):
	case err != nil:
		s.sel.saved = nil
	default:
		s.sel.saved = r.named(c)
	}
	return err
}

// decodeTexts turns all text of a key from that charset into UTF-8.
func decodeTexts(k *imap.SearchKey, charset string) bool {
	for i := range k.Keys {
		if !decodeTexts(&k.Keys[i], charset) {
			return false
		}
	}
	named := k.Op == imap.SearchKeyword || k.Op == imap.SearchEmailID || k.Op == imap.SearchThreadID // no text
	if k.Text == "" || named || charset == "" || charset == "UTF-8" || charset == "US-ASCII" {
		return true
	}
	enc, ok := message.Charset(charset)
	if !ok {
		return false
	}
	text, err := enc.NewDecoder().String(k.Text)
	if err == nil {
		k.Text = text
	}
	return true
}
