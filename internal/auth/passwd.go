package auth

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxPasswdLine is how many octets a line of a passwd-file can have.
const maxPasswdLine = 16 << 10

// LineError is what is wrong with a line of a passwd-file and what to do about it.
type LineError struct {
	Line int // from 1; 0 if it is not known
	Err  error
	Hint string // may be empty
}

func (e *LineError) Error() string {
	s := e.Err.Error()
	if e.Line > 0 {
		s = "line " + strconv.Itoa(e.Line) + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap is the cause, of kind Invalid or Corrupt.
func (e *LineError) Unwrap() error { return e.Err }

// ReadPasswdFile reads lines as ParseLine does and yields the user of each, with the number of its line;
// empty lines and those that begin with # are passed over. The first error ends it: a *LineError, that of
// yield or of r.
func ReadPasswdFile(r io.Reader, yield func(line int, u User) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxPasswdLine)
	n := 0
	for sc.Scan() {
		n++
		line := sc.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if t := bytes.TrimSpace(line); len(t) == 0 || t[0] == '#' {
			continue
		}
		u, err := ParseLine(string(line))
		if err != nil {
			var le *LineError
			if errors.As(err, &le) {
				le.Line = n
			}
			return err
		}
		if err := yield(n, u); err != nil {
			return err
		}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return &LineError{Line: n + 1, Err: invalid("passwd-file", "", err), Hint: "a line has at most 16384 octets"}
	}
	return sc.Err()
}

// ParseLine reads "login:{SCHEME}hash" or "login:{SCHEME}hash:whatever else a passwd-file holds", with or
// without a line end. A hash without a scheme must begin with $ and is {CRYPT}. A colon always ends the hash:
// a plain password that has one is written as {PLAIN.B64}. An empty hash lets nobody in. Errors are
// *LineError.
func ParseLine(line string) (User, error) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if len(line) > maxPasswdLine {
		err := invalid("passwd-file", "", badHash("is too long"))
		return User{}, &LineError{Err: err, Hint: "a line has at most 16384 octets"}
	}
	name, rest, ok := strings.Cut(line, ":")
	if strings.ContainsAny(rest, "\r\n") { // which base64 would skip
		err := invalid("passwd-file", "", badHash("has a line break in it"))
		return User{}, &LineError{Err: err, Hint: "each user has a line"}
	}
	if !ok {
		err := invalid("passwd-file", "", loginError("is not followed by a colon"))
		return User{}, &LineError{Err: err, Hint: "write login:{SCHEME}hash"}
	}
	login, err := CleanLogin(name)
	if err != nil {
		return User{}, &LineError{Err: err, Hint: "write login:{SCHEME}hash"}
	}
	hash, _, _ := strings.Cut(rest, ":")
	if hash == "" {
		return User{Login: login}, nil
	}
	if hash[0] == '$' {
		hash = "{CRYPT}" + hash
	}
	if err := CheckHash(hash); err != nil {
		return User{}, &LineError{Err: err, Hint: hashHint(hash)}
	}
	return User{Login: login, Hash: hash}, nil
}

func hashHint(hash string) string {
	if hash[0] != '{' {
		return "write the scheme first, as in {SHA512-CRYPT}$6$..., or {PLAIN} before a password that is not hashed"
	}
	return "schemes: " + strings.Join(Schemes(), ", ") + ", SHA, SHA256, SHA512, CRYPT"
}
