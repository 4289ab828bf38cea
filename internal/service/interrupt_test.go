package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Ctrl-C reaches the whole process group: a worker of a master goes on serving, and ends when the master says so.
func TestInterruptIsForTheMaster(t *testing.T) {
	if os.Getenv("CONSTANCE_TEST_WORKER") != "" {
		os.Exit(ExitCode(Run(context.Background(), Options{}, echo)))
	}
	c, addr := child(t, "CONSTANCE_TEST_WORKER=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() { c.Process.Kill() }) // an error if it has ended
	r := &rig{addr: addr}
	conn := r.dial(t)
	line(t, conn, "hello\n")
	for range 3 {
		if err := c.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("old\n")); err != nil {
			t.Fatal(err)
		}
		line(t, conn, "old\n")
		line(t, r.dial(t), "hello\n")
	}
	conn.Close()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
}

// Without a master SIGINT ends a process that nobody else tells.
func TestInterruptWithoutAMaster(t *testing.T) {
	r := start(t, Options{}, echo)
	r.signals <- syscall.SIGINT
	if err := r.end(t); err != nil {
		t.Error(err)
	}
}

// child is this test once more, with what a master hands over; it listens at addr.
func child(t *testing.T, env string) (c *exec.Cmd, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_, status, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close(); status.Close() })
	c = exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), env, "CYRUS_SERVICE=test", "CYRUS_ID=1")
	c.ExtraFiles = []*os.File{status, socket}
	return c, ln.Addr().String()
}

// SIGHUP does not kill a worker that still opens its files, which ends once it runs, nor one that closes them: Cyrus's
// master sends it to each worker once for each of its services.
func TestHangupsBeforeAndAfter(t *testing.T) {
	if os.Getenv("CONSTANCE_TEST_HANGUP") != "" {
		caught := CatchHangup()
		fmt.Println("opening")
		fmt.Scanln()
		code := ExitCode(Run(context.Background(), Options{Hangup: caught}, echo))
		fmt.Println("closing")
		fmt.Scanln()
		os.Exit(code)
	}
	c, _ := child(t, "CONSTANCE_TEST_HANGUP=1")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() }) // an error if it has ended
	said := bufio.NewReader(stdout)
	for _, when := range []string{"opening\n", "closing\n"} {
		if got, err := said.ReadString('\n'); got != when {
			t.Fatalf("%q, %v instead of %q", got, err, when)
		}
		for range 3 {
			if err := c.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(stdin, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the end: %v", err)
	}
}
