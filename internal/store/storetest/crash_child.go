package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// crashOp is what a child writes before an operation, and again (Done, UIDs) when the store has acknowledged it.
type crashOp struct {
	Kind  string   // append, flags, copy, move, expunge, purge
	Seeds []uint64 // the messages, which are the child's own
	Sizes []int    // of an append
	Flags string   // those that the messages of append and flags then have, joined
	Done  bool
	UIDs  []mail.UID // of an append that is done
	Error string     // why the child gives up
}

// crashState is where the messages of a child are, by seed.
type crashState map[uint64]*placed

// placed is where one message is.
type placed struct {
	inbox  int // entries there
	flags  string
	copies []string // flags of the entries in crashBox
}

func (p *placed) String() string {
	return fmt.Sprintf("%d×INBOX(%s) copies%q", p.inbox, p.flags, p.copies)
}

// put adds an entry.
func (s crashState) put(seed uint64, mailbox, flags string) {
	p := s[seed]
	if p == nil {
		p = &placed{}
		s[seed] = p
	}
	if mailbox == mail.Inbox {
		p.inbox++
		p.flags = flags
		return
	}
	p.copies = append(p.copies, flags)
}

// apply does what an operation does.
func (s crashState) apply(o *crashOp) {
	for _, seed := range o.Seeds {
		p := s[seed]
		switch o.Kind {
		case "append":
			s.put(seed, mail.Inbox, o.Flags)
		case "flags":
			p.flags = o.Flags
		case "copy":
			p.copies = append(p.copies, p.flags)
		case "move":
			p.copies = append(p.copies, p.flags)
			p.inbox--
		case "expunge":
			p.inbox--
		}
	}
}

// clean is the state in one form: nothing of messages without an entry, no flags of what is not there, copies sorted.
func (s crashState) clean() crashState {
	out := make(crashState)
	for seed, p := range s {
		q := &placed{inbox: p.inbox, flags: p.flags, copies: slices.Sorted(slices.Values(p.copies))}
		if q.inbox == 0 {
			q.flags = ""
		}
		if q.inbox != 0 || len(q.copies) > 0 {
			out[seed] = q
		}
	}
	return out
}

func joinFlags(flags []mail.Flag) string {
	var out []string
	for _, f := range flags {
		out = append(out, string(f))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func splitFlags(s string) []mail.Flag {
	var out []mail.Flag
	for f := range strings.FieldsSeq(s) {
		out = append(out, mail.Flag(f))
	}
	return out
}

// worker is what runs in a child.
type worker struct {
	t      *testing.T
	number uint64
	a      mail.Account
	to     mail.MailboxID
	out    *os.File
	r      *rand.Rand
	count  uint64 // messages so far
	state  crashState
	uids   map[uint64]mail.UID // in INBOX, by seed
}

// crashChild works until it is killed.
func crashChild(t *testing.T, open Open, spec string) {
	i := strings.LastIndexByte(spec, ':')
	number, err := strconv.ParseUint(spec[i+1:], 10, 31)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, spec[:i])
	w := &worker{
		t: t, number: number, a: s.Account("alice"), out: os.NewFile(3, "reports"),
		r:     rand.New(rand.NewPCG(number, 5)),
		state: make(crashState), uids: make(map[uint64]mail.UID),
	}
	err = w.work()
	w.write(&crashOp{Error: err.Error()})
	t.Fatal(err)
}

func (w *worker) work() error {
	m, err := w.a.Mailbox(w.t.Context(), crashBox)
	if err != nil {
		return err
	}
	w.to = m.ID
	for {
		o := w.choose()
		if err := w.write(o); err != nil {
			return err
		}
		done := &crashOp{Done: true}
		if err := w.do(o, done); err != nil {
			return fmt.Errorf("%s: %w", o.Kind, err)
		}
		w.state.apply(o)
		if err := w.write(done); err != nil {
			return err
		}
	}
}

// write writes a line; the kernel has it then, whatever becomes of this process.
func (w *worker) write(o *crashOp) error {
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(b, '\n'))
	return err
}

// choose is a random operation on the child's own messages.
func (w *worker) choose() *crashOp {
	there := slices.DeleteFunc(slices.Sorted(maps.Keys(w.state)),
		func(s uint64) bool { return w.state[s].inbox == 0 })
	kind := pick(w.r, []string{"append", "append", "append", "flags", "flags", "copy", "move", "expunge", "purge"})
	if len(there) < 4 {
		kind = "append"
	}
	flags := []string{`\Seen`, "", `\Answered work`, fmt.Sprintf(`\Deleted w%d`, w.number%7)}
	o := &crashOp{Kind: kind, Flags: pick(w.r, flags)}
	switch kind {
	case "purge":
		return o
	case "append":
		for range 1 + w.r.IntN(3) {
			w.count++
			o.Seeds = append(o.Seeds, w.number<<32|w.count)
			o.Sizes = append(o.Sizes, sizeNear(w.r))
		}
		return o
	case "expunge":
		there = slices.DeleteFunc(there, func(s uint64) bool {
			return !strings.Contains(w.state[s].flags, string(mail.Deleted))
		})
	}
	w.r.Shuffle(len(there), func(i, j int) { there[i], there[j] = there[j], there[i] })
	o.Seeds = slices.Sorted(slices.Values(there[:min(len(there), 1+w.r.IntN(5))]))
	return o
}

// do carries out an operation and checks what the store says about it.
func (w *worker) do(o, done *crashOp) error {
	ctx := w.t.Context()
	var uids mail.UIDSet
	for _, s := range o.Seeds {
		if o.Kind != "append" {
			uids.Add(w.uids[s])
		}
	}
	switch o.Kind {
	case "append":
		return w.append(o, done)
	case "flags":
		_, err := w.a.SetFlags(ctx, 1, mail.FlagChange{UIDs: uids, Flags: splitFlags(o.Flags)})
		return err
	case "copy":
		d, err := w.a.Copy(ctx, 1, uids, w.to)
		return wantAll(d.From, uids, err)
	case "move":
		d, err := w.a.Move(ctx, 1, uids, w.to)
		return wantAll(d.From, uids, err)
	case "expunge":
		if uids == nil {
			uids = mail.UIDSet{}
		}
		gone, _, err := w.a.Expunge(ctx, 1, uids)
		return wantAll(gone, uids, err)
	default:
		_, err := w.a.Purge(ctx, time.Now().Add(time.Hour))
		return err
	}
}

func wantAll(got, want mail.UIDSet, err error) error {
	if err == nil && !slices.Equal(got, want) {
		return fmt.Errorf("it was done to %s, not to %s", got, want)
	}
	return err
}

func (w *worker) append(o, done *crashOp) error {
	ctx := w.t.Context()
	var msgs []mail.NewMessage
	for i, s := range o.Seeds {
		m, err := Upload(ctx, w.a, Message{Seed: s, Size: o.Sizes[i]}.Octets())
		if err != nil {
			return err
		}
		m.Flags = splitFlags(o.Flags)
		msgs = append(msgs, m)
	}
	d, err := w.a.Append(ctx, 1, msgs)
	if err != nil {
		return err
	}
	done.UIDs = d.UIDs
	for i, s := range o.Seeds {
		w.uids[s] = d.UIDs[i]
		err = errors.Join(err, msgs[i].Upload.Close())
	}
	last := len(o.Seeds) - 1
	octets, e := Octets(ctx, w.a, d.Contents[last])
	if e == nil && !bytes.Equal(octets, Message{Seed: o.Seeds[last], Size: o.Sizes[last]}.Octets()) {
		e = errors.New("other octets come back")
	}
	return errors.Join(err, e)
}
