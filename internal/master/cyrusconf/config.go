package cyrusconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/constance-mail/constance/internal/master"
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

// Options are what the meaning of a cyrus.conf depends on, outside of it.
type Options struct {
	Find      Finder // nil: words as they are
	ImapdConf string // the master's own, to warn of services that read another one; may be empty

	Executable func(path string) bool // nil: the file system is asked
}

// Config is what a master is to do by the file, with warnings about what is odd in it, all by their places. An error is
// of type Faults.
func (f *File) Config(o Options) (master.Config, []Warning, error) {
	b := &builder{Options: o, warnings: slices.Clone(f.Warnings), faults: slices.Clone(f.Faults)}
	if b.Find == nil {
		b.Find = func(word string) string { return word }
	}
	if b.Executable == nil {
		b.Executable = executable
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
	b.addresses(f.Services)
	b.others()
	slices.SortStableFunc(b.warnings, func(a, b Warning) int { return a.Pos.compare(b.Pos) })
	return b.c, b.warnings, b.faults.err()
}

// builder makes a configuration of a file.
type builder struct {
	Options
	c        master.Config
	warnings []Warning
	faults   Faults

	without      int // commands that read the default imapd.conf while the master does not
	firstWithout Arg
}

func (b *builder) fail(at Pos, format string, args ...any) {
	b.faults = append(b.faults, &Error{at, fmt.Sprintf(format, args...)})
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
		if key != "" && !strings.Contains(keys[section], " "+key+" ") {
			b.warn(e.Args[key].Pos, "unknown key %q in %s; ignored", key, section)
		}
	}
}

// command splits cmd on blanks: no quoting, no shell. A program that is not there is a fault of all but events, which
// Cyrus's master finds out when their time has come.
func (b *builder) command(e Entry, kind, missing string) (argv []string, path string) {
	cmd := e.Args["cmd"]
	argv = strings.FieldsFunc(cmd.Value, func(r rune) bool { return r < 0x80 && isBlank(byte(r)) })
	if len(argv) == 0 {
		b.fail(e.Pos, missing, e.Name)
		return nil, ""
	}
	path = argv[0]
	if !strings.HasPrefix(path, "/") {
		path = b.Find(path)
	}
	b.otherOptions(cmd, argv)
	if strings.ContainsAny(cmd.Value, `'\$|;&<>`) {
		b.warn(cmd.Pos, "cmd is not read by a shell")
	}
	switch {
	case b.Executable(path):
	case kind == "event":
		b.warn(cmd.ValueAt, "cannot find executable for event '%s': %s", e.Name, path)
	default:
		b.fail(cmd.ValueAt, "cannot find executable for %s '%s': %s", kind, e.Name, path)
	}
	return argv, path
}

// otherOptions warns of a program that reads another imapd.conf than the master: its -C is not passed on.
func (b *builder) otherOptions(cmd Arg, argv []string) {
	if b.ImapdConf == "" {
		return
	}
	for k, word := range argv {
		name, ok := strings.CutPrefix(word, "-C")
		if ok && name == "" && k+1 < len(argv) {
			name = argv[k+1]
		}
		if ok && name != "" {
			if name != b.ImapdConf {
				b.warn(cmd.ValueAt, "%s reads %s, but the master %s", argv[0], name, b.ImapdConf)
			}
			return
		}
	}
	if !strings.HasPrefix(argv[0], "/") && argv[0] != "constance" && b.ImapdConf != defaultImapdConf {
		if b.without == 0 {
			b.firstWithout = cmd
		}
		b.without++
	}
}

// others is one warning for all programs that read the default imapd.conf while the master does not.
func (b *builder) others() {
	if b.without > 0 {
		b.warn(b.firstWithout.ValueAt, "the master reads %s, but this program reads %s without -C (and so do %d others)",
			b.ImapdConf, defaultImapdConf, b.without-1)
	}
}

const defaultImapdConf = "/etc/imapd.conf"

func (b *builder) event(section string, e Entry) master.Event {
	b.known(section, e)
	kind, missing := "event", "unable to find command or port for event '%s'"
	if section == "START" {
		kind, missing = "startup", "unable to find command for %s"
	}
	argv, path := b.command(e, kind, missing)
	return master.Event{Name: e.Name, Where: e.Pos.String(), Argv: argv, Path: path}
}

func (b *builder) service(e Entry) master.Service {
	b.known("SERVICES", e)
	argv, path := b.command(e, "service", missingPort)
	s := master.Service{Name: e.Name, Where: e.Pos.String(), Argv: argv, Path: path,
		Listen: []string{e.Args["listen"].Value}, Proto: e.Args["proto"].Value, Prefork: b.natural(e, "prefork"),
		MaxForkRate: b.natural(e, "maxforkrate"), MaxFDs: b.natural(e, "maxfds"),
		MaxChild: max(b.number(e, "maxchild", -1), 0), Babysit: b.toggle(e, "babysit"),
		Silence: time.Duration(b.natural(e, "silence")) * time.Second, MaxMemory: int64(b.natural(e, "maxmemory")) << 20}
	s.Life = s.Silence / 6
	b.listen(e, &s)
	b.workers(e, &s)
	return s
}

const missingPort = "unable to find command or port for service '%s'"

// listen: what Cyrus's master misreads, and what makes it leave out a service, is a fault.
func (b *builder) listen(e Entry, s *master.Service) {
	listen, proto := e.Args["listen"], e.Args["proto"]
	if _, given := e.Args["proto"]; given && proto.Value == "" {
		b.fail(proto.ValueAt, "service '%s': invalid proto ''", e.Name)
	}
	if listen.Value == "" {
		if len(s.Argv) > 0 { // else it was told
			b.fail(e.Pos, missingPort, e.Name)
		}
		return
	}
	if err := master.CheckListen(s); err != nil {
		at := listen.ValueAt
		if errors.Is(err, master.ErrProto) {
			at = proto.ValueAt
		}
		b.fail(at, "service '%s': %v", e.Name, err)
	}
}

// workers warns of numbers that do not go together.
func (b *builder) workers(e Entry, s *master.Service) {
	maxchild, bounded := e.Args["maxchild"]
	datagrams := strings.HasPrefix(s.Proto, "udp")
	switch {
	case datagrams && (s.Prefork > 1 || s.MaxChild > 1):
		b.warn(e.Pos, "service '%s' takes datagrams: it has one process", e.Name)
	case bounded && s.MaxChild == 0 && !strings.HasPrefix(maxchild.Value, "-"):
		b.warn(maxchild.Pos, "maxchild=%s would mean that no worker is ever started; taken for no bound", maxchild.Value)
	case s.MaxChild > 0 && s.Prefork > s.MaxChild:
		b.warn(e.Args["prefork"].Pos, "prefork=%d is more than maxchild=%d, which is the bound here (Cyrus's master "+
			"starts %d)", s.Prefork, s.MaxChild, s.Prefork)
	}
}

// addresses warns of services that listen where another does: they cannot, and the master goes on without them.
func (b *builder) addresses(services []Entry) {
	seen := map[string]string{}
	for _, e := range services {
		listen := e.Args["listen"]
		key := e.Args["proto"].Value + " " + listen.Value
		if other, taken := seen[key]; taken && listen.Value != "" && other != e.Name {
			b.warn(listen.ValueAt, "service '%s' listens there already: this one cannot", other)
			continue
		}
		seen[key] = e.Name
	}
}

func (b *builder) daemon(e Entry) master.Service {
	b.known("DAEMON", e)
	argv, path := b.command(e, "daemon", missingPort)
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

// Load reads and checks a cyrus.conf file. An error is of type Faults, or says why the file cannot be read.
func Load(name string, o Options) (master.Config, []Warning, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return master.Config{}, nil, fmt.Errorf("can't open configuration file %s: %w", name, reason(err))
	}
	return Parse(name, string(text)).Config(o)
}

// reason is an error without the name of the file.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
