package master

import (
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/service"
)

// once greets one client and leaves: each connection costs a fork and a death.
func once() int {
	c, _, err := unix.Accept(4)
	if err != nil {
		return 71
	}
	say := func(code int32) { unix.Write(3, service.Message{Code: code, PID: int32(os.Getpid())}.Append(nil)) }
	say(service.Unavailable)
	say(service.Connection)
	write(c, fmt.Sprintf("%d\n", os.Getpid()))
	return 0
}

// babble serves like single and writes garbage on its status channel all the while.
func babble() int {
	go func() {
		r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
		for {
			b := make([]byte, 1+r.IntN(40))
			for k := range b {
				b[k] = byte(r.Uint32())
			}
			if _, err := unix.Write(3, b); err != nil {
				return
			}
		}
	}()
	return single(false)
}

// threaded accepts in three threads, as Cyrus's threaded services do, and only tells of connections.
func threaded() int {
	for range 3 {
		go func() {
			for {
				c, _, err := unix.Accept(4)
				if err != nil {
					os.Exit(71)
				}
				unix.Write(3, service.Message{Code: service.ConnectionMulti, PID: int32(os.Getpid())}.Append(nil))
				write(c, fmt.Sprintf("%d\n", os.Getpid()))
				unix.Read(c, make([]byte, 1))
				unix.Close(c)
			}
		}()
	}
	select {}
}
