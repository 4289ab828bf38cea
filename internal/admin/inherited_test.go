package admin

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The next program in a process answers on the socket of the one before, in whose directory it may not write any more.
func TestInheritedSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	first, err := ListenAt(path, Options{Service: "master"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := first.File()
	if err != nil {
		t.Fatal(err)
	}
	first.http.Close() // its program is over by then: two that accept would wait in each other's modes of the socket
	<-first.done
	second, err := ListenAt(path, Options{Service: "master", Inherited: f, Status: func() Status { return Status{Active: 7} }})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got, err := Ask[Status](t.Context(), At(path, "master"), "/status"); err != nil || got.Active != 7 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestInheritedIsNoSocket(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenAt(filepath.Join(dir, "s"), Options{Inherited: file}); err == nil {
		t.Error("a file is listened on")
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if file, err = tcp.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenAt(filepath.Join(dir, "s"), Options{Inherited: file}); err == nil || !strings.Contains(err.Error(), "no unix socket") {
		t.Errorf("a tcp socket: %v", err)
	}
}
