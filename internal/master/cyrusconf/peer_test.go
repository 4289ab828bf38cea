package cyrusconf

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cyrusMaster is Debian's, of package cyrus-common.
const cyrusMaster = "/usr/lib/cyrus/bin/master"

// refused are the cases that Cyrus's master 3.6.1 accepts and ours does not.
// A listen that Cyrus's master misreads, and what makes it leave out a service, is a fault (P35); so are a program of
// START that would end the start, and a period that would make a storm.
var refused = []string{"listen: 127.0.0.1", "listen: [127.0.0.1]", "listen: ::1", "listen: 99999", "listen: -1",
	"listen: host:", "listen: 127.0.0.1:", "listen: :143", "listen: nosuchservicename", "listen: 127.0.0.1:99999",
	"listen: /{x*107}", "listen: 2001:db8::7", "listen: [::1]", "proto: TCP", "proto: sctp", "proto: ",
	"proto: tcp4 for a Unix socket", "events: period negative", "events: at=2500", "events: at=0360",
	"events: at=4:30", "events: a fault in cron",
	"start: no such program",

	"broken/address-without-port.conf", "broken/bad-at.conf", "broken/bad-cron.conf", "broken/bad-proto-of-path.conf",
	"broken/bad-proto.conf", "broken/long-path.conf", "broken/many-faults.conf", "broken/negative-period.conf",
	"broken/no-host.conf", "broken/no-port.conf", "broken/no-program-of-start.conf", "broken/port-too-high.conf",
	"broken/unknown-port.conf"}

// accepted are those the other way round: a line is not cut within its comment.
var accepted = []string{"a long comment"}

// cyrusAccepts runs Cyrus's master with a file, without a network, until it has refused it or is past reading it: then
// it catches SIGTERM.
func cyrusAccepts(t *testing.T, text string) bool {
	t.Helper()
	dir := t.TempDir()
	conf, imapd := filepath.Join(dir, "cyrus.conf"), filepath.Join(dir, "imapd.conf")
	for name, content := range map[string]string{conf: text, imapd: "configdirectory: " + dir + "\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(cyrusMaster, "-C", imapd, "-M", conf, "-p", filepath.Join(dir, "pid"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case err := <-ended:
			var e *exec.ExitError
			if !errors.As(err, &e) || e.ExitCode() != 78 && e.ExitCode() != 1 {
				t.Errorf("Cyrus's master ends otherwise: %v", err)
			}
			return e != nil && e.ExitCode() == 1 // a command of START failed
		case <-deadline:
			t.Fatal("Cyrus's master neither reads the file nor ends")
		case <-time.After(time.Millisecond):
		}
		if catches(cmd.Process.Pid, syscall.SIGTERM) {
			cmd.Process.Kill()
			<-ended
			return true
		}
	}
}

func catches(pid int, sig syscall.Signal) bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, rest, _ := strings.Cut(string(status), "SigCgt:\t")
	hex, _, _ := strings.Cut(rest, "\n")
	mask, _ := strconv.ParseUint(hex, 16, 64)
	return mask>>(sig-1)&1 == 1
}

// P34: each case of testdata/verdicts.txt is accepted or refused as by Cyrus's own master, but for those named above.
func TestP34_AsCyrus(t *testing.T) {
	if _, err := os.Stat(cyrusMaster); err != nil || os.Geteuid() != 0 {
		if os.Getenv("CONSTANCE_REQUIRE_PEERS") == "1" && err != nil {
			t.Fatal("cyrus-common is not installed")
		}
		t.Skip("needs Debian's cyrus-common, and root to run it apart")
	}
	seen := map[string]bool{}
	list := readVerdicts(t)
	for _, name := range goldens(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, verdict{name: strings.TrimPrefix(name, "testdata/"), text: string(text)})
	}
	for _, c := range list {
		// Every program is there for Cyrus's master too, but those that are not to be.
		text := programs.ReplaceAllStringFunc(expand(c.text), func(cmd string) string {
			word := programs.FindStringSubmatch(cmd)
			if slices.Contains([]string{"missing", "nosuchprogram"}, word[2]) {
				return cmd
			}
			return word[1] + "/bin/true"
		})
		_, _, err := Parse("c", text).Config(Options{Find: Dirs("/usr/lib/cyrus/bin")})
		theirs := cyrusAccepts(t, text)
		seen[c.name] = true
		want := theirs && !slices.Contains(refused, c.name) || slices.Contains(accepted, c.name)
		if (err == nil) != want || theirs == slices.Contains(accepted, c.name) && want {
			t.Errorf("%s: accepted by Cyrus: %v; ours: %v\n%.300s", c.name, theirs, err, text)
		}
	}
	for _, name := range slices.Concat(refused, accepted) {
		if !seen[name] {
			t.Errorf("no case %q", name)
		}
	}
}

// programs is the first word of a cmd.
var programs = regexp.MustCompile(`(cmd="?)(/?[a-z][a-z_0-9/]*)`)
