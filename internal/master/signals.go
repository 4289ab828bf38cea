package master

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
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
