package cyrusconf

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"
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

// Path is an option that names a file. {configdirectory} in it stands for that option's value.
func (o Imapd) Path(name string) string {
	return strings.ReplaceAll(o[name], "{configdirectory}", o["configdirectory"])
}

// ProcDir is where processes say what they do, "" for nowhere: proc_path if that is a directory that can be meant, else
// below configdirectory.
func (o Imapd) ProcDir() string {
	if dir := o.Path("proc_path"); filepath.IsAbs(dir) && filepath.Clean(dir) != "/" {
		return filepath.Clean(dir)
	}
	return o.below("proc")
}

// ReportFile is the Prometheus report of the master, "" for none.
func (o Imapd) ReportFile() string {
	switch dir := o.Path("prometheus_stats_dir"); {
	case !o.Switch("prometheus_enabled"):
		return ""
	case filepath.IsAbs(dir):
		return filepath.Join(dir, "master.txt")
	}
	return o.below("stats/master.txt")
}

// ReportEvery is how often the report is written.
func (o Imapd) ReportEvery() time.Duration {
	for _, name := range []string{"prometheus_master_update_freq", "prometheus_service_update_freq", "prometheus_update_freq"} {
		if d := o.Duration(name); d > 0 {
			return d
		}
	}
	return 10 * time.Second
}

// below is a file in configdirectory, "" if there is none.
func (o Imapd) below(name string) string {
	if dir := o["configdirectory"]; dir != "" {
		return filepath.Join(dir, name)
	}
	return ""
}

// Duration reads numbers with units, 1d2h3m4s; one without is of seconds. 0 if it is not set or none.
func (o Imapd) Duration(name string) (d time.Duration) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	n := time.Duration(0)
	v := o[name]
	for k := range len(v) {
		c := v[k]
		switch unit := units[c]; {
		case c >= '0' && c <= '9' && n < 1<<30:
			n = 10*n + time.Duration(c-'0')
		case unit != 0:
			d, n = d+n*unit, 0
		default:
			return 0
		}
	}
	return d + n*time.Second
}
