package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/service"
)

// The exit codes; 75 and 78 are those of sysexits.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitLater  = 75
	exitConfig = 78
)

// usageError is a wrong command line.
type usageError struct {
	text, command string
	hint          string
}

func (e *usageError) Error() string { return e.text }

// hintError is an error and what the reader can do about it.
type hintError struct {
	err  error
	hint string
	code int // exit code, 0 to find it from err
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// hinted is err with a hint.
func hinted(err error, hint string) error { return &hintError{err: err, hint: hint} }

// quietError ends with an exit code; what is to say was said.
type quietError int

func (e quietError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// report prints an error and its hint and returns the exit code.
func (p *program) report(err error) int {
	code, hint := classify(err)
	var quiet quietError
	if errors.As(err, &quiet) {
		return int(quiet)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") { // several errors are joined by line ends
		fmt.Fprintf(p.stderr, "constance: %s\n", line)
	}
	if hint != "" {
		fmt.Fprintf(p.stderr, "constance: hint: %s\n", hint)
	}
	return code
}

// classify is the exit code and the hint of an error.
func classify(err error) (code int, hint string) {
	var usage *usageError
	var conf *config.Error
	var line *auth.LineError
	var serv *service.Error
	var h *hintError
	switch {
	case errors.As(err, &h):
		if code = h.code; code == 0 {
			code, _ = classify(h.err)
		}
		return code, h.hint
	case errors.As(err, &usage):
		if usage.hint == "" {
			usage.hint = "see \"" + usage.command + " --help\""
		}
		return exitUsage, usage.hint
	case errors.As(err, &conf):
		return exitConfig, conf.Hint
	case errors.As(err, &serv):
		return serv.Code, ""
	case errors.As(err, &line):
		return exitFailed, line.Hint
	case mail.KindOf(err) == mail.Unavailable:
		return exitLater, ""
	}
	return exitFailed, ""
}
