package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/master"
)

// streams is where the services' standard output and error go; by default to /dev/null. The file of -L is opened anew at an
// upgrade, as somebody may have moved it away, unless the user that the master has become may not.
func (f *masterFlags) streams(conf *master.Config) error {
	switch {
	case f.output != "":
		out, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o666)
		if held := f.from.File(heldOutput); err != nil && held != nil {
			out, err = held, nil
		}
		if err != nil {
			return &master.Error{Code: master.ExitOS, Err: err}
		}
		conf.Output = out
	case f.keep:
		conf.Input, conf.Output, conf.Errors = os.Stdin, os.Stdout, os.Stderr
	}
	return nil
}

// createReady makes the ready file, whose age says since when the master is ready.
func createReady(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return fmt.Errorf("can't create ready file: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// tellReady lets the process go that started this one, and then has nothing more to do with its terminal.
func (f *masterFlags) tellReady(output *os.File) {
	if f.starter == nil {
		return
	}
	if output == nil {
		var err error
		if output, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			output = os.Stderr // as it is
		}
	}
	unix.Dup3(int(output.Fd()), 1, 0) //nolint:errcheck // valid descriptors
	unix.Dup3(int(output.Fd()), 2, 0) //nolint:errcheck // as before
	f.starter.Write([]byte{'\n'})     //nolint:errcheck // a parent that went away is none of our business
	f.starter.Close()                 //nolint:errcheck // as before
}

// starter is the pipe to the process that started this one, or nil. What it is known by is not for the services.
func starter() *os.File {
	fd, err := strconv.Atoi(os.Getenv(readyEnv))
	os.Unsetenv(readyEnv) //nolint:errcheck // a valid name
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "starter")
}

// readyEnv names the descriptor on which a master in the background reports that it is ready.
const readyEnv = "CONSTANCE_MASTER_READY"

// background starts this program again in a session of its own and waits until it is ready or has failed. Meanwhile it
// holds a lock beside the pid file, so that of two masters started at once one says so instead of failing later.
func (f *masterFlags) background() error {
	opts, err := f.options()
	if err != nil {
		return err
	}
	lock, err := master.LockStart(masterPIDFile(f.pidFile, opts))
	if err != nil {
		return err
	}
	defer lock.Release()
	code, err := startAgain()
	switch {
	case err != nil:
		return &master.Error{Code: master.ExitOS, Err: err}
	case code != 0:
		return quietError(code) // it has said why
	}
	return nil
}

// startAgain is the exit code of the start of this program in a session of its own.
func startAgain() (code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, errors.Join(err, w.Close())
	}
	defer null.Close()
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Env: append(os.Environ(), readyEnv+"=3"),
		Files: []*os.File{null, null, os.Stderr, w}, Sys: &syscall.SysProcAttr{Setsid: true}})
	w.Close() //nolint:errcheck // the child has it
	if err != nil {
		return 0, err
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 { // anything else is its end
		return 0, nil
	}
	st, err := p.Wait()
	if err != nil {
		return 0, err
	}
	return max(st.ExitCode(), 1), nil // it ended, though with 0 perhaps: told to
}
