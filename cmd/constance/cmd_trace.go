package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
)

const traceLong = `Writes what a user's IMAP sessions say (C:) and hear (S:) to a file, a line each with
the time, the service, the process and the session: those that run, from their next
command on, and those that come, in all processes. It ends after the duration, at the
size, or with Ctrl-C; the server keeps nothing.

What literals hold (messages, mostly) is left out unless --literals is given, and what
LOGIN and AUTHENTICATE say always. Subjects and addresses do appear. The file is for
its owner only (0600) and must not be there before. The server logs who traces whom.
Lines are lost, and counted, rather than that a session waits for this command.`

// tracing is one call of `constance trace`.
type tracing struct {
	user     string
	file     string
	length   time.Duration
	limit    int64 // octets of the file
	literals bool

	mu      sync.Mutex // guards the fields below
	out     io.Writer
	written int64
	err     error
	stop    context.CancelFunc
}

func (p *program) traceCmd() *cobra.Command {
	t := &tracing{}
	c := &cobra.Command{
		Use:     "trace USER",
		Short:   "Write the IMAP protocol of a user's sessions to a file",
		Long:    traceLong,
		Example: "  constance trace carol\n  constance trace carol --file /tmp/carol.trace --for 1h --literals",
		Args:    args(1, 1),
		RunE: func(c *cobra.Command, list []string) error {
			t.user = list[0]
			return p.trace(c.Context(), t)
		},
	}
	c.Flags().StringVar(&t.file, "file", "", "the file (default: USER.trace in the working directory; - for standard output)")
	c.Flags().DurationVar(&t.length, "for", 10*time.Minute, "how long, 24h at most")
	c.Flags().Int64Var(&t.limit, "limit", 64<<20, "the largest size of the file, in octets")
	c.Flags().BoolVar(&t.literals, "literals", false, "also what literals hold")
	return c
}

// maxTrace bounds a trace.
const maxTrace = 24 * time.Hour

func (p *program) trace(ctx context.Context, t *tracing) error {
	if t.length <= 0 || t.length > maxTrace || t.limit <= 0 {
		return &usageError{text: "--for must be within 24h, --limit above 0", command: "constance trace"}
	}
	if len(admin.Processes(p.runDir())) == 0 {
		return &hintError{err: fmt.Errorf("no server runs on %s", p.dataDir()), hint: "`constance serve` starts one", code: exitFailed}
	}
	t.out = p.stdout
	if t.file != "-" {
		if t.file == "" {
			t.file = filepath.Base(t.user) + ".trace"
		}
		f, err := os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		t.out = f
		fmt.Fprintf(p.stderr, "constance: tracing %s to %s for %s, Ctrl-C ends it\n", t.user, t.file, t.length)
	}
	ctx, cancel := context.WithTimeout(ctx, t.length)
	defer cancel()
	ctx, t.stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer t.stop()
	t.follow(ctx, p.runDir())
	return t.err
}

// follow listens to all processes, also to those that come, until ctx ends.
func (t *tracing) follow(ctx context.Context, dir string) {
	var wg sync.WaitGroup
	defer wg.Wait()
	known := map[string]bool{}
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for {
		for _, proc := range admin.Processes(dir) {
			if (proc.Service == "imap" || proc.Service == "imaps") && !known[proc.Path()] {
				known[proc.Path()] = true
				wg.Go(func() { t.listen(ctx, proc) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// listen writes what one process tells. That it ends, as a process does, is no error.
func (t *tracing) listen(ctx context.Context, proc admin.Process) {
	q := url.Values{"user": {t.user}, "literals": {strconv.FormatBool(t.literals)},
		"by": {strconv.Itoa(os.Getuid()) + " " + os.Getenv("SUDO_USER")}, "pid": {strconv.Itoa(os.Getpid())}}
	_ = proc.Get(ctx, "/trace?"+q.Encode(), func(r io.Reader) error { // it has gone, or we are to end
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				err = nil
			}
			if err == nil {
				err = t.write(line)
			}
			if err != nil {
				return err
			}
		}
	})
}

// write writes a line, whole or not at all; at the limit all ends.
func (t *tracing) write(line []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && t.written+int64(len(line)) > t.limit {
		t.err = fmt.Errorf("the file has reached %s, the trace ends", size(t.limit))
	}
	if t.err == nil {
		_, t.err = t.out.Write(line)
		t.written += int64(len(line))
	}
	if t.err != nil {
		t.stop()
	}
	return t.err
}
