package agentx

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Options say what an Agent shows and to whom.
type Options struct {
	Socket      string // of the SNMP agent: "/path", "unix:/path", "tcp:host:port" or "host:port"
	Description string
	Subtree     OID // all names in views are below it

	// View gives all that there is to see now. It is called from one goroutine, for each request of the agent,
	// which waits for a few seconds.
	View func(context.Context) View

	Ping time.Duration // how often the connection is tried; default 15 s
	Log  *slog.Logger  // nil: none
}

// Agent is a subagent. Notify is safe for any goroutine, Run is called once.
type Agent struct {
	opts    Options
	traps   chan []VarBind
	dropped atomic.Uint64
	retry   time.Duration // first pause between two tries to connect; doubles up to retryMax
	silence time.Duration // without an answer to a ping the connection is given up
}

// Bounds of an Agent.
const (
	trapsKept = 64               // notifications that wait for the connection
	patience  = 5 * time.Second  // for an answer of the agent, and of ours for it
	retryMin  = time.Second      // after a connection that was lost
	retryMax  = 30 * time.Second // while there is none
	pingEvery = 15 * time.Second
)

// New makes an Agent, which does nothing before Run.
func New(o Options) *Agent {
	if o.Ping <= 0 {
		o.Ping = pingEvery
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Agent{opts: o, traps: make(chan []VarBind, trapsKept), retry: retryMin, silence: patience}
}

// trapOID is snmpTrapOID.0 of the SNMPv2-MIB, whose value names a notification.
var trapOID = OID{1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0}

// Notify hands a notification to the SNMP agent, as soon as there is a connection. It never waits; if too
// many wait already it is dropped, and false.
func (a *Agent) Notify(name OID, objects ...VarBind) bool {
	list := append([]VarBind{{Name: trapOID, Value: Identifier(name)}}, objects...)
	select {
	case a.traps <- list:
		return true
	default:
		a.dropped.Add(1)
		return false
	}
}

// Dropped is how many notifications found no room.
func (a *Agent) Dropped() uint64 { return a.dropped.Load() }

// Run serves until the end of ctx. Without a connection it tries to have one, at growing intervals.
func (a *Agent) Run(ctx context.Context) {
	wait, said := a.retry, ""
	for {
		opened, err := a.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if opened {
			wait, said = a.retry, ""
		}
		if text := err.Error(); text != said { // once, however often it is tried
			a.opts.Log.Warn("no connection to the SNMP agent", "socket", a.opts.Socket, "err", err)
			said = text
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		wait = min(2*wait, retryMax)
	}
}

// serve has one connection from its beginning to its end; opened is whether a session came of it.
func (a *Agent) serve(ctx context.Context) (opened bool, err error) {
	l, err := dial(ctx, a.opts.Socket)
	if err != nil {
		return false, err
	}
	defer l.close()
	if err := l.open(ctx, &a.opts); err != nil {
		return false, err
	}
	a.opts.Log.Info("connected to the SNMP agent", "socket", a.opts.Socket)
	tick := time.NewTicker(a.opts.Ping)
	defer tick.Stop()
	for err == nil {
		select {
		case p, ok := <-l.in:
			if !ok {
				return true, l.err
			}
			err = a.take(ctx, l, p)
		case list := <-a.traps:
			err = l.send(&Packet{Body: &Notify{Binds: list}})
		case <-tick.C:
			err = l.ping(a.silence)
		case <-ctx.Done():
			return true, l.send(&Packet{Body: &Close{Reason: ReasonShutdown}})
		}
	}
	return true, err
}

// take answers one packet of the agent.
func (a *Agent) take(ctx context.Context, l *link, p *Packet) error {
	if r, ok := p.Body.(*Response); ok {
		if p.fault != nil {
			return nil // no answer to anything, RFC 2741 section 7.2.2
		}
		if r.Error != OK && p.ID != l.pinged {
			a.opts.Log.Warn("the SNMP agent refuses a notification", "error", int(r.Error))
		}
		return l.answered(p.ID, r)
	}
	if s, ok := p.Body.(*SetStep); ok && s.step == codeCleanupSet {
		return nil // it has no answer, RFC 2741 section 7.2.4.4
	}
	if e := l.check(p); e != OK {
		return l.answer(p, &Response{Error: e})
	}
	if c, ok := p.Body.(*Close); ok {
		l.answer(p, &Response{}) //nolint:errcheck // the session is over in any case
		return &closedError{c.Reason}
	}
	return l.answer(p, a.reply(ctx, p.Body))
}

// check is what is wrong with a request whatever it asks for. RFC 2741 section 7.2.2.
func (l *link) check(p *Packet) Errno {
	switch {
	case p.fault != nil || p.Body == nil:
		return ParseError
	case p.Session != l.session:
		return NotOpen
	case p.Context != nil: // all that is registered is in the default one
		return UnsupportedContext
	}
	return OK
}

// reply is the answer to a request. What only agents are asked is refused.
func (a *Agent) reply(ctx context.Context, request Body) *Response {
	switch b := request.(type) {
	case *Get:
		return &Response{Binds: a.get(ctx, b.Ranges)}
	case *GetNext:
		v, out := a.opts.View(ctx), []VarBind(nil)
		for _, r := range b.Ranges {
			out = append(out, v.Next(r))
		}
		return &Response{Binds: out}
	case *GetBulk:
		return &Response{Binds: a.opts.View(ctx).bulk(b)}
	case *TestSet:
		return &Response{Error: NotWritable, Index: 1} // RFC 2741 section 7.2.4.1
	case *SetStep:
		if b.step == codeUndoSet {
			return &Response{Error: UndoFailed} // RFC 2741 section 7.2.4.3
		}
		return &Response{Error: CommitFailed} // RFC 2741 section 7.2.4.2
	case *Ping:
		return &Response{}
	}
	return &Response{Error: Processing}
}

func (a *Agent) get(ctx context.Context, ranges []Range) (out []VarBind) {
	v := a.opts.View(ctx)
	for _, r := range ranges {
		out = append(out, v.Get(r.Start))
	}
	return out
}

// bulkMax is the most values in one answer; whoever wants more asks again.
const bulkMax = 1000

// bulk answers a GetBulk, row by row. RFC 2741 section 7.2.3.3.
func (v View) bulk(g *GetBulk) (out []VarBind) {
	once := min(int(g.Once), len(g.Ranges))
	for _, r := range g.Ranges[:once] {
		out = append(out, v.Next(r))
	}
	many := append([]Range{}, g.Ranges[once:]...)
	for range g.Many {
		more := false
		for i := range many {
			b := v.Next(many[i])
			out = append(out, b)
			many[i].Start, many[i].Include = b.Name, false
			more = more || b.Type != TypeEndOfView
		}
		if !more || len(out) >= bulkMax {
			break
		}
	}
	return out
}
