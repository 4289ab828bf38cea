package service

import (
	"context"
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
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	_, status, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	c := exec.Command(os.Args[0], "-test.run=^TestInterruptIsForTheMaster$")
	c.Env = append(os.Environ(), "CONSTANCE_TEST_WORKER=1", "CYRUS_SERVICE=test", "CYRUS_ID=1")
	c.ExtraFiles = []*os.File{status, socket}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() { c.Process.Kill() }) // an error if it has ended
	r := &rig{addr: ln.Addr().String()}
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
