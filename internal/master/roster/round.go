package roster

// Place is where a source of events leaves what it has to tell until the loop turns to it.
type Place uint8

// The places.
const (
	Signals  Place = iota // flags, one for each signal
	Life                  // starts and ends of children
	Talk                  // children that said something: all that one said counts as one
	Listen                // listeners at which a client waits
	Probes                // looks that the roster asked for
	Findings              // what helpers found out: memory of children
	Timer                 // what its time has come for
	Plans                 // a configuration that was loaded
	Asks                  // what admins ask for
	Places
)

var placeNames = [Places]string{"signals", "life", "talk", "listen", "probes", "findings", "timer", "plans", "asks"}

func (p Place) String() string { return placeNames[p] }

// Turn is one place's part in a round: at most Share of what lies there, the oldest first.
type Turn struct {
	Place Place
	Share int
}

// share is the part of the places that children and clients fill.
const share = 64

// Round is the loop's round: every place has its turn in every round, whatever the others hold and whatever interrupts.
// So what is put into a place at position n (from 0) is taken after at most n/Share+1 rounds. Ends come before
// messages: whose end the kernel tells is not taken for a worker, whatever it said before. Listeners come after
// messages: who has just become ready is not overlooked when a client waits.
//
// The master's loop and its simulation walk this same value.
var Round = [...]Turn{{Signals, 1}, {Life, share}, {Talk, share}, {Listen, share}, {Probes, share}, {Findings, share},
	{Timer, 1}, {Plans, 1}, {Asks, 5}}

// Queue is a place that holds more than one thing. The zero value is empty.
type Queue[T any] struct{ items []T }

// Put adds v as the newest.
func (q *Queue[T]) Put(v T) { q.items = append(q.items, v) }

// Len is how many there are.
func (q *Queue[T]) Len() int { return len(q.items) }

// Take cuts a turn's share off the front, into to, which it first empties.
func (q *Queue[T]) Take(share int, to []T) []T {
	n := min(len(q.items), share)
	to = append(to[:0], q.items[:n]...)
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return to
}
