package master

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// masterSignals are those that a master obeys.
var masterSignals = [...]syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1,
	syscall.SIGUSR2}

// signals turns signals into flags: however often one comes, it is one flag.
func (m *Master) signals(quit <-chan struct{}) {
	listen := func(c <-chan os.Signal, own chan os.Signal) {
		m.helpers.Add(1)
		go func() {
			defer m.helpers.Done()
			for {
				select {
				case s := <-c:
					m.in.put(func() { m.in.signal(s) })
				case <-quit:
					signal.Stop(own)
					return
				}
			}
		}()
	}
	if m.conf.Signals != nil {
		listen(m.conf.Signals, make(chan os.Signal))
		return
	}
	for _, s := range masterSignals { // a channel each, so that a flood of one does not crowd out another
		c := make(chan os.Signal, 1)
		signal.Notify(c, s)
		listen(c, c)
		m.signalled = append(m.signalled, c)
	}
	// Caught rather than ignored: what is ignored stays ignored in the children.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGALRM)
}

// leaveDeaths has the kernel drop SIGCHLD, which it would send for each end of a child and interrupt a thread with: pidfds
// tell the ends. That is the default action; the runtime had put a handler in its place. (SIG_IGN would be another
// thing: children would vanish unreaped.) For the whole process. sigaction(2)
func leaveDeaths() error {
	var dfl struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&dfl)), 0,
		unsafe.Sizeof(dfl.mask), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}

func (b *inbox) signal(s os.Signal) {
	switch s {
	case syscall.SIGHUP:
		b.hangup = true
	case syscall.SIGUSR1:
		b.stacks = true
	case syscall.SIGUSR2:
		b.succeed = true
	default:
		b.stop = s
	}
}

// tell says that another phase has begun.
func (m *Master) tell(p Phase) {
	if m.conf.Phase != nil {
		m.conf.Phase(p)
	}
}

func (m *Master) stacks() {
	buf := make([]byte, 1<<20)
	m.log.Warn("stacks", "stack", string(buf[:runtime.Stack(buf, true)]))
}
