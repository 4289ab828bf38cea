package service

import "encoding/binary"

// Message is what a worker tells its master: 8 octets in native order, an int32 code and the int32 process id of the
// sender. Codes 1 to 4 are Cyrus's. What they make of a worker there, and here:
//
//	state  | Available (1)    | Unavailable (2) | Connection (3)      | ConnectionMulti (4)
//	READY  | nothing, warning | BUSY            | BUSY, nconn+1, err  | nconn+1
//	BUSY   | READY            | nothing, warn   | nconn+1             | READY, nconn+1, err
//
// A worker of ours serves many connections, so it says ConnectionMulti for each while it is READY, Unavailable when
// it is full or drains (else a master would believe in a worker that accepts no more), and Available when it has room
// again: the cells without a warning only.
type Message struct {
	Code int32
	PID  int32
}

// MessageSize is the length of a Message in octets.
const MessageSize = 8

// The codes. A worker that was just started counts as READY without a word.
const (
	Available       = 1
	Unavailable     = 2
	Connection      = 3
	ConnectionMulti = 4
)

// lifeMark is the high octet of a sign of life. Bit 23 is set while the worker is BUSY; the lower bits hold the
// number of connections it serves. Cyrus's master would log each as an unknown code, so it is only sent if EnvLife
// asks for it.
const (
	lifeMark = 0x43 << 24
	lifeBusy = 1 << 23
	lifeMax  = lifeBusy - 1
)

// EnvLife is the environment variable by which our own master asks for signs of life: their interval in milliseconds.
const EnvLife = "CONSTANCE_LIFE_MS"

// Life is the code of a sign of life: the worker's whole truth, so that a lost message is mended by the next of these.
func Life(active int, busy bool) int32 {
	code := int32(lifeMark | min(max(active, 0), lifeMax))
	if busy {
		code |= lifeBusy
	}
	return code
}

// ParseLife takes a sign of life apart; ok is false for every other code.
func ParseLife(code int32) (active int, busy, ok bool) {
	if code&^(lifeBusy|lifeMax) != lifeMark {
		return 0, false, false
	}
	return int(code & lifeMax), code&lifeBusy != 0, true
}

// Append appends the message's 8 octets to b.
func (m Message) Append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(m.Code))
	return binary.NativeEndian.AppendUint32(b, uint32(m.PID))
}

// ParseMessage reads the message at the start of b, which must hold MessageSize octets.
func ParseMessage(b []byte) Message {
	return Message{Code: int32(binary.NativeEndian.Uint32(b)), PID: int32(binary.NativeEndian.Uint32(b[4:]))}
}
