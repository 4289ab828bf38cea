package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/auth"
)

// readPassword reads a password: the first line of file, or of standard input. On a terminal it asks, twice and without
// showing what is typed.
func (p *program) readPassword(prompt, file string) (string, error) {
	in := p.stdin
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return firstLine(bufio.NewReader(f))
	}
	r := bufio.NewReader(in)
	tty, ok := in.(*os.File)
	if !ok || !isTerminal(tty) {
		return firstLine(r)
	}
	restore, err := hideTyping(tty)
	if err != nil {
		return "", err
	}
	defer restore()
	first, err := p.ask(r, prompt)
	if err != nil {
		return "", err
	}
	second, err := p.ask(r, "Once more")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the passwords differ")
	}
	return first, nil
}

func (p *program) ask(r *bufio.Reader, prompt string) (string, error) {
	fmt.Fprintf(p.stderr, "%s: ", prompt)
	line, err := firstLine(r)
	fmt.Fprintln(p.stderr)
	return line, err
}

// firstLine reads a line of at most a password's length.
func firstLine(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for b.Len() <= auth.MaxPassword+1 {
		c, err := r.ReadByte()
		if err == io.EOF && b.Len() > 0 || err == nil && c == '\n' {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		b.WriteByte(c)
	}
	line := strings.TrimSuffix(b.String(), "\r")
	if line == "" {
		return "", errors.New("the password is empty")
	}
	if len(line) > auth.MaxPassword {
		return "", fmt.Errorf("the password is longer than %d octets", auth.MaxPassword)
	}
	return line, nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// hideTyping switches a terminal's echo off until restore.
func hideTyping(f *os.File) (restore func(), err error) {
	old, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	quiet := *old
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &quiet); err != nil {
		return nil, err
	}
	show := sync.OnceFunc(func() {
		_ = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, old) // the terminal is gone; nobody to tell
	})
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case s := <-signals: // show what is typed again, and then let the signal do what it does
			show()
			signal.Stop(signals)
			_ = unix.Kill(os.Getpid(), s.(unix.Signal)) // to ourselves: it cannot fail
		case <-done:
			signal.Stop(signals)
		}
	})
	return func() { close(done); wg.Wait(); show() }, nil
}
