package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// runTerminal runs a foreign program at a terminal of its own, at which nobody types, and returns what it showed.
// Failing is fatal.
func runTerminal(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	keyboard, tty, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C.UTF-8", "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	tty.Close()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	var shown bytes.Buffer
	// EIO is how Linux says that the last process has left the terminal.
	if _, err := io.Copy(&shown, keyboard); err != nil && !errors.Is(err, unix.EIO) {
		t.Errorf("%s: reading its terminal: %v", program, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, &shown)
	}
	return shown.String()
}

// openTerminal makes a pair of pseudo-terminals, 24 lines of 80 columns; see pty(7).
func openTerminal() (keyboard, tty *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	keyboard = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		keyboard.Close()
		return nil, nil, fmt.Errorf("pseudo-terminal: %w", err)
	}
	return keyboard, tty, nil
}

// What a program reads from its terminal is a terminal, with the size that was set, and what it writes comes back.
func TestTerminal(t *testing.T) {
	needs(t, "stty", "coreutils")
	if got := runTerminal(t, t.TempDir(), "sh", "-c", "test -t 0 && stty size </dev/tty"); got != "24 80\r\n" {
		t.Errorf("got %q", got)
	}
}
