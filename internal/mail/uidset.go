package mail

import (
	"iter"
	"slices"
	"sort"
	"strconv"
)

// UIDRange is Start to Stop, both included, Start <= Stop.
type UIDRange struct{ Start, Stop UID }

// UIDSet is a set of UIDs: ranges in ascending order that neither overlap nor touch. The zero is empty. Methods that
// change it build a normal set from any order of additions; additions at the end cost nothing.
type UIDSet []UIDRange

// SetOf is the set of uids, in any order.
func SetOf(uids ...UID) UIDSet {
	var s UIDSet
	for _, u := range uids {
		s.Add(u)
	}
	return s
}

// Add adds one UID.
func (s *UIDSet) Add(u UID) { s.AddRange(u, u) }

// AddAll adds UIDs, some and in ascending order.
func (s *UIDSet) AddAll(uids []UID) {
	if n := len(uids); int(uids[n-1]-uids[0]) == n-1 {
		s.AddRange(uids[0], uids[n-1])
		return
	}
	for _, u := range uids {
		s.Add(u)
	}
}

// AddRange adds start to stop, in either order.
func (s *UIDSet) AddRange(start, stop UID) {
	if start > stop {
		start, stop = stop, start
	}
	r := *s
	if n := len(r); n == 0 || r[n-1].Stop < start && r[n-1].Stop+1 < start {
		*s = append(r, UIDRange{start, stop})
		return
	}
	// i is the first range that overlaps or touches the new one, j the first one beyond it
	i := sort.Search(len(r), func(i int) bool { return r[i].Stop >= start || r[i].Stop+1 == start })
	j := i
	for j < len(r) && (r[j].Start <= stop || r[j].Start == stop+1) {
		start, stop = min(start, r[j].Start), max(stop, r[j].Stop)
		j++
	}
	*s = slices.Replace(r, i, j, UIDRange{start, stop})
}

// Contains tells whether u is in the set.
func (s UIDSet) Contains(u UID) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].Stop >= u })
	return i < len(s) && s[i].Start <= u
}

// Len is the number of UIDs in the set.
func (s UIDSet) Len() int {
	n := 0
	for _, r := range s {
		n += int(r.Stop-r.Start) + 1
	}
	return n
}

// All yields the UIDs in ascending order.
func (s UIDSet) All() iter.Seq[UID] {
	return func(yield func(UID) bool) {
		for _, r := range s {
			for u := r.Start; ; u++ {
				if !yield(u) {
					return
				}
				if u == r.Stop {
					break
				}
			}
		}
	}
}

// Intersect is what is in both.
func (s UIDSet) Intersect(t UIDSet) UIDSet {
	var out UIDSet
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if start, stop := max(s[i].Start, t[j].Start), min(s[i].Stop, t[j].Stop); start <= stop {
			out = append(out, UIDRange{start, stop})
		}
		if s[i].Stop < t[j].Stop {
			i++
		} else {
			j++
		}
	}
	return out
}

// Minus is what is in s and not in t.
func (s UIDSet) Minus(t UIDSet) UIDSet {
	var out UIDSet
	j := 0
	for _, r := range s {
		for j < len(t) && t[j].Stop < r.Start {
			j++
		}
		start, done := r.Start, false
		for k := j; k < len(t) && t[k].Start <= r.Stop && !done; k++ {
			if t[k].Start > start {
				out = append(out, UIDRange{start, t[k].Start - 1})
			}
			done = t[k].Stop >= r.Stop
			start = t[k].Stop + 1
		}
		if !done {
			out = append(out, UIDRange{start, r.Stop})
		}
	}
	return out
}

// Append appends the set as IMAP writes it: "1:3,7". An empty set appends nothing. RFC 9051 section 9 (uid-set).
func (s UIDSet) Append(b []byte) []byte {
	for i, r := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(r.Start), 10)
		if r.Stop != r.Start {
			b = append(b, ':')
			b = strconv.AppendUint(b, uint64(r.Stop), 10)
		}
	}
	return b
}

func (s UIDSet) String() string { return string(s.Append(nil)) }
