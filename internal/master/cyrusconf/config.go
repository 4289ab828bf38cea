package cyrusconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cron"
)

// keys are those that each section knows.
var keys = map[string]string{
	"START":    " cmd ",
	"SERVICES": " cmd listen proto prefork maxchild maxforkrate babysit maxfds silence maxmemory ",
	"EVENTS":   " cmd period at cron ",
	"DAEMON":   " cmd maxfds maxforkrate wait ",
}

// Finder finds the executable for the first word of a cmd that is no absolute path.
type Finder func(word string) string

// Dirs looks into directories in turn, never into $PATH; what is in none of them is said to be in the last.
func Dirs(dirs ...string) Finder {
	return func(word string) string {
		path := word
		for _, d := range dirs {
			path = d + "/" + word
			if executable(path) {
				return path
			}
		}
		return path
	}
}

func executable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o100 != 0
}

// Config is what a master is to do by the file, with warnings about what is odd in it. find may be nil: words as they
// are.
func (f *File) Config(find Finder) (master.Config, []Warning, error) {
	b := &builder{find: find, warnings: f.Warnings}
	if find == nil {
		b.find = func(word string) string { return word }
	}
	names := map[string]bool{}
	for _, e := range f.Start {
		b.c.Start = append(b.c.Start, b.event("START", e))
	}
	for _, e := range f.Services {
		b.unique(names, e)
		b.c.Services = append(b.c.Services, b.service(e))
	}
	for _, e := range f.Daemon {
		b.unique(names, e)
		b.c.Services = append(b.c.Services, b.daemon(e))
	}
	for _, e := range f.Events {
		b.c.Events = append(b.c.Events, b.schedule(e))
	}
	return b.c, b.warnings, b.err
}

// builder keeps the first error.
type builder struct {
	find     Finder
	c        master.Config
	warnings []Warning
	err      error
}

func (b *builder) fail(at Pos, format string, args ...any) {
	if b.err == nil {
		b.err = &Error{at, fmt.Sprintf(format, args...)}
	}
}

func (b *builder) warn(at Pos, format string, args ...any) {
	b.warnings = append(b.warnings, Warning{at, fmt.Sprintf(format, args...)})
}

func (b *builder) unique(names map[string]bool, e Entry) {
	if names[e.Name] {
		b.fail(e.Pos, "multiple entries for service '%s'", e.Name)
	}
	names[e.Name] = true
}

// known warns of keys that the section does not have.
func (b *builder) known(section string, e Entry) {
	for _, key := range e.Keys {
		if !strings.Contains(keys[section], " "+key+" ") {
			b.warn(e.Args[key].Pos, "unknown key %q in %s; ignored", key, section)
		}
	}
}

// command splits cmd on blanks: no quoting, no shell.
func (b *builder) command(e Entry, kind, missing string) (argv []string, path string) {
	cmd := e.Args["cmd"]
	argv = strings.FieldsFunc(cmd.Value, func(r rune) bool { return r < 0x80 && isBlank(byte(r)) })
	if len(argv) == 0 {
		b.fail(e.Pos, missing, e.Name)
		return nil, ""
	}
	path = argv[0]
	if !strings.HasPrefix(path, "/") {
		path = b.find(path)
	}
	if strings.ContainsAny(cmd.Value, `'\$|;&<>`) {
		b.warn(cmd.Pos, "cmd is not read by a shell")
	}
	if !executable(path) {
		b.fail(cmd.Pos, "cannot find executable for %s '%s': %s", kind, e.Name, path)
	}
	return argv, path
}

func (b *builder) event(section string, e Entry) master.Event {
	b.known(section, e)
	kind, missing := "event", "unable to find command or port for event '%s'"
	if section == "START" {
		kind, missing = "startup", "unable to find command for %s"
	}
	argv, path := b.command(e, kind, missing)
	return master.Event{Name: e.Name, Where: e.Pos.String(), Argv: argv, Path: path}
}

// forever is the period of an event that has none: it runs once.
const forever = 100 * 365 * 24 * time.Hour

// schedule: cron before at before period, as in Cyrus.
func (b *builder) schedule(e Entry) master.Event {
	ev := b.event("EVENTS", e)
	given := ""
	for _, key := range []string{"cron", "at", "period"} {
		a, ok := e.Args[key]
		switch {
		case !ok:
		case given != "":
			b.warn(a.Pos, "%s= is ignored beside %s=", key, given)
		default:
			given = key
		}
	}
	switch given {
	case "cron":
		ev.Times = b.cron(e.Args["cron"])
	case "at":
		ev.Times = b.daily(e.Args["at"])
	default:
		ev.Period = b.period(e)
	}
	if ev.Times != nil {
		if _, ever := ev.Times.Next(time.Time{}); !ever {
			b.warn(e.Args[given].Pos, "event '%s' never runs: no day has such a time", e.Name)
		}
	}
	return ev
}

func (b *builder) cron(a Arg) *cron.Spec {
	s, err := cron.Parse(a.Value)
	var bad *cron.Error
	if errors.As(err, &bad) {
		at := a.ValueAt
		at.Col += bad.Col - 1
		b.fail(at, "unable to parse cron spec '%s': %s", a.Value, bad.Msg)
	}
	return s
}

// daily reads at=hhmm.
func (b *builder) daily(a Arg) *cron.Spec {
	n, err := strconv.ParseUint(a.Value, 10, 16)
	if err != nil || len(a.Value) > 4 || n/100 > 23 || n%100 > 59 {
		b.fail(a.ValueAt, "invalid at=hhmm specification '%s'", a.Value)
		return nil
	}
	if len(a.Value) < 4 {
		b.warn(a.ValueAt, "at=%s is taken for %02d:%02d", a.Value, n/100, n%100)
	}
	return cron.Daily(int(n/100), int(n%100))
}

func (b *builder) period(e Entry) time.Duration {
	n := b.number(e, "period", 0)
	if n < 0 {
		b.fail(e.Args["period"].Pos, "period=%d is negative", n)
	}
	if n == 0 {
		b.warn(e.Pos, "event '%s' has no period: it runs once", e.Name)
		return forever
	}
	return time.Duration(min(n, int(forever/time.Minute))) * time.Minute
}

func (b *builder) service(e Entry) master.Service {
	b.known("SERVICES", e)
	missing := "unable to find command or port for service '%s'"
	argv, path := b.command(e, "service", missing)
	listen := e.Args["listen"]
	s := master.Service{Name: e.Name, Where: e.Pos.String(), Argv: argv, Path: path, Listen: []string{listen.Value},
		Proto: e.Args["proto"].Value, Prefork: b.natural(e, "prefork"),
		MaxForkRate: b.natural(e, "maxforkrate"), MaxFDs: b.natural(e, "maxfds"),
		MaxChild: max(b.number(e, "maxchild", -1), 0), Babysit: b.toggle(e, "babysit"),
		Silence: time.Duration(b.natural(e, "silence")) * time.Second, MaxMemory: int64(b.natural(e, "maxmemory")) << 20}
	s.Life = s.Silence / 6
	if a, ok := e.Args["maxchild"]; ok && s.MaxChild == 0 && !strings.HasPrefix(a.Value, "-") {
		b.warn(a.Pos, "maxchild=%s would mean that no worker is ever started; taken for no bound", a.Value)
	}
	if listen.Value == "" {
		b.fail(e.Pos, missing, e.Name)
	} else if err := master.CheckListen(&s); err != nil {
		at := listen.Pos
		if errors.Is(err, master.ErrProto) {
			at = e.Args["proto"].Pos
		}
		b.fail(at, "service '%s': %v", e.Name, err)
	}
	return s
}

func (b *builder) daemon(e Entry) master.Service {
	b.known("DAEMON", e)
	argv, path := b.command(e, "daemon", "unable to find command or port for service '%s'")
	return master.Service{Name: e.Name, Where: e.Pos.String(), Argv: argv, Path: path, Daemon: true,
		Wait: b.toggle(e, "wait"), MaxFDs: b.natural(e, "maxfds"), MaxForkRate: b.natural(e, "maxforkrate")}
}

// natural is a number that means "none" when it is negative.
func (b *builder) natural(e Entry, key string) int { return max(b.number(e, key, 0), 0) }

// number reads an integer as Cyrus does: the digits at the start count.
func (b *builder) number(e Entry, key string, otherwise int) int {
	a, ok := e.Args[key]
	if !ok {
		return otherwise
	}
	v, sign := a.Value, 1
	if strings.HasPrefix(v, "-") {
		v, sign = v[1:], -1
	}
	digits := v
	if k := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' }); k >= 0 {
		digits = v[:k]
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > 1<<30 {
		b.warn(a.Pos, "value '%s' for '%s' does not look like a number", a.Value, key)
		return otherwise
	}
	if digits != v {
		b.warn(a.Pos, "%q after the number is ignored", v[len(digits):])
	}
	return sign * n
}

// toggle reads a switch by its first letters, as Cyrus does.
func (b *builder) toggle(e Entry, key string) bool {
	a, ok := e.Args[key]
	switch v := a.Value; {
	case !ok:
	case strings.HasPrefix(v, "1"), strings.HasPrefix(v, "y"), strings.HasPrefix(v, "on"), strings.HasPrefix(v, "t"):
		return true
	case strings.HasPrefix(v, "0"), strings.HasPrefix(v, "n"), strings.HasPrefix(v, "of"), strings.HasPrefix(v, "f"):
	default:
		b.warn(a.Pos, "value '%s' for '%s' is not a switch", v, key)
	}
	return false
}

// Load reads and checks a cyrus.conf file.
func Load(name string, find Finder) (master.Config, []Warning, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return master.Config{}, nil, fmt.Errorf("can't open configuration file %s: %w", name, err)
	}
	f, err := Parse(name, string(text))
	if err != nil {
		return master.Config{}, nil, err
	}
	return f.Config(find)
}
