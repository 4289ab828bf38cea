package search

import "testing"

// Chains, combs and what would be loops, of many ids: no recursion, and no more than maxClimb.
func TestThreadHostile(t *testing.T) {
	const n = 50_000
	for name, refs := range map[string]func(i int) []uint32{
		"a chain":            func(i int) []uint32 { return []uint32{uint32(i)} },
		"a chain backwards":  func(i int) []uint32 { return []uint32{uint32((i+1)%n) + 1} },
		"all to one":         func(int) []uint32 { return []uint32{1} },
		"a comb":             func(i int) []uint32 { return []uint32{uint32(i/2) + 1} },
		"trees below a deep": func(i int) []uint32 { return []uint32{uint32(min(i, n/2)), uint32(min(i+2, n)), uint32(min(i+1, n))} },
		"nobody":             func(int) []uint32 { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := &threadData{sent: make([]uint64, n), subject: make([]uint64, n), arrived: make([]uint64, n),
				links: &links{hashes: make([]uint64, n+1), reply: make([]bool, n)}}
			for i := range n {
				d.at, d.links.own = append(d.at, uint32(i)), append(d.links.own, uint32(i)+1)
				for _, r := range refs(i) {
					if r != 0 {
						d.links.refs = append(d.links.refs, r)
					}
				}
				d.links.ends = append(d.links.ends, uint32(len(d.links.refs)))
			}
			for a, algorithm := range threadAlgorithms {
				if got := algorithm(d).count(n); got != n {
					t.Errorf("algorithm %d: %d messages", a, got)
				}
			}
		})
	}
}

// count is how many of the messages can be reached.
func (f *Forest) count(messages int) int {
	n := 0
	for todo := []int32{f.Root}; len(todo) > 0; {
		i := todo[len(todo)-1]
		if i == None {
			todo = todo[:len(todo)-1]
			continue
		}
		if int(i) < messages {
			n++
		}
		todo[len(todo)-1] = f.Next[i]
		todo = append(todo, f.Child[i])
	}
	return n
}
