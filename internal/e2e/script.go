package e2e

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// script is a parsed script.
type script struct {
	steps []step
	files map[string]string // with CRLF line ends
}

// step is one line: what to do on which connection.
type step struct {
	line int    // in the file
	conn int    // from 1
	op   string // "C:", "C-", "S:", "S~", "S!", ">"
	text string
}

var stepPattern = regexp.MustCompile(`^([CS])(\d?)([:~!|-])(?: (.*))?$`)

// parseScript reads a script. The name is for errors.
func parseScript(name string, data []byte) (*script, error) {
	a := txtar.Parse(data)
	s := &script{files: map[string]string{}}
	for _, f := range a.Files {
		s.files[f.Name] = strings.ReplaceAll(string(f.Data), "\n", "\r\n")
	}
	for i, line := range strings.Split(string(a.Comment), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "> "); ok {
			s.steps = append(s.steps, step{i + 1, 1, ">", rest})
			continue
		}
		m := stepPattern.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("%s:%d: not a step: %s", name, i+1, line)
		}
		conn := 1
		if m[2] != "" {
			conn = int(m[2][0] - '0')
		}
		if m[3] == "|" {
			if n := len(s.steps); n > 0 && s.steps[n-1].conn == conn && s.steps[n-1].op[:1] == m[1] {
				s.steps[n-1].text += "\r\n" + m[4]
				continue
			}
			return nil, fmt.Errorf("%s:%d: continues nothing: %s", name, i+1, line)
		}
		s.steps = append(s.steps, step{i + 1, conn, m[1] + m[3], m[4]})
	}
	return s, nil
}

var (
	repeatPattern = regexp.MustCompile(`<<((?:[0-9a-f]{2})+)(?:\*(\d+))?>>`)
	filePattern   = regexp.MustCompile(`\{([a-z][a-z0-9._-]*)(\+?)\}|<([a-z][a-z0-9._-]*)>`)
	varPattern    = regexp.MustCompile(`\$\{([a-z0-9]+)\}`)
)

// sent is what a C line sends.
func (s *script) sent(text string, vars map[string]string) (string, error) {
	var err error
	text = varPattern.ReplaceAllStringFunc(text, func(m string) string {
		v, ok := vars[m[2:len(m)-1]]
		if !ok {
			err = fmt.Errorf("%s was not captured", m)
		}
		return v
	})
	text = repeatPattern.ReplaceAllStringFunc(text, func(m string) string {
		g := repeatPattern.FindStringSubmatch(m)
		b, _ := hex.DecodeString(g[1]) // the pattern lets only hexadecimal digits through
		n := 1
		if g[2] != "" {
			n, _ = strconv.Atoi(g[2]) // as above
		}
		return strings.Repeat(string(b), n)
	})
	text = filePattern.ReplaceAllStringFunc(text, func(m string) string {
		f, ok := s.files[strings.Trim(m, "{}<>+")]
		switch {
		case !ok:
			err = fmt.Errorf("%s: no such file in the archive", m)
		case m[0] == '<':
			return f
		case strings.HasSuffix(m, "+}"):
			return "{" + strconv.Itoa(len(f)) + "+}\r\n" + f
		}
		return "{" + strconv.Itoa(len(f)) + "}"
	})
	return text, err
}

// pattern is the regular expression of an S line, and the variables it captures.
func (s *script) pattern(text string, vars map[string]string) (*regexp.Regexp, []string, error) {
	var out strings.Builder
	var captures []string
	out.WriteString(`\A`)
	if strings.HasPrefix(text, "* ") {
		out.WriteString(`\* `)
		text = text[2:]
	}
	for text != "" {
		v, f := varPattern.FindStringSubmatch(prefixed(varPattern, text)), prefixed(filePattern, text)
		switch {
		case strings.HasPrefix(text, `\*`):
			out.WriteString(`\\\*`)
			text = text[2:]
		case text[0] == '*':
			out.WriteString(`(?s:.*?)`)
			text = text[1:]
		case v != nil:
			text = text[len(v[0]):]
			if known, ok := vars[v[1]]; ok {
				out.WriteString(regexp.QuoteMeta(known))
				break
			}
			captures = append(captures, v[1])
			out.WriteString(`([^ \[\]()]+)`)
		case f != "" && f[0] == '{':
			octets, ok := s.files[strings.Trim(f, "{}+")]
			if !ok {
				return nil, nil, fmt.Errorf("%s: no such file in the archive", f)
			}
			out.WriteString(regexp.QuoteMeta("{" + strconv.Itoa(len(octets)) + "}\r\n" + octets))
			text = text[len(f):]
		default:
			out.WriteString(regexp.QuoteMeta(text[:1]))
			text = text[1:]
		}
	}
	re, err := regexp.Compile(out.String() + `\z`)
	return re, captures, err
}

// prefixed is what re matches at the start of text, "" if it does not.
func prefixed(re *regexp.Regexp, text string) string {
	if loc := re.FindStringIndex(text); loc != nil && loc[0] == 0 {
		return text[:loc[1]]
	}
	return ""
}

// match tells whether a response is what an S line says, and captures its variables.
func (s *script) match(text, response string, vars map[string]string) (bool, error) {
	re, captures, err := s.pattern(text, vars)
	if err != nil {
		return false, err
	}
	m := re.FindStringSubmatch(response)
	if m == nil {
		return false, nil
	}
	for i, name := range captures {
		vars[name] = m[i+1]
	}
	return true, nil
}
