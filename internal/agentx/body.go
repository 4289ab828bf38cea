package agentx

import (
	"encoding/binary"
	"time"
)

// Open begins a session. RFC 2741 section 6.2.1.
type Open struct {
	Timeout     uint8 // seconds in which this subagent answers; 0 = as the agent likes
	ID          OID   // of the subagent; may be empty
	Description []byte
}

func (*Open) code() code { return codeOpen }

func (o *Open) append(b []byte) []byte {
	b = append(b, o.Timeout, 0, 0, 0)
	return appendOctets(appendOID(b, o.ID, false), o.Description)
}

func (o *Open) parse(d *decoder) {
	o.Timeout = d.take(4)[0]
	o.ID, _ = d.oid()
	o.Description = d.octets()
}

// Reason is why a session is closed. RFC 2741 section 6.2.2.
type Reason uint8

// The reasons.
const (
	ReasonOther    Reason = 1
	ReasonParse    Reason = 2
	ReasonProtocol Reason = 3
	ReasonTimeouts Reason = 4
	ReasonShutdown Reason = 5
	ReasonManager  Reason = 6
)

// Close ends a session. RFC 2741 section 6.2.2.
type Close struct{ Reason Reason }

func (*Close) code() code               { return codeClose }
func (c *Close) append(b []byte) []byte { return append(b, uint8(c.Reason), 0, 0, 0) }
func (c *Close) parse(d *decoder)       { c.Reason = Reason(d.take(4)[0]) }

// Register asks for all requests below Subtree. RFC 2741 section 6.2.3.
type Register struct {
	Timeout  uint8 // seconds, as of Open
	Priority uint8 // the lowest of several wins; 127 is usual
	Subtree  OID
	Upper    OptionalBound
}

// OptionalBound makes a range of one number of a Subtree.
type OptionalBound struct {
	At   uint8  // which number, from 1; 0 = none
	Last uint32 // its upper bound
}

func (*Register) code() code { return codeRegister }

func (r *Register) append(b []byte) []byte {
	b = append(b, r.Timeout, r.Priority, r.Upper.At, 0)
	return r.Upper.append(appendOID(b, r.Subtree, false))
}

func (r *Register) parse(d *decoder) {
	h := d.take(4)
	r.Timeout, r.Priority, r.Upper.At = h[0], h[1], h[2]
	r.Subtree, _ = d.oid()
	r.Upper.parse(d)
}

func (o *OptionalBound) append(b []byte) []byte {
	if o.At == 0 {
		return b
	}
	return binary.BigEndian.AppendUint32(b, o.Last)
}

func (o *OptionalBound) parse(d *decoder) {
	if o.At != 0 {
		o.Last = d.uint32()
	}
}

// Unregister takes a Register back. RFC 2741 section 6.2.4.
type Unregister struct {
	Priority uint8
	Subtree  OID
	Upper    OptionalBound
}

func (*Unregister) code() code { return codeUnregister }

func (u *Unregister) append(b []byte) []byte {
	b = append(b, 0, u.Priority, u.Upper.At, 0)
	return u.Upper.append(appendOID(b, u.Subtree, false))
}

func (u *Unregister) parse(d *decoder) {
	h := d.take(4)
	u.Priority, u.Upper.At = h[1], h[2]
	u.Subtree, _ = d.oid()
	u.Upper.parse(d)
}

// Range is where a value is looked for. RFC 2741 section 5.2.
type Range struct {
	Start   OID
	Include bool // Start itself too
	End     OID  // before this; empty = no bound
}

// Get asks for the values of names, the starts of the ranges. RFC 2741 section 6.2.5.
type Get struct{ Ranges []Range }

func (*Get) code() code               { return codeGet }
func (g *Get) append(b []byte) []byte { return appendRanges(b, g.Ranges) }
func (g *Get) parse(d *decoder)       { g.Ranges = d.ranges() }

// GetNext asks for the first values of ranges. RFC 2741 section 6.2.6.
type GetNext struct{ Ranges []Range }

func (*GetNext) code() code               { return codeGetNext }
func (g *GetNext) append(b []byte) []byte { return appendRanges(b, g.Ranges) }
func (g *GetNext) parse(d *decoder)       { g.Ranges = d.ranges() }

// GetBulk asks for the first values of the first Once ranges and for up to Many values of each of the others.
// RFC 2741 section 6.2.7.
type GetBulk struct {
	Once, Many uint16
	Ranges     []Range
}

func (*GetBulk) code() code { return codeGetBulk }

func (g *GetBulk) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, g.Once)
	return appendRanges(binary.BigEndian.AppendUint16(b, g.Many), g.Ranges)
}

func (g *GetBulk) parse(d *decoder) {
	g.Once, g.Many = d.uint16(), d.uint16()
	g.Ranges = d.ranges()
}

// TestSet asks whether values can be set. RFC 2741 section 6.2.8.
type TestSet struct{ Binds []VarBind }

func (*TestSet) code() code               { return codeTestSet }
func (t *TestSet) append(b []byte) []byte { return appendBinds(b, t.Binds) }
func (t *TestSet) parse(d *decoder)       { t.Binds = d.binds() }

// SetStep is CommitSet, UndoSet or CleanupSet. RFC 2741 section 6.2.9.
type SetStep struct{ step code }

func (s *SetStep) code() code           { return s.step }
func (*SetStep) append(b []byte) []byte { return b }
func (*SetStep) parse(*decoder)         {}

// Notify is a notification: snmpTrapOID.0 with its name, then its objects. RFC 2741 section 6.2.10.
type Notify struct{ Binds []VarBind }

func (*Notify) code() code               { return codeNotify }
func (n *Notify) append(b []byte) []byte { return appendBinds(b, n.Binds) }
func (n *Notify) parse(d *decoder)       { n.Binds = d.binds() }

// Ping asks whether the session still is. RFC 2741 section 6.2.11.
type Ping struct{}

func (*Ping) code() code             { return codePing }
func (*Ping) append(b []byte) []byte { return b }
func (*Ping) parse(*decoder)         {}

// Errno is what a Response says of success. RFC 2741 section 6.2.16.
type Errno uint16

// Those that are sent or looked at here.
const (
	OK                 Errno = 0
	CommitFailed       Errno = 14
	UndoFailed         Errno = 15
	NotWritable        Errno = 17
	NotOpen            Errno = 257
	UnsupportedContext Errno = 262
	DuplicateReg       Errno = 263
	ParseError         Errno = 266
	RequestDenied      Errno = 267
	Processing         Errno = 268
)

// Response answers every other packet. RFC 2741 section 6.2.16.
type Response struct {
	Up    uint32 // hundredths of a second; only from the agent
	Error Errno
	Index uint16 // of the VarBind that is to blame, from 1
	Binds []VarBind
}

func (*Response) code() code { return codeResponse }

func (r *Response) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.Up)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Error))
	return appendBinds(binary.BigEndian.AppendUint16(b, r.Index), r.Binds)
}

func (r *Response) parse(d *decoder) {
	r.Up, r.Error, r.Index = d.uint32(), Errno(d.uint16()), d.uint16()
	r.Binds = d.binds()
}

// seconds is a duration as a packet holds it.
func seconds(d time.Duration) uint8 { return uint8(min(max(d/time.Second, 0), 255)) }
