package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/store/sqlite"
)

// writers are the writers of accounts in this process.
func (w *worker) writers() (out []admin.Writer) {
	s, ok := w.store.(interface{ Writers() []sqlite.Writer })
	if !ok {
		return nil
	}
	for _, i := range s.Writers() {
		out = append(out, admin.Writer{Account: string(i.Account), Op: i.Op, Since: i.Since, Holds: i.Holds, Waiting: i.Waiting,
			Lock: i.Lock})
	}
	return out
}

// lockHolder is the process that holds the flock of a file, by the kernel's word: 0 if none does, or one that this
// process cannot see.
func lockHolder(path string) int {
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Stat(path, &st) != nil {
		return 0
	}
	return holderOf(locks, fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino))
}

// holderOf finds the flock of a file in what /proc/locks says: "3: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF". Those
// who wait have "->" behind the number.
func holderOf(locks []byte, file string) int {
	lines := bufio.NewScanner(bytes.NewReader(locks))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != file {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}
