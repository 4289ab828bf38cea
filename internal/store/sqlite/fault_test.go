package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// deliverWhole appends a message with the digest that it really has.
func deliverWhole(a mail.Account, text string) (mail.Appended, error) {
	ctx := context.Background()
	u, err := a.NewUpload(ctx, -1)
	if err != nil {
		return mail.Appended{}, err
	}
	defer u.Close()
	if _, err := u.Write([]byte(text)); err != nil {
		return mail.Appended{}, err
	}
	d, err := message.Digest(u, u.Size())
	if err != nil {
		return mail.Appended{}, err
	}
	return a.Append(ctx, 1, []mail.NewMessage{{Upload: u, Digest: d}})
}

func verify(t *testing.T, a mail.Account) (problems []string) {
	t.Helper()
	if err := a.Verify(context.Background(), func(p mail.Problem) { problems = append(problems, p.Text) }); err != nil {
		t.Fatal(err)
	}
	return problems
}

const faultDir = "CONSTANCE_FAULT_DIR"

// A full disk, played by a limit on the size of files: what does not fit is Unavailable and changes nothing; when
// there is room again all goes on. In a process of its own, since the limit is the process's.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(faultDir); dir != "" {
		diskFull(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), faultDir+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "refused:") {
		t.Errorf("%v\n%s", err, out)
	}
}

func limitFiles(t *testing.T, octets uint64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = min(octets, l.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
}

func diskFull(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	s := openTest(t, dir, Options{InlineLimit: 30000})
	a := s.Account("alice")
	texts := map[string]string{"inline": strings.Repeat("x", 20000), "segment": strings.Repeat("y", 90000)}
	for name, body := range texts {
		refused := 0
		for i := range 100 {
			text := fmt.Sprintf("Subject: %s %d\r\n\r\n%s", name, i, body)
			if _, err := deliverWhole(a, text); err != nil {
				t.Fatal(err)
			}
			before, err := a.ModSeq(ctx)
			if err != nil {
				t.Fatal(err)
			}
			limitFiles(t, 200_000)
			_, err = deliverWhole(a, text)
			limitFiles(t, 1<<62)
			after, err2 := a.ModSeq(ctx)
			if err2 != nil {
				t.Fatal(err2)
			}
			if err == nil {
				continue
			}
			refused++
			if mail.KindOf(err) != mail.Unavailable || after != before {
				t.Fatalf("ModSeq %d, then %d: %v", before, after, err)
			}
			if refused == 5 {
				t.Logf("refused: %s: %v", name, err)
				break
			}
		}
		if refused == 0 {
			t.Errorf("%s: never refused", name)
		}
	}
	if p := verify(t, a); len(p) > 0 {
		t.Error(p)
	}
}

// Damage is found by Verify, and is Corrupt to who meets it.
func TestDamage(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct{ sql, want string }{
		"page":      {"UPDATE item SET x = x'01' WHERE id >> 56 = 1", "damaged page"},
		"fixed":     {"UPDATE item SET x = zeroblob(200) WHERE id >> 56 = 2", "damaged fixed page"},
		"keys":      {"UPDATE item SET y = x'63' WHERE id >> 56 = 4", "damaged keys"},
		"envelope":  {"UPDATE item SET x = x'28' WHERE id >> 56 = 4", "another envelope"},
		"preview":   {"UPDATE item SET w = x'0178' WHERE id >> 56 = 5", "another preview"},
		"structure": {"DELETE FROM item WHERE id >> 56 = 5", "digest is missing"},
		"body":      {"UPDATE item SET x = zeroblob(length(x)) WHERE id >> 56 = 7", "checksum"},
		"no body":   {"DELETE FROM item WHERE id >> 56 = 7", "body is missing"},
		"content":   {"DELETE FROM item WHERE id = 3 << 56 | 1", "content 1 is missing"},
		"refs":      {"UPDATE item SET n = 2 WHERE id = 3 << 56 | 1", "has 2 references, found 1"},
		"unseen":    {"UPDATE mailbox SET unseen = unseen + 1", "unseen is"},
		"quota":     {"SELECT 1", "quota use"},
		"uidnext":   {"UPDATE mailbox SET uidnext = 1", "UIDNEXT"},
		"modseq":    {"UPDATE account SET modseq = 1", "over the account's"},
		"thread":    {"DELETE FROM item WHERE id >> 56 = 6", "unknown"},
		"segment":   {"UPDATE item SET z = 9 WHERE id >> 56 = 3 AND z > 0", "segment is missing"},
		"record":    {"UPDATE item SET y = 0 WHERE id >> 56 = 3 AND z > 0", "another head"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir(), Options{InlineLimit: 1000})
			a := s.Account("alice").(*account)
			for _, body := range []string{"short", strings.Repeat("long ", 1000)} {
				if _, err := deliverWhole(a, "Message-ID: <a@b>\r\nSubject: x\r\n\r\n"+body); err != nil {
					t.Fatal(err)
				}
			}
			if p := verify(t, a); len(p) > 0 {
				t.Fatal(p)
			}
			err := a.update(ctx, "damage", "", func(tx *tx) error {
				tx.wrote = true
				tx.st.modseq++ // snapshots look again
				if name == "quota" {
					tx.st.usage.Storage++
				}
				return errors.Join(tx.storeState(), tx.c.run(c.sql))
			})
			if err != nil {
				t.Fatal(err)
			}
			if name == "modseq" {
				err = a.update(ctx, "damage", "", func(tx *tx) error { tx.st.modseq, tx.wrote = 1, true; return nil })
			}
			if p := verify(t, a); !strings.Contains(strings.Join(p, "\n"), c.want) {
				t.Errorf("found %q, want %q (%v)", p, c.want, err)
			}
			if name == "page" || name == "fixed" {
				s.snaps = newSnapshots(1 << 20)
				if _, err := a.Snapshot(ctx, 1); mail.KindOf(err) != mail.Corrupt {
					t.Error(err)
				}
			}
		})
	}
}

// A panic in a change of one caller is its error, and no other caller's.
func TestPanicInChange(t *testing.T) {
	s := openTest(t, t.TempDir(), Options{})
	a := s.Account("alice").(*account)
	err := a.update(context.Background(), "test", "", func(*tx) error { panic("bug") })
	if err == nil || !strings.Contains(err.Error(), "bug") || mail.KindOf(err) != mail.Internal {
		t.Error(err)
	}
	deliver(t, a, 1, "text")
}

// More accounts than handles: descriptors stay bounded, and idle accounts are closed.
func TestHandles(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc")
		}
		return len(names)
	}
	s := openTest(t, t.TempDir(), Options{Handles: 3})
	before := count()
	for i := range 60 {
		a := s.Account(mail.AccountID(fmt.Sprintf("user%d", i%20)))
		deliver(t, a, 1, "text")
		if got := count() - before; got > 3*7+7 {
			t.Fatalf("%d descriptors for 3 handles", got)
		}
	}
	s.closeIdle(time.Now().Add(time.Hour).UnixNano())
	if got := count() - before; got > 1 {
		t.Errorf("%d descriptors when all is idle", got)
	}
	for i := range 20 {
		snap, err := s.Account(mail.AccountID(fmt.Sprintf("user%d", i))).Snapshot(context.Background(), 1)
		if err != nil || snap.Len() != 3 {
			t.Fatal(i, snap, err)
		}
	}
}
