package imapd

import (
	"context"
	"strings"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
)

// The entries of filters, private ones before shared ones. RFC 5466 section 3.2.
var filterEntries = [...]string{"/private/filters/values/", "/shared/filters/values/"}

// The bounds of what filters stand for: filters in each other, keys and octets altogether. RFC 5466 section
// 3.1.
const (
	maxFilterDepth  = 3
	maxFilterKeys   = 2000
	maxFilterOctets = 256 << 10
)

// filters puts what filters stand for in the place of their names.
type filters struct {
	values map[string]string // by entry; nil before they were read
	read   func() ([]mail.Annotation, error)
	keys   int
	octets int
}

// expandFilters puts what the filters in a search stand for in their place. Filters are in UTF-8, and so has
// the search to be. RFC 5466 section 3.1.
func (s *session) expandFilters(ctx context.Context, c *imap.Search) error {
	if !c.Key.Has(imap.SearchFilter) {
		return nil
	}
	if c.Charset != "" && c.Charset != "UTF-8" && c.Charset != "US-ASCII" {
		return badError{imap.CodeBadCharset + " (US-ASCII UTF-8)", "filters are in UTF-8"}
	}
	f := filters{read: func() ([]mail.Annotation, error) { return s.annotations(ctx, annotated{acct: s.acct}) }}
	if err := f.expand(&c.Key, 0); err != nil {
		return err
	}
	if s.features&featUIDOnly != 0 && c.Key.Has(imap.SearchSeq) { // RFC 9586 section 3
		return badError{imap.CodeUIDRequired, "a filter names messages by number"}
	}
	return nil
}

// expand does so in one key; depth is how many filters it lies in.
func (f *filters) expand(k *imap.SearchKey, depth int) error {
	if f.keys++; f.keys > maxFilterKeys {
		return refuse(imap.CodeLimit, "the filters stand for too much")
	}
	if k.Op == imap.SearchFilter {
		name := k.Text
		text, err := f.value(name)
		if err != nil {
			return err
		}
		if f.octets += len(text); f.octets > maxFilterOctets {
			return refuse(imap.CodeLimit, "the filters stand for too much")
		}
		found := text != "" && depth < maxFilterDepth
		if found {
			*k, err = imap.ParseSearchCriteria(text)
		}
		if !found || err != nil {
			return undefinedFilter(name)
		}
		return f.expand(k, depth+1)
	}
	for i := range k.Keys {
		if err := f.expand(&k.Keys[i], depth); err != nil {
			return err
		}
	}
	return nil
}

// value is what a filter holds, "" if there is none.
func (f *filters) value(name string) (string, error) {
	if f.values == nil {
		list, err := f.read()
		if err != nil {
			return "", err
		}
		f.values = make(map[string]string)
		for _, n := range list {
			f.values[n.Name] = n.Value
		}
	}
	for _, e := range filterEntries {
		if v, ok := f.values[e+strings.ToLower(name)]; ok {
			return v, nil
		}
	}
	return "", nil
}

// undefinedFilter refuses a search with a filter that is not there, holds no criteria or leads to itself. RFC
// 5466 section 3.1.
func undefinedFilter(name string) error {
	code := imap.AppendUndefinedFilterCode(nil, name)
	return refuse(imap.RespCode(code[1:len(code)-1]), "no such filter")
}

// goodFilter tells whether what is to be stored as a filter is one. RFC 5466 section 3.2.
func goodFilter(n *mail.Annotation) error {
	for _, e := range filterEntries {
		name, ok := strings.CutPrefix(n.Name, e)
		if !ok || n.Nil {
			continue
		}
		_, err := imap.ParseSearchCriteria(n.Value)
		if k, e := imap.ParseSearchCriteria("FILTER " + name); err != nil || e != nil || k.Text != name {
			return refuse(imap.CodeCannot, "not a filter that SEARCH could use")
		}
	}
	return nil
}
