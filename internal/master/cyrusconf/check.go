package cyrusconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Finding is a fault or a warning. Line is 0 if it concerns a whole file.
type Finding struct {
	Pos
	Level   string `json:"level"` // "error": the master does not start, or not reload; "warning"
	Message string `json:"message"`
}

func (f Finding) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Level + ": " + f.Message
	}
	return f.Pos.String() + ": " + f.Level + ": " + f.Message
}

// Check lists all that is wrong or odd in a cyrus.conf and in the imapd.conf of the options, each by its places.
func Check(name string, o Options) []Finding {
	_, warnings, err := Load(name, o)
	list := []Finding{}
	for _, w := range warnings {
		list = append(list, Finding{w.Pos, "warning", w.Msg})
	}
	var faults Faults
	if errors.As(err, &faults) {
		for _, e := range faults {
			list = append(list, Finding{e.Pos, "error", e.Msg})
		}
	} else if err != nil {
		list = append(list, Finding{Pos{File: name}, "error", "can't open configuration file: " + errors.Unwrap(err).Error()})
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return a.compare(b.Pos) })
	return append(list, checkImapd(o.ImapdConf)...)
}

// imapdOptions are the options that a master reads, and what their values must be.
var imapdOptions = map[string]func(string) string{
	"configdirectory": isAbsolute, "syslog_prefix": isAny, "cyrus_user": isAny, "cyrus_group": isAny,
	"debug": isSwitch, "master_bind_errors_fatal": isSwitch, "prometheus_enabled": isSwitch, "qosmarking": isMarking,
	"master_pid_file": isAbsolute, "master_ready_file": isAbsolute, "proc_path": isAbsolute,
	"prometheus_stats_dir": isAbsolute,
}

func isAny(string) string { return "" }

func isAbsolute(v string) string {
	v = strings.Replace(v, "{configdirectory}", "/var/lib/cyrus", 1) // whatever it is: it has a line of its own
	if !strings.HasPrefix(v, "/") || v == "/" {
		return "is no absolute path"
	}
	return ""
}

func isSwitch(v string) string {
	switch strings.ToLower(v) {
	case "1", "y", "yes", "t", "true", "on", "0", "n", "no", "f", "false", "off":
		return ""
	}
	return "is neither yes nor no: taken for no"
}

func isMarking(v string) string {
	if (Imapd{"qosmarking": v}).TOS() == 0 && !strings.EqualFold(v, "cs0") {
		return "is none of cs0..cs7, af11..af43, ef; ignored"
	}
	return ""
}

// checkImapd warns of what is odd in those options of an imapd.conf that a master reads.
func checkImapd(name string) (list []Finding) {
	text, err := os.ReadFile(name)
	switch {
	case name == "":
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{{Pos{File: name}, "warning", "does not exist: the defaults count"}}
	case err != nil:
		return []Finding{{Pos{File: name}, "error", reason(err).Error()}}
	}
	seen := map[string]int{}
	at := 0
	for line := range strings.Lines(string(text)) {
		at++
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		right := imapdOptions[key]
		if !ok || right == nil {
			continue
		}
		pos := Pos{name, at, strings.Index(strings.ToLower(line), key) + 1}
		if fault := right(value); fault != "" {
			list = append(list, Finding{pos, "warning", fmt.Sprintf("%s: '%s' %s", key, value, fault)})
		}
		if seen[key] != 0 {
			list = append(list, Finding{pos, "warning", fmt.Sprintf("%s again: this one counts, not that of line %d", key,
				seen[key])})
		}
		seen[key] = at
	}
	return list
}
