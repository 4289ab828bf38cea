package cyrusconf

import (
	"strconv"
	"strings"
	"unicode"
)

// Imapd is the options of an imapd.conf by their names in lower case.
type Imapd map[string]string

// ParseImapd reads "name: value" lines; the last of a name counts.
func ParseImapd(text string) Imapd {
	opts := Imapd{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, ":")
		if ok && line[0] != '#' && strings.IndexFunc(name, unicode.IsSpace) < 0 {
			opts[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
	return opts
}

// Switch reads a yes or no.
func (o Imapd) Switch(name string) bool {
	switch strings.ToLower(o[name]) {
	case "1", "y", "yes", "t", "true", "on":
		return true
	}
	return false
}

// TOS is qosmarking as an IP type of service, 0 for none: the six bits of a code point stand above the two of ECN.
func (o Imapd) TOS() int {
	v := strings.ToLower(o["qosmarking"])
	if v == "ef" {
		return 46 << 2
	}
	if len(v) < 3 {
		return 0
	}
	n, err := strconv.Atoi(v[2:])
	switch {
	case err != nil || n < 0:
		return 0
	case v[:2] == "cs" && n <= 7:
		return n << 5
	case v[:2] == "af" && n/10 >= 1 && n/10 <= 4 && n%10 >= 1 && n%10 <= 3:
		return (8*(n/10) + 2*(n%10)) << 2
	}
	return 0
}
