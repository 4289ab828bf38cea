// Package wait says what a session or a loop is doing, and what it waits for, since when. Everything that can wait owns
// a Slot and enters a State before it may block; anybody may look at the slot at any time. That is all: no locks, no
// registry, no allocation. The one who owns the slots (a server, a loop) lists them.
package wait

import (
	"sync/atomic"
	"time"
)

// State is what the owner of a slot does or waits for.
type State uint8

// The states. The zero is Idle.
const (
	Idle       State  = iota // for the client to say something, holding nothing
	Reading                  // for the rest of a command or literal that the client has begun
	Working                  // on the processor: parsing, computing an answer
	Handshake                // for the client's part of a TLS handshake
	Password                 // for a password check, or the delay that punishes guessing
	StoreRead                // for the store to read
	StoreWrite               // for the store to commit, other writers' turns included
	Writing                  // for the client to take what was sent
	Upstream                 // for another process or host
	States     = iota        // how many there are
)

var names = [States]string{
	Idle: "idle", Reading: "reading command", Working: "working", Handshake: "tls handshake", Password: "password hash",
	StoreRead: "store read", StoreWrite: "store write", Writing: "client not reading", Upstream: "upstream",
}

func (s State) String() string {
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// MarshalText makes a State its name in JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Slot holds the state of one owner. The zero is ready and Idle since 1970. Enter, Spent and Reset are for the owner,
// Now is for everybody.
type Slot struct {
	now   atomic.Int64 // microseconds since 1970 << stateBits | State
	spent Times        // since Reset, the current state not included
}

// Times is how long an owner was in each state.
type Times [States]time.Duration

// stateBits leaves 55 bits of microseconds: enough until the year 3111.
const stateBits = 8

// Enter goes over to state s and returns the one it leaves, to go back to:
//
//	defer slot.Enter(slot.Enter(wait.StoreRead))
func (t *Slot) Enter(s State) State {
	old := t.now.Load()
	now := time.Now().UnixMicro()
	was := State(old & (1<<stateBits - 1))
	if since := old >> stateBits; now > since && since != 0 { // else: the first state, or the clock went back
		t.spent[was] += time.Duration(now-since) * time.Microsecond
	}
	t.now.Store(now<<stateBits | int64(s))
	return was
}

// Now is the state and when it was entered.
func (t *Slot) Now() (State, time.Time) {
	v := t.now.Load()
	return State(v & (1<<stateBits - 1)), time.UnixMicro(v >> stateBits)
}

// Spent is the time in each state since Reset, up to the last Enter.
func (t *Slot) Spent() Times { return t.spent }

// Reset begins to count anew; the current state counts from its own beginning.
func (t *Slot) Reset() { t.spent = Times{} }
