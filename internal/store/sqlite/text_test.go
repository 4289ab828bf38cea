package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/fold"
	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// textTest is an account with messages "word1", "word2" and so on.
type textTest struct {
	*testing.T
	s   *store
	a   *account
	dir string
	ids []mail.ContentID
}

func newTextTest(t *testing.T, messages int) *textTest {
	e := &textTest{T: t}
	e.s = openTest(t, t.TempDir(), Options{InlineLimit: 1000})
	e.a = e.s.Account("alice").(*account)
	e.dir = e.s.accountDir("alice")
	e.fill(messages)
	return e
}

func (e *textTest) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *textTest) fill(n int) {
	e.Helper()
	for range n {
		e.deliver(fmt.Sprintf("Subject: one\r\n\r\nword%d. %s\r\n", len(e.ids)+1, strings.Repeat("long ", 300*(len(e.ids)%2))))
	}
}

func (e *textTest) deliver(text string) {
	e.Helper()
	done, err := deliverWhole(e.a, text)
	e.ok(err)
	e.ids = append(e.ids, done.Contents...)
}

func (e *textTest) index() mail.TextIndex {
	e.Helper()
	sum, err := e.a.IndexText(context.Background(), mail.IndexMake)
	e.ok(err)
	return sum
}

// candidates are the numbers of the messages that may hold the text.
func (e *textTest) candidates(text string) (out []int) {
	e.Helper()
	got, err := e.a.TextCandidates(context.Background(), e.ids[0], e.ids[len(e.ids)-1], [][]byte{fold.Append(nil, text)})
	e.ok(err)
	for i, id := range e.ids {
		if got[0].MayHold(id) {
			out = append(out, i+1)
		}
	}
	return out
}

// wantOnly wants the index to name these messages.
func (e *textTest) wantOnly(when, text string, want ...int) {
	e.Helper()
	if got := e.candidates(text); !slices.Equal(got, want) {
		e.Errorf("%s: %q may be in %v, want %v", when, text, got, want)
	}
}

// wantAll wants it to leave out nothing.
func (e *textTest) wantAll(when, text string) {
	e.Helper()
	if got := e.candidates(text); len(got) != len(e.ids) {
		e.Errorf("%s: only %d of %d messages may hold %q", when, len(got), len(e.ids), text)
	}
}

func (e *textTest) noted() bool {
	e.Helper()
	ids, err := e.s.Unindexed(context.Background())
	e.ok(err)
	return slices.Contains(ids, "alice")
}

func TestTextIndex(t *testing.T) {
	e := newTextTest(t, 12)
	e.wantAll("without an index", "word7.")
	if sum, err := e.a.IndexText(context.Background(), mail.IndexUpdate); err != nil || sum != (mail.TextIndex{}) {
		t.Errorf("updated without an index: %+v, %v", sum, err)
	}
	e.wantAll("still without an index", "word7.")
	if sum := e.index(); sum.Indexed != 12 || sum.Contents != 12 || sum.Passed != 0 || sum.Octets < 4096 {
		t.Errorf("got %+v", sum)
	}
	e.wantOnly("indexed", "WORD7.", 7)
	e.wantOnly("indexed", "word1.", 1)
	e.wantAll("too short", "wo")
	e.fill(2)
	e.wantOnly("two more", "word7.", 7, 13, 14)
	if sum := e.index(); sum.Indexed != 2 {
		t.Errorf("got %+v", sum)
	}
	e.wantOnly("indexed again", "word13.", 13)
	if problems := verify(t, e.a); len(problems) > 0 {
		t.Error(problems)
	}
	if fi, err := os.Stat(e.dir + textName); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(e.dir + textName + suffix); err == nil {
			t.Errorf("the index's %s is left behind", suffix)
		}
	}
}

// TestTextDescriptors: nothing of an index stays open.
func TestTextDescriptors(t *testing.T) {
	e := newTextTest(t, 3)
	e.index()
	e.candidates("word1")
	fds, err := os.ReadDir("/proc/self/fd")
	e.ok(err)
	for _, fd := range fds {
		path, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && (strings.HasPrefix(path, e.dir+textName) || path == e.dir) {
			t.Errorf("%s is open", path)
		}
	}
}

// textDamages are what can happen to an index.
var textDamages = []struct {
	name   string
	damage func(e *textTest, path string)
}{
	{"removed", func(e *textTest, path string) { e.ok(os.Remove(path)) }},
	{"emptied", func(e *textTest, path string) { e.ok(os.Truncate(path, 0)) }},
	{"garbage", func(e *textTest, path string) {
		e.ok(os.WriteFile(path, []byte(strings.Repeat("garbage", 5000)), 0o600))
	}},
	{"overwritten", func(e *textTest, path string) {
		b, err := os.ReadFile(path)
		e.ok(err)
		for i := 4096; i < len(b); i++ {
			b[i] = byte(i)
		}
		e.ok(os.WriteFile(path, b, 0o600))
	}},
	{"cut", func(e *textTest, path string) { e.ok(os.Truncate(path, 4096+100)) }},
	{"another database", func(e *textTest, path string) { copyFile(e.T, e.dir+dbName, path) }},
	{"another version", func(e *textTest, path string) { e.script(path, "PRAGMA user_version = 99") }},
	{"tables dropped", func(e *textTest, path string) { e.script(path, "DROP TABLE words; DROP TABLE state") }},
	{"ahead of the mail", func(e *textTest, path string) { e.script(path, "UPDATE state SET upto = 1000") }},
	{"of other mail", func(e *textTest, path string) { e.script(path, "UPDATE sample SET crc = crc + 1") }},
	{"an alien log", func(e *textTest, path string) {
		e.ok(os.WriteFile(path+"-wal", []byte(strings.Repeat("log", 5000)), 0o600))
	}},
}

// script runs SQL on the index.
func (e *textTest) script(path, sql string) {
	e.Helper()
	c, err := openConn(path, sqlite.OpenReadWrite)
	e.ok(err)
	e.ok(sqlitex.ExecuteScript(c.Conn, sql, nil))
	e.ok(c.Close())
}

func TestTextDamaged(t *testing.T) {
	for _, d := range textDamages {
		t.Run(d.name, func(t *testing.T) {
			e := newTextTest(t, 20)
			e.index()
			d.damage(e, e.dir+textName)
			if got := e.candidates("word7."); !slices.Contains(got, 7) {
				t.Errorf("damaged: message 7 is left out of %v", got)
			}
			e.fill(1)
			if sum := e.index(); sum.Contents != 21 {
				t.Errorf("got %+v", sum)
			}
			e.wantOnly("made anew", "word21.", 21)
			if problems := verify(t, e.a); len(problems) > 0 {
				t.Error(problems)
			}
		})
	}
}

// TestTextRestored: mail.db is put back to an earlier state, the index is not.
func TestTextRestored(t *testing.T) {
	for _, more := range []int{0, 5, 10, 20} { // messages that arrive before the index is asked
		e := newTextTest(t, 10)
		e.ok(e.s.Close())
		backup := t.TempDir()
		for _, name := range []string{dbName, dbName + logSuffix} {
			copyFile(t, e.dir+name, backup+name)
		}
		e.reopen()
		e.fill(10)
		e.index()
		e.ok(e.s.Close())
		for _, name := range []string{dbName, dbName + logSuffix} {
			e.ok(os.Remove(e.dir + name))
			copyFile(t, backup+name, e.dir+name)
		}
		e.reopen()
		e.ids = e.ids[:10]
		for i := range more {
			e.deliver(fmt.Sprintf("Subject: another\r\n\r\nsomething new %d\r\n", i))
		}
		e.wantAll(fmt.Sprintf("put back, %d more", more), "something new")
		e.index()
		e.wantOnly("made anew", "word7.", 7)
	}
}

func (e *textTest) reopen() {
	e.Helper()
	e.s = openTest(e.T, e.s.dir, Options{InlineLimit: 1000})
	e.a = e.s.Account("alice").(*account)
}

// TestTextPassed: what has too many trigrams, or is damaged, is not indexed and never left out.
func TestTextPassed(t *testing.T) {
	e := newTextTest(t, 2)
	var b strings.Builder
	for i := range 80_000 {
		fmt.Fprintf(&b, "%c%c", 0x4e00+i%20000, 0x4e00+(i*7+i/20000)%20000)
	}
	e.deliver("Subject: encoded\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + b.String())
	e.fill(1)
	deliver(t, e.a, 1, "its parts are damaged")
	e.ids = append(e.ids, e.ids[len(e.ids)-1]+1)
	if sum := e.index(); sum.Passed != 2 || sum.Contents != 3 || sum.Indexed != 5 {
		t.Errorf("got %+v", sum)
	}
	e.wantOnly("passed over", "word1.", 1, 3, 5)
	e.wantOnly("passed over", "nowhere", 3, 5)
}

func TestTextPurged(t *testing.T) {
	e := newTextTest(t, 10)
	e.index()
	for _, u := range []mail.UID{3, 7, 10} {
		purgeUID(t, e.a, u)
	}
	if sum := e.index(); sum.Contents != 7 || sum.Indexed != 0 {
		t.Errorf("got %+v", sum)
	}
	e.wantOnly("after a purge", "word7.")
	e.wantOnly("after a purge", "word8.", 8)
	e.fill(1)
	e.index()
	e.wantOnly("one more", "word11.", 11)
	if problems := verify(t, e.a); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestTextVerify(t *testing.T) {
	for name, sql := range map[string]string{
		"a content is missing": "DELETE FROM words WHERE rowid = 3",
		"other trigrams":       "DELETE FROM words WHERE rowid = 3; INSERT INTO words(rowid, w) VALUES (3, 'XYZ')",
		"of other mail":        "UPDATE sample SET crc = crc + 1",
	} {
		e := newTextTest(t, 5)
		e.index()
		e.script(e.dir+textName, sql)
		if problems := verify(t, e.a); len(problems) != 1 || !strings.Contains(problems[0], "index of text") {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// TestTextNoted: an account is noted if a search misses much of it, until it is indexed.
func TestTextNoted(t *testing.T) {
	e := newTextTest(t, 3)
	e.candidates("word1")
	if e.noted() {
		t.Error("three messages are worth no index")
	}
	e.fill(textBehind)
	e.candidates("word1")
	if !e.noted() {
		t.Error("not noted")
	}
	e.index()
	if e.candidates("word1"); e.noted() {
		t.Error("still noted")
	}
	e.ok(os.WriteFile(e.dir+textName, []byte("garbage"), 0o600))
	if e.candidates("word1"); !e.noted() {
		t.Error("not noted when it is damaged")
	}
}

// TestTextNoAccount: to index an account does not make it.
func TestTextNoAccount(t *testing.T) {
	s := openTest(t, t.TempDir(), Options{})
	if sum, err := s.Account("nobody").IndexText(context.Background(), mail.IndexAnew); err != nil || sum != (mail.TextIndex{}) {
		t.Errorf("got %+v, %v", sum, err)
	}
	if found, _ := filepath.Glob(s.dir + "/accounts/*"); len(found) > 0 {
		t.Errorf("it made %v", found)
	}
}

// TestTextInUse: an index is not taken away while somebody uses it, and nobody waits for it then.
func TestTextInUse(t *testing.T) {
	e := newTextTest(t, 2)
	e.index()
	used, err := lockText(e.dir, unix.LOCK_SH)
	e.ok(err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := removeText(ctx, e.dir); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	e.wantOnly("in use", "word1.", 1)
	e.ok(used.Close())
	taken, err := lockText(e.dir, unix.LOCK_EX)
	e.ok(err)
	e.wantAll("being taken away", "word1.")
	if _, err := e.a.IndexText(context.Background(), mail.IndexMake); mail.KindOf(err) != mail.Unavailable {
		t.Errorf("got %v", err)
	}
	e.ok(taken.Close())
	e.ok(removeText(context.Background(), e.dir))
	e.wantAll("taken away", "word1.")
}
