package main

import (
	"log/slog"
	"os"
	"strconv"
	"syscall"

	"github.com/constance-mail/constance/internal/master"
)

// streams is where the services' standard output and error go; nil = /dev/null.
func (f *masterFlags) streams() (*os.File, error) {
	switch {
	case f.output != "":
		out, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o666)
		if err != nil {
			return nil, &master.Error{Code: master.ExitOS, Err: err}
		}
		return out, nil
	case f.keep:
		return os.Stderr, nil
	}
	return nil, nil
}

func tellReady(file string, log *slog.Logger) {
	if file != "" {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			log.Error("can't create ready file", "err", err)
		}
	}
	if fd, err := strconv.Atoi(os.Getenv(readyEnv)); err == nil {
		w := os.NewFile(uintptr(fd), "ready")
		w.Write([]byte{'\n'}) //nolint:errcheck // a parent that went away is none of our business
		w.Close()             //nolint:errcheck // as before
		os.Unsetenv(readyEnv) //nolint:errcheck // not for the services
	}
}

func changeDir(dir string) {
	if dir != "" && os.Chdir(dir+"/cores") != nil {
		os.Chdir(dir) //nolint:errcheck // only for core files
	}
}

// readyEnv names the descriptor on which a master in the background reports that it is ready.
const readyEnv = "CONSTANCE_MASTER_READY"

// background starts this program again in a session of its own and waits until it is ready or has failed.
func background() error {
	self, err := os.Executable()
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Env: append(os.Environ(), readyEnv+"=3"),
		Files: []*os.File{null, null, os.Stderr, w}, Sys: &syscall.SysProcAttr{Setsid: true}})
	w.Close() //nolint:errcheck // the child has it
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 { // anything else is its end
		return nil
	}
	st, err := p.Wait()
	if err != nil {
		return &master.Error{Code: master.ExitOS, Err: err}
	}
	return quietError(max(st.ExitCode(), 1)) // it has said why
}
