package master

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// procFiles keeps the directory in which every process of the mail system says what it does: a file for each, named by
// its process id, which Cyrus's tools list and count sessions by. Services write their own; the master writes those of
// daemons and events, and removes all when their process has ended, however it did. The disk is written to by a
// goroutine of its own: the loop only leaves word.
type procFiles struct {
	dir  string // "" = none are kept
	log  *slog.Logger
	wake chan struct{}

	mu    sync.Mutex
	todo  map[int]procTask // by process id; the last word counts
	sweep bool             // more was to do than could be remembered: look at the directory
}

// procTask is what to do for one process id.
type procTask struct {
	name string    // to be written; "" = remove
	at   time.Time // when the process ended
}

// procTasksMax bounds what waits for a disk that hangs.
const procTasksMax = 1 << 14

func newProcFiles(dir string, log *slog.Logger) *procFiles {
	return &procFiles{dir: dir, log: log, wake: make(chan struct{}, 1), todo: map[int]procTask{}}
}

// begins: a process of this name runs.
func (p *procFiles) begins(pid int, name string) { p.leave(pid, procTask{name: name}) }

// ends: a process has ended, and was reaped just now or will be.
func (p *procFiles) ends(pid int) { p.leave(pid, procTask{at: time.Now()}) }

func (p *procFiles) leave(pid int, t procTask) {
	if p.dir == "" || pid <= 0 {
		return
	}
	p.mu.Lock()
	if _, known := p.todo[pid]; known || len(p.todo) < procTasksMax {
		p.todo[pid] = t
	} else {
		p.sweep = true
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // woken already
	}
}

// run does what was left until quit, and then what is left.
func (p *procFiles) run(quit <-chan struct{}) {
	for {
		select {
		case <-p.wake:
			p.catchUp()
		case <-quit:
			p.catchUp()
			return
		}
	}
}

func (p *procFiles) catchUp() {
	p.mu.Lock()
	todo, sweep := p.todo, p.sweep
	p.todo, p.sweep = map[int]procTask{}, false
	p.mu.Unlock()
	for pid, t := range todo {
		err := error(nil)
		if t.name != "" {
			err = p.write(pid, t.name)
		} else {
			err = p.remove(pid, t.at)
		}
		if err != nil {
			p.log.Error("IOERROR: proc file", "pid", pid, "err", err)
		}
	}
	if sweep {
		p.clean()
	}
}

func (p *procFiles) path(pid int) string { return filepath.Join(p.dir, strconv.Itoa(pid)) }

// write makes the file of a process that serves nobody: its name and four empty fields.
func (p *procFiles) write(pid int, name string) error {
	fresh := p.path(pid) + ".new"
	const flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC | syscall.O_NOFOLLOW
	f, err := os.OpenFile(fresh, flags, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(p.dir, 0o755); err == nil {
			f, err = os.OpenFile(fresh, flags, 0o644)
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\t\t\t\t\n", name)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, p.path(pid))
}

// remove takes away the file of a process that ended, unless a new process of the same id has written it since.
func (p *procFiles) remove(pid int, ended time.Time) error {
	fi, err := os.Lstat(p.path(pid))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && fi.ModTime().After(ended) && alive(pid) {
		return nil
	}
	return errors.Join(gone(p.path(pid)), gone(p.path(pid)+".new"))
}

// gone removes a file that may not be there.
func gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// clean removes the files of processes that are no more, and of process ids that somebody else's process has by now.
func (p *procFiles) clean() {
	if p.dir == "" {
		return
	}
	list, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Error("IOERROR: proc directory", "err", err)
	}
	for _, e := range list {
		pid, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ".new"))
		if err != nil || pid <= 0 || !e.Type().IsRegular() || !p.stale(e, pid) {
			continue
		}
		if err := gone(filepath.Join(p.dir, e.Name())); err != nil {
			p.log.Error("IOERROR: proc file", "pid", pid, "err", err)
		}
	}
}

// stale: a process writes its file itself, as the user it runs as. So a file that is not owned by the user of the
// process with its id is the file of a dead one.
func (p *procFiles) stale(e fs.DirEntry, pid int) bool {
	if !alive(pid) {
		return true
	}
	var file, process unix.Stat_t
	if unix.Lstat(filepath.Join(p.dir, e.Name()), &file) != nil ||
		unix.Lstat("/proc/"+strconv.Itoa(pid), &process) != nil {
		return false // gone meanwhile, or nothing is known
	}
	return file.Uid != process.Uid && process.Uid != 0 // a process that may not be looked at seems to be root's
}
