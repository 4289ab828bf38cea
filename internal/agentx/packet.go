package agentx

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Packet is a PDU. RFC 2741 section 6.1.
type Packet struct {
	Session     uint32
	Transaction uint32
	ID          uint32
	Context     []byte // nil = the default context; only of bodies that may have one
	Body        Body

	fault error // the payload makes no Body, though the header says where it ends
}

// Body is what a Packet is about: one of the pointers to the types of body.go.
type Body interface {
	code() code
	append(b []byte) []byte
	parse(d *decoder)
}

// code is the type of a PDU. RFC 2741 section 6.1.
type code uint8

const (
	codeOpen       code = 1
	codeClose      code = 2
	codeRegister   code = 3
	codeUnregister code = 4
	codeGet        code = 5
	codeGetNext    code = 6
	codeGetBulk    code = 7
	codeTestSet    code = 8
	codeCommitSet  code = 9
	codeUndoSet    code = 10
	codeCleanupSet code = 11
	codeNotify     code = 12
	codePing       code = 13
	codeResponse   code = 18
)

// fresh makes an empty body of a type, nil for those that only other agents need.
func fresh(c code) Body {
	switch c {
	case codeOpen:
		return new(Open)
	case codeClose:
		return new(Close)
	case codeRegister:
		return new(Register)
	case codeUnregister:
		return new(Unregister)
	case codeGet:
		return new(Get)
	case codeGetNext:
		return new(GetNext)
	case codeGetBulk:
		return new(GetBulk)
	case codeTestSet:
		return new(TestSet)
	case codeCommitSet, codeUndoSet, codeCleanupSet:
		return &SetStep{step: c}
	case codeNotify:
		return new(Notify)
	case codePing:
		return new(Ping)
	case codeResponse:
		return new(Response)
	}
	return nil
}

// withContext are those that may name a context. RFC 2741 section 6.1.1.
func (c code) withContext() bool {
	switch c {
	case codeRegister, codeUnregister, codeGet, codeGetNext, codeGetBulk, codeTestSet, codeNotify, codePing:
		return true
	}
	return false
}

// Flags of a header. RFC 2741 section 6.1.
const (
	flagContext = 0x08
	flagNetwork = 0x10 // byte order
)

const (
	headerSize = 20
	version    = 1

	// maxPayload bounds the octets after a header: an agent asks for a few dozen values at a time.
	maxPayload = 1 << 20
)

// Append appends the packet to b, in network byte order.
func (p *Packet) Append(b []byte) []byte {
	start, c, flags := len(b), p.Body.code(), uint8(flagNetwork)
	if p.Context != nil && c.withContext() {
		flags |= flagContext
	}
	b = append(b, version, uint8(c), flags, 0)
	for _, n := range []uint32{p.Session, p.Transaction, p.ID, 0} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	if flags&flagContext != 0 {
		b = appendOctets(b, p.Context)
	}
	b = p.Body.append(b)
	binary.BigEndian.PutUint32(b[start+headerSize-4:], uint32(len(b)-start-headerSize))
	return b
}

// header is the fixed part of a packet.
type header struct {
	code   code
	flags  uint8
	order  binary.ByteOrder
	length int // of the payload
}

// errPacket is the cause of all errors of octets that make no packet.
var errPacket = errors.New("not an AgentX packet")

// parseHeader reads headerSize octets.
func parseHeader(b []byte, p *Packet) (header, error) {
	h := header{code: code(b[1]), flags: b[2], order: binary.LittleEndian}
	if h.flags&flagNetwork != 0 {
		h.order = binary.BigEndian
	}
	p.Session, p.Transaction, p.ID = h.order.Uint32(b[4:]), h.order.Uint32(b[8:]), h.order.Uint32(b[12:])
	length := h.order.Uint32(b[16:])
	switch {
	case b[0] != version:
		return h, fmt.Errorf("%w: version %d", errPacket, b[0])
	case length > maxPayload || length%4 != 0:
		return h, fmt.Errorf("%w: %d octets", errPacket, length)
	}
	h.length = int(length)
	p.Body = fresh(h.code)
	return h, nil
}

// parse reads the payload. A body of nil is of a type that is not for subagents.
func (p *Packet) parse(h header, payload []byte) error {
	if p.Body == nil {
		return nil
	}
	d := &decoder{in: payload, order: h.order}
	if h.flags&flagContext != 0 && h.code.withContext() {
		if p.Context = d.octets(); p.Context == nil {
			p.Context = []byte{}
		}
	}
	p.Body.parse(d)
	if d.failed || len(d.in) > 0 {
		return fmt.Errorf("%w: a body of type %d", errPacket, h.code)
	}
	return nil
}

// Parse reads one whole packet. Body is nil if its type is not for subagents.
func Parse(b []byte) (*Packet, error) {
	if len(b) < headerSize {
		return nil, fmt.Errorf("%w: %d octets", errPacket, len(b))
	}
	p := new(Packet)
	h, err := parseHeader(b, p)
	if err != nil {
		return nil, err
	}
	if len(b) != headerSize+h.length {
		return nil, fmt.Errorf("%w: %d octets for a payload of %d", errPacket, len(b), h.length)
	}
	return p, p.parse(h, b[headerSize:])
}
