package imapd

import (
	"bufio"
	"crypto/tls"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// residentKiB is the memory of this process.
func residentKiB(t testing.TB) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() / 1024
}

// TestMemoryOfIdleConnections measures what an idle connection costs this process, in IDLE with a mailbox selected.
// CONSTANCE_IDLE says how many; the bound is for any number, as the test's own side is counted too.
func TestMemoryOfIdleConnections(t *testing.T) {
	for _, secure := range []bool{false, true} {
		name := "plain"
		if secure {
			name = "tls"
		}
		t.Run(name, func(t *testing.T) { idleMemory(t, secure) })
	}
}

func idleMemory(t *testing.T, secure bool) {
	n := 300
	if s := os.Getenv("CONSTANCE_IDLE"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || int(lim.Cur) < 3*n+100 {
		t.Skip("too few descriptors")
	}
	s := startServer(t, nil)
	for range 50 {
		s.deliver("alice", "INBOX")
	}
	runtime.GC()
	runtime.GC()
	before, goroutines := residentKiB(t), runtime.NumGoroutine()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	fds := make([]int, 0, n) // files without netpoll, so that the test's side costs next to nothing
	for range n {
		k := s.dial()
		if secure {
			k.do("STARTTLS")
			c := tls.Client(k.Conn, &tls.Config{InsecureSkipVerify: true})
			k.Conn, k.r = c, bufio.NewReaderSize(c, 16)
			k.do("LOGIN alice secret")
			k.do("SELECT INBOX")
			k.send("i IDLE\r\n")
			k.want("+ ")
			continue
		}
		k.do("LOGIN alice secret")
		k.do("SELECT INBOX")
		k.do("FETCH 1:* (FLAGS ENVELOPE)")
		k.send("i IDLE\r\n")
		k.want("+ ")
		f, err := k.Conn.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		f.Close()
		k.Close()
	}
	for range 4 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m1)
	after := residentKiB(t)
	per := func(a, b uint64) float64 { return float64(int64(b-a)) / 1024 / float64(n) }
	t.Logf("%d connections in IDLE: %.1f KiB resident, %.2f heap, %.2f stack, %.1f goroutines each", n,
		float64(after-before)/float64(n), per(m0.HeapAlloc, m1.HeapAlloc), per(m0.StackInuse, m1.StackInuse),
		float64(runtime.NumGoroutine()-goroutines)/float64(n))
	if got := per(m0.HeapAlloc, m1.HeapAlloc) + per(m0.StackInuse, m1.StackInuse); got > 24 && !secure {
		t.Errorf("an idle connection costs %.1f KiB", got)
	}
	for _, fd := range fds {
		syscall.Close(fd)
	}
}
