package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master/roster"
)

// handoverFormat is raised when a document means something else than before; what is only added needs no new number.
const handoverFormat = 1

// document is a master's state for the program that goes on in the same process. It names open descriptors, which that
// program inherits; -1 is none. Durations are of the master's clock.
type document struct {
	Format      int              `json:"format"`
	Clock       time.Duration    `json:"clock"`     // of the master, when
	Monotonic   time.Duration    `json:"monotonic"` // the kernel's monotonic clock was this
	Sockets     []heldSocket     `json:"sockets"`
	Failed      []string         `json:"failed"` // keys of instances whose address could not be had
	Instances   []heldInstance   `json:"instances"`
	Children    []heldChild      `json:"children"` // those that run, or have run and are not forgotten
	Services    []Service        `json:"services"` // as configured
	Events      []Event          `json:"events"`   // as configured
	Jobs        map[string]Event `json:"jobs"`     // by roster's key
	Grace       time.Duration    `json:"grace"`
	Stuck       time.Duration    `json:"stuck"`
	Hung        time.Duration    `json:"hung"`
	Counters    Counters         `json:"counters"`
	LogDropped  uint64           `json:"logDropped"`
	Roster      *roster.Snapshot `json:"roster"`
	Files       map[string]int   `json:"files"`       // descriptors of Successor.Files
	Program     int              `json:"program"`     // the program that wrote this, to go back to
	Descriptors []int            `json:"descriptors"` // all of the above, which any format has
}

type heldSocket struct {
	Key     string         `json:"key"`
	FD      int            `json:"fd"`
	Unix    string         `json:"unix,omitempty"`
	Addr    netip.AddrPort `json:"addr"`
	Dgram   bool           `json:"dgram,omitempty"`
	Family  string         `json:"family"`
	Foreign bool           `json:"foreign,omitempty"`
}

type heldInstance struct {
	ID      roster.InstID `json:"id"`
	Service Service       `json:"service"`
	Socket  string        `json:"socket"` // key, "" for none
	CyrusID int           `json:"cyrusID"`
	Name    string        `json:"name"`
}

type heldChild struct {
	ID     roster.ChildID `json:"id"`
	Inst   roster.InstID  `json:"inst"` // 0 for a job's
	Kind   string         `json:"kind"`
	Name   string         `json:"name"`
	Argv   []string       `json:"argv"`
	PID    int            `json:"pid"`
	Ended  bool           `json:"ended"` // and reaped
	Begun  time.Time      `json:"begun"`
	Status int            `json:"status"`         // read end of its status channel
	Rest   []byte         `json:"rest,omitempty"` // octets of it that make no message yet
}

// document writes down what this master knows. Unless it is frozen the status channels are left out: good enough to find
// out whether the document is understood.
func (m *Master) document(frozen bool) *document {
	m.sendSignals(m.toSend.Len()) // the next program knows nothing of them
	d := &document{Format: handoverFormat, Clock: m.clock.time(), Monotonic: monotonic(), Services: m.conf.Services,
		Events: m.conf.Events, Grace: m.conf.Grace, Stuck: m.conf.Stuck, Hung: m.conf.Hung, Counters: m.counts,
		LogDropped: m.logq.dropped.Load(), Roster: m.roster.Export(), Jobs: map[string]Event{}, Files: map[string]int{},
		Program: -1}
	for key, s := range m.socks {
		d.Sockets = append(d.Sockets, heldSocket{key, s.fd, s.at.unix, s.at.addr, s.at.dgram, s.at.family, s.foreign})
	}
	for key := range m.failed {
		d.Failed = append(d.Failed, key)
	}
	for id, i := range m.insts {
		h := heldInstance{ID: id, Service: *i.svc, CyrusID: i.id, Name: i.name}
		if i.sock != nil {
			h.Socket = i.sock.key
		}
		d.Instances = append(d.Instances, h)
	}
	for key, e := range m.jobs {
		d.Jobs[key] = *e
	}
	for id, k := range m.kids {
		if k.pid != 0 {
			d.Children = append(d.Children, k.held(id, frozen))
		}
	}
	return d
}

func (k *kid) held(id roster.ChildID, frozen bool) heldChild {
	h := heldChild{ID: id, Inst: k.inst, Kind: k.kind, Name: k.name, Argv: k.order.argv, PID: k.pid, Ended: k.pidfd < 0,
		Begun: k.begun, Status: -1}
	if k.ch != nil && frozen {
		h.Status, h.Rest = k.ch.held()
	}
	return h
}

// endpoint is the address of a socket.
func (h *heldSocket) endpoint() endpoint {
	return endpoint{unix: h.Unix, addr: h.Addr, dgram: h.Dgram, family: h.Family}
}

// descriptors are those that the document names.
func (d *document) descriptors() []int {
	var list []int
	for _, s := range d.Sockets {
		list = append(list, s.FD)
	}
	for _, c := range d.Children {
		if c.Status >= 0 {
			list = append(list, c.Status)
		}
	}
	for _, fd := range d.Files {
		list = append(list, fd)
	}
	return append(list, d.Program)
}

// monotonic is CLOCK_MONOTONIC, which goes on from one program of a process to the next.
func monotonic() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) //nolint:errcheck // there is no Linux without it
	return time.Duration(t.Nano())
}

// parseDocument reads a document and checks that it can be taken over.
func parseDocument(r io.Reader) (*document, *roster.State, []roster.Action, error) {
	d := &document{}
	if err := json.NewDecoder(r).Decode(d); err != nil {
		return d, nil, nil, fmt.Errorf("the state of the other program cannot be read: %w", err)
	}
	if d.Format != handoverFormat || d.Roster == nil {
		return d, nil, nil, fmt.Errorf("the other program's state has format %d, this one understands %d", d.Format,
			handoverFormat)
	}
	s, acts, err := roster.Import(d.Roster)
	if err != nil {
		return d, nil, nil, fmt.Errorf("the state of the other program contradicts itself: %w", err)
	}
	return d, s, acts, nil
}

// CheckHandover says whether this program could go on from a state that another one wrote down.
func CheckHandover(r io.Reader) error {
	_, _, _, err := parseDocument(r)
	return err
}

// envHandover names, to a successor, the descriptor of the document and the process that it is for: FD:PID. envFailed
// says, to a predecessor that has its process back, why.
const (
	envHandover = "CONSTANCE_HANDOVER"
	envFailed   = "CONSTANCE_HANDOVER_FAILED"
)

// Handover is what the program before this one in the same process has handed over.
type Handover struct {
	doc    *document
	state  *roster.State
	acts   []roster.Action
	memfd  *os.File
	failed string // not empty: handed back, the reason
	taken  bool
}

// Inherit takes what a predecessor handed over, nil if there was none: to be called once, at the beginning. With an
// error the predecessor can have the process back, by Handover.Back.
func Inherit() (*Handover, error) {
	value, failed := os.Getenv(envHandover), os.Getenv(envFailed)
	os.Unsetenv(envHandover) //nolint:errcheck // not for the children
	os.Unsetenv(envFailed)   //nolint:errcheck // not for the children
	fd, pid, ok := strings.Cut(value, ":")
	if !ok || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(fd)
	if err != nil {
		return nil, nil
	}
	h := &Handover{memfd: os.NewFile(uintptr(n), "handover"), failed: failed}
	unix.CloseOnExec(n)
	h.doc, h.state, h.acts, err = parseDocument(io.NewSectionReader(h.memfd, 0, 1<<40))
	for _, fd := range h.doc.Descriptors {
		unix.CloseOnExec(fd)
	}
	return h, err
}

// File is what Successor.Files had under this name, nil if there was nothing.
func (h *Handover) File(name string) *os.File {
	if h == nil {
		return nil
	}
	fd, ok := h.doc.Files[name]
	if !ok {
		return nil
	}
	return os.NewFile(uintptr(fd), name)
}

// Taken is whether a master goes on with what was handed over.
func (h *Handover) Taken() bool { return h.taken }

// Back gives the process back to the predecessor, which is told why; it returns only if that is impossible.
func (h *Handover) Back(cause error) error {
	if h.failed != "" || h.taken || h.doc.Program < 0 {
		return cause
	}
	for _, fd := range append(h.doc.Descriptors, int(h.memfd.Fd())) {
		inheritable(fd, true)
	}
	env := append(os.Environ(), envHandover+"="+strconv.Itoa(int(h.memfd.Fd()))+":"+strconv.Itoa(os.Getpid()),
		envFailed+"="+cause.Error())
	err := syscall.Exec("/proc/self/fd/"+strconv.Itoa(h.doc.Program), os.Args, env)
	return errors.Join(cause, fmt.Errorf("and the program before cannot have the process back: %w", err))
}

// inheritable says whether a descriptor outlasts exec.
func inheritable(fd int, yes bool) {
	flag := unix.FD_CLOEXEC
	if yes {
		flag = 0
	}
	unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag) //nolint:errcheck // our own descriptor
}
