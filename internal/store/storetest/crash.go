package storetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// crashDir is the environment variable that makes a test a child of Crash: the store's directory, a colon, the
// child's number.
const crashDir = "CONSTANCE_CRASH_DIR"

// Crash kills processes that use one account of the store (kill -9) in the middle of their work, several times
// over, and checks after each round that every change that was acknowledged is there exactly once, with identical
// octets, that those that were not are there whole or not at all, that whoever was not killed goes on, and that
// Verify finds nothing.
//
// The processes are the test binary run again for the calling test only, which therefore must do nothing before this
// call that is not wanted in each of them. CONSTANCE_CRASHES is the number of rounds.
func Crash(t *testing.T, open Open) {
	if spec := os.Getenv(crashDir); spec != "" {
		crashChild(t, open, spec)
		return
	}
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	rounds, seed := envNumber(t, "CONSTANCE_CRASHES", 4), envNumber(t, "CONSTANCE_SEED", 1)
	c := &crash{t: t, open: open, dir: t.TempDir(), r: rand.New(rand.NewPCG(uint64(seed), 3)),
		states: make(map[int]crashState)}
	c.sizes = make(map[uint64]int)
	c.uids = make(map[mail.UID]uint64)
	c.prepare()
	for range rounds {
		c.round()
	}
	t.Logf("%d processes killed, %d operations acknowledged, %d in doubt there, %d not", c.next, c.acknowledged,
		c.whole, c.absent)
}

// crash is the parent.
type crash struct {
	t      *testing.T
	open   Open
	dir    string
	r      *rand.Rand
	next   int // number of the next child
	states map[int]crashState
	sizes  map[uint64]int      // of each message ever tried, by seed
	uids   map[mail.UID]uint64 // what was acknowledged to be in INBOX, once: its seed

	acknowledged, whole, absent int // operations: told, and not told but there or not
}

// crashBox is where children copy and move messages to.
const crashBox = "Copies"

func (c *crash) prepare() {
	s := c.open(c.t, c.dir)
	defer s.Close()
	a := s.Account("alice")
	if _, err := a.CreateMailbox(c.t.Context(), crashBox, nil); err != nil {
		c.t.Fatal(err)
	}
	if err := a.SetQuota(c.t.Context(), mail.Quota{}); err != nil {
		c.t.Fatal(err)
	}
}

// child is a process that works on the store.
type child struct {
	number int
	cmd    *exec.Cmd
	ended  bool
	doing  *crashOp // what it began and did not acknowledge
}

// report is a line of a child; a nil op is its end.
type report struct {
	from *child
	op   *crashOp
}

// round starts children, kills them one after the other while the others go on, and checks what they left behind.
func (c *crash) round() {
	const processes = 3
	reports := make(chan report)
	children := make([]*child, processes)
	for i := range children {
		children[i] = c.start(reports)
	}
	for i := range children {
		for lines := 20 + c.r.IntN(120); lines > 0; lines-- { // from those who live: nobody waits for the dead
			c.take(reports)
		}
		c.moment(reports)
		if err := children[i].cmd.Process.Kill(); err != nil {
			c.t.Fatal(err)
		}
		for !children[i].ended {
			c.take(reports)
		}
		_ = children[i].cmd.Wait() // it was killed, which is an error
	}
	c.check(children)
}

// moment lets the children go on for up to 3 ms, so that one is killed anywhere in an operation, not only where it
// reports.
func (c *crash) moment(reports <-chan report) {
	over := time.After(time.Duration(c.r.Int64N(int64(3 * time.Millisecond))))
	for {
		select {
		case r := <-reports:
			c.takeIn(r)
		case <-over:
			return
		}
	}
}

// start begins a child whose reports come through the channel.
func (c *crash) start(reports chan<- report) *child {
	k := &child{number: c.next}
	c.next++
	c.states[k.number] = make(crashState)
	r, w, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	pattern := "^" + strings.ReplaceAll(c.t.Name(), "/", "$/^") + "$"
	k.cmd = exec.Command(os.Args[0], "-test.run="+pattern, "-test.count=1")
	k.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d", crashDir, c.dir, k.number))
	k.cmd.ExtraFiles = []*os.File{w}
	if err := k.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	_ = w.Close() // the child has its own
	c.t.Cleanup(func() {
		_ = k.cmd.Process.Kill() // it is dead, unless the test has failed
		_ = k.cmd.Wait()         // its exit says only that it was killed
		_ = r.Close()
	})
	go func() { // ends with the child, at the latest in Cleanup
		in := bufio.NewScanner(r)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			op := new(crashOp)
			if json.Unmarshal(in.Bytes(), op) != nil {
				break // cut off
			}
			select {
			case reports <- report{k, op}:
			case <-c.t.Context().Done():
				return
			}
		}
		select {
		case reports <- report{k, nil}:
		case <-c.t.Context().Done():
		}
	}()
	return k
}

// take waits for a report.
func (c *crash) take(reports <-chan report) {
	select {
	case r := <-reports:
		c.takeIn(r)
	case <-time.After(soon):
		c.t.Fatal("no child makes progress")
	}
}

// takeIn believes what a child says.
func (c *crash) takeIn(r report) {
	switch op := r.op; {
	case op == nil:
		r.from.ended = true
	case op.Error != "":
		c.t.Fatalf("child %d: %s", r.from.number, op.Error)
	case op.Done:
		c.acknowledged++
		c.states[r.from.number].apply(r.from.doing)
		for i, u := range op.UIDs {
			if c.uids[u] != 0 {
				c.t.Fatalf("UID %d was given twice", u)
			}
			c.uids[u] = r.from.doing.Seeds[i]
		}
		r.from.doing = nil
	default:
		r.from.doing = op
		for i, size := range op.Sizes {
			c.sizes[op.Seeds[i]] = size
		}
	}
}

// check compares the store with what the children said.
func (c *crash) check(children []*child) {
	c.t.Helper()
	s := c.open(c.t, c.dir)
	defer s.Close()
	a := s.Account("alice")
	if err := CheckAccount(c.t.Context(), a); err != nil {
		c.t.Fatal(err)
	}
	found := make(map[int]crashState)
	for _, name := range []string{mail.Inbox, crashBox} {
		c.read(a, name, found)
	}
	for _, k := range children {
		if k.doing == nil {
			continue
		}
		if reflect.DeepEqual(found[k.number].clean(), c.states[k.number].clean()) {
			c.absent++
			continue
		}
		c.whole++
		c.states[k.number].apply(k.doing) // not acknowledged, but there: then as a whole
	}
	for number, state := range c.states {
		if got, want := found[number].clean(), state.clean(); !reflect.DeepEqual(got, want) {
			c.t.Fatalf("child %d left\n%v\nit was told, or would have been,\n%v", number, got, want)
		}
	}
}

// read adds what is in a mailbox to the states of the children it is from.
func (c *crash) read(a mail.Account, name string, found map[int]crashState) {
	m, err := a.Mailbox(c.t.Context(), name)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := a.Snapshot(c.t.Context(), m.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range s.Len() {
		p, row := s.Locate(i)
		octets, err := Octets(c.t.Context(), a, p.Contents[row])
		if err != nil {
			c.t.Fatal(err)
		}
		seed := c.identify(octets)
		if seen := c.uids[p.UIDs[row]]; name == mail.Inbox && seen != 0 && seen != seed {
			c.t.Fatalf("UID %d is message %d, acknowledged as %d", p.UIDs[row], seed, seen)
		}
		number := int(seed >> 32)
		if found[number] == nil {
			found[number] = make(crashState)
		}
		found[number].put(seed, name, joinFlags(p.Flags[row].Flags(s.Mailbox.Keywords)))
	}
}

// identify is the seed of a message, all of whose octets are as they were made.
func (c *crash) identify(octets []byte) uint64 {
	_, after, _ := bytes.Cut(octets, []byte("X-Number: "))
	line, _, _ := bytes.Cut(after, []byte("\r\n"))
	var seed uint64
	if _, err := fmt.Sscan(string(line), &seed); err != nil {
		c.t.Fatalf("a message that nobody wrote: %q", octets[:min(len(octets), 500)])
	}
	size, ok := c.sizes[seed]
	if !ok || !bytes.Equal(octets, Message{Seed: seed, Size: size}.Octets()) {
		c.t.Fatalf("message %d (tried %v) has other octets than were written", seed, ok)
	}
	return seed
}
