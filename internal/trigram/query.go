package trigram

import "unicode/utf8"

// maxQuery bounds the groups that a query asks for: a text that has so many of a string's groups mostly holds it.
const maxQuery = 24

// Query is the query of FTS5 that finds the texts which may hold a string that is folded. false: every text may, because the
// string is too short or not UTF-8.
func Query(folded []byte) (string, bool) {
	return queryOf(groupsOf(folded))
}

// Query is the query of FTS5 that finds the text itself, false if it has no groups.
func (s *Set) Query() (string, bool) { return queryOf(s.groups) }

// queryOf asks for some of the groups, from all over.
func queryOf(groups []group) (string, bool) {
	if len(groups) == 0 {
		return "", false
	}
	step := (len(groups) + maxQuery - 1) / maxQuery
	var b []byte
	for i := 0; i < len(groups); i += step {
		if len(b) > 0 {
			b = append(b, ' ') // FTS5: and
		}
		b = append(groups[i].append(append(b, '"')), '"')
	}
	return string(b), true
}

// groupsOf is the different groups of a string, in its order. A string that is not UTF-8 may be found in the middle of a
// character, so that its groups would not be those of the text.
func groupsOf(folded []byte) []group {
	if !utf8.Valid(folded) {
		return nil
	}
	var out []group
	seen := make(map[group]bool)
	var w window
	for len(folded) > 0 {
		r, n := utf8.DecodeRune(folded)
		folded = folded[n:]
		w.next(r, func(g group) {
			if !seen[g] {
				seen[g] = true
				out = append(out, g)
			}
		})
	}
	return out
}
