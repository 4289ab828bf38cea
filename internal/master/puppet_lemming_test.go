package master

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/service"
)

// puppet takes one connection, without a word to the master, and obeys what comes there, a line at a time:
//
//	say CODE PID    tells the master so
//	last CODE PID   the same, and is its last word
//	heir            leaves the connection and the status channel to a child of its own, and ends
//
// Each order is answered by "done", or by what went wrong. The end of the connection is its own.
func puppet() int {
	c, _, err := unix.Accept(4)
	if err != nil {
		return 71
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGTERM)
	write(c, fmt.Sprintf("%d\n", os.Getpid()))
	return obeyLines(os.NewFile(uintptr(c), "connection"))
}

// heir is what a puppet leaves behind.
func heir() int {
	c := os.NewFile(4, "connection")
	fmt.Fprintln(c, "done")
	return obeyLines(c)
}

func obeyLines(c *os.File) int {
	for orders := bufio.NewScanner(c); orders.Scan(); {
		var verb string
		var m service.Message
		fmt.Sscan(orders.Text(), &verb, &m.Code, &m.PID)
		var err error
		if verb == "heir" {
			if err = passOn(c); err == nil {
				return 0
			}
		} else {
			_, err = unix.Write(3, m.Append(nil))
		}
		if err != nil {
			fmt.Fprintln(c, err)
			continue
		}
		fmt.Fprintln(c, "done")
		if verb == "last" {
			return 0
		}
	}
	return 0
}

func passOn(c *os.File) error {
	os.Setenv(lemmingEnv, "heir")
	_, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr,
		os.NewFile(3, "status"), c}})
	return err
}

// puppeteer leads a puppet: the worker of the first service of a master.
type puppeteer struct {
	*test
	*client
	answers *bufio.Scanner
	n       int    // of the service
	name    string // of the service
}

// puppets is a service of one puppet at a time.
func puppets(name string) Service {
	s := lemmings(name, "puppet")
	s.Prefork, s.MaxChild = 1, 1
	return s
}

// lead takes the strings of the worker of the n-th service.
func (r *test) lead(n int) *puppeteer {
	r.Helper()
	s := r.service(n)
	c := r.greeted(r.dial(s.Listen))
	name, _, _ := strings.Cut(s.Name, "/")
	return &puppeteer{test: r, client: c, answers: bufio.NewScanner(c), n: n, name: name}
}

// order has the puppet do something and returns its answer.
func (p *puppeteer) order(text string) string {
	p.Helper()
	fmt.Fprintln(p.client, text)
	if !p.answers.Scan() {
		p.Fatalf("%q: no answer: %v", text, p.answers.Err())
	}
	return strings.TrimSpace(p.answers.Text())
}

// heard is how many messages that mean something the master has taken.
func (p *puppeteer) heard() uint64 {
	c := p.status().Counters
	return c.Messages - c.Garbage
}

// says has the puppet send a message in its own name, and waits until the master has taken it.
func (p *puppeteer) says(code int32) {
	p.Helper()
	before := p.heard()
	if answer := p.order(fmt.Sprintf("say %d %d", code, p.pid)); answer != "done" {
		p.Fatalf("message %#x: %s", code, answer)
	}
	p.eventually("the message is taken", func() bool { return p.heard() == before+1 })
}

// seen is what the master believes of the service: the state of its one worker, and how many connections there were.
type seen struct {
	state string
	conns int
}

func (p *puppeteer) seen() seen {
	p.Helper()
	s := p.service(p.n)
	if len(s.Workers) != 1 || s.Ready+s.Busy+s.Draining != 1 {
		p.Fatalf("not one worker: %+v", s)
	}
	w := s.Workers[0]
	if n := map[string]int{"ready": s.Ready, "busy": s.Busy, "draining": s.Draining}[w.State]; n != 1 {
		p.Errorf("the worker is %s, the numbers are ready %d, busy %d, draining %d", w.State, s.Ready, s.Busy, s.Draining)
	}
	return seen{w.State, s.Conns}
}
