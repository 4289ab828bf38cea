package sqlite

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"golang.org/x/sys/unix"
)

func octets(t testing.TB, a mail.Account, id mail.ContentID) string {
	t.Helper()
	c, err := a.OpenContent(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func blocks(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// purgeUID removes one message for good.
func purgeUID(t testing.TB, a mail.Account, u mail.UID) {
	t.Helper()
	ctx := context.Background()
	c := mail.FlagChange{UIDs: mail.SetOf(u), Op: mail.AddFlags, Flags: []mail.Flag{mail.Deleted}}
	if _, err := a.SetFlags(ctx, 1, c); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Expunge(ctx, 1, mail.SetOf(u)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Purge(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func TestSegmentRoomComesBack(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{InlineLimit: 1000})
	a := s.Account("alice")
	long := strings.Repeat("0123456789", 10000)
	first, second := deliver(t, a, 1, long), deliver(t, a, 1, long+"x")
	path := segmentPath(s.accountDir("alice"), 1)
	before := blocks(t, path)
	held, err := a.OpenContent(ctx, first.Contents[0])
	if err != nil {
		t.Fatal(err)
	}
	purgeUID(t, a, 1)
	b := make([]byte, len(long))
	if _, err := held.ReadAt(b, 0); err != nil && err != io.EOF || !bytes.Equal(b, []byte(long)) {
		t.Error("the octets vanished under a reader", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Purge(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	if after := blocks(t, path); after > before*6/10 {
		t.Errorf("%d octets on disk, before the purge %d", after, before)
	}
	if octets(t, a, second.Contents[0]) != long+"x" {
		t.Error("the other message was changed")
	}
	if _, err := a.OpenContent(ctx, first.Contents[0]); mail.KindOf(err) != mail.NotFound {
		t.Error(err)
	}
	purgeUID(t, a, 2)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a dead segment is still there: %v", err)
	}
}

func TestUploadsAtATime(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{InlineLimit: 10})
	a := s.Account("alice")
	var ups []mail.Upload
	for range 5 {
		u, err := a.NewUpload(ctx, -1)
		if err != nil {
			t.Fatal(err)
		}
		ups = append(ups, u)
	}
	for round := range 100 { // interleaved
		for i, u := range ups {
			if _, err := u.Write(bytes.Repeat([]byte{byte('a' + i)}, 1+round)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, u := range ups {
		if i == 2 {
			if err := u.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		r, err := a.Append(ctx, 1, []mail.NewMessage{{Upload: u, Digest: &mail.Digest{}}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := octets(t, a, r.Contents[0]), strings.Repeat(string(rune('a'+i)), 5050); got != want {
			t.Errorf("upload %d: %d octets, want %d of its own", i, len(got), len(want))
		}
	}
}

// What a crash left behind a segment's last record is passed over, and goes with a purge.
func TestSegmentGarbage(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{InlineLimit: 10})
	a := s.Account("alice").(*account)
	long := strings.Repeat("x", 20000)
	deliver(t, a, 1, long)
	a.shut()
	path := segmentPath(s.accountDir("alice"), 1)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 100000)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := deliver(t, a, 1, long+"y")
	if octets(t, a, 1) != long || octets(t, a, r.Contents[0]) != long+"y" {
		t.Error("wrong octets")
	}
	before := blocks(t, path)
	if _, err := a.Purge(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	if after := blocks(t, path); after > before-90000 {
		t.Errorf("%d octets on disk, before the purge %d", after, before)
	}
	if octets(t, a, 1) != long || octets(t, a, r.Contents[0]) != long+"y" {
		t.Error("wrong octets after the purge")
	}
}

func BenchmarkChecksum8K(b *testing.B) {
	p := make([]byte, 8<<10)
	b.Run("CRC-32C", func(b *testing.B) {
		for b.Loop() {
			crc32.Checksum(p, castagnoli)
		}
	})
	b.Run("SHA-256", func(b *testing.B) {
		for b.Loop() {
			threadKey(string(p))
		}
	})
}

// TestPurgedBeforeOpened: who has looked up where a content is, and opens it after a purge, gets nothing, rather than a hole
// or the octets that another message has in the place.
func TestPurgedBeforeOpened(t *testing.T) {
	ctx := context.Background()
	long := strings.Repeat("0123456789", 10000)
	for name, after := range map[string]func(t *testing.T, a *account){
		"a hole":        func(t *testing.T, a *account) { purgeUID(t, a, 1) },
		"no segment":    func(t *testing.T, a *account) { purgeUID(t, a, 1); purgeUID(t, a, 2) },
		"another there": func(t *testing.T, a *account) { purgeUID(t, a, 1); purgeUID(t, a, 2); deliver(t, a, 1, long) },
	} {
		s := openTest(t, t.TempDir(), Options{InlineLimit: 1000})
		a := s.Account("alice").(*account)
		id := deliver(t, a, 1, long).Contents[0]
		deliver(t, a, 1, long+"x")
		var at location
		err := a.view(ctx, "test", "", func(_ *files, c *conn) (err error) {
			at, _, err = c.locate(id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		after(t, a)
		c, err := a.openLarge(ctx, s.accountDir("alice"), id, at)
		if err != nil || c != nil {
			t.Errorf("%s: got %v, %v", name, c, err)
		}
		if n := openedIn(t, s.accountDir("alice"), segmentExt); n > 1 { // the spare one
			t.Errorf("%s: %d segments are open", name, n)
		}
	}
}

// TestUploadOfRemoved: a message for an account that is removed before it is complete is refused: the account that comes into
// being in its place has no segment with its octets.
func TestUploadOfRemoved(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), Options{InlineLimit: 1000})
	a := s.Account("alice").(*account)
	long := strings.Repeat("0123456789", 10000)
	deliver(t, a, 1, long)
	m, err := newMessage(a, long+"x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Append(ctx, 1, []mail.NewMessage{m}); mail.KindOf(err) != mail.Unavailable || err == nil {
		t.Errorf("appended to another account: %v", err)
	}
	if err := m.Upload.Close(); err != nil {
		t.Fatal(err)
	}
	r := deliver(t, a, 1, long+"y")
	if octets(t, a, r.Contents[0]) != long+"y" {
		t.Error("another message lost its octets")
	}
}

// TestSegmentName: the name of a segment is made durable before the first octet, also if who made the segment died before, or
// gave up: else a crash of the machine could take it, with what others have put into it since.
func TestSegmentName(t *testing.T) {
	s := openTest(t, t.TempDir(), Options{InlineLimit: 10})
	a := s.Account("alice").(*account)
	deliver(t, a, 1, "short")
	path := segmentPath(s.accountDir("alice"), 1)
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	seg, err := a.takeSegment()
	if err != nil {
		t.Fatal(err)
	}
	if seg.no != 1 || !seg.fresh {
		t.Errorf("segment %d, whose name somebody else has made durable: %t", seg.no, !seg.fresh)
	}
	seg.close()
	m, err := newMessage(a, strings.Repeat("x", 100), nil)
	if err != nil {
		t.Fatal(err)
	}
	if u := m.Upload.(*upload); u.seg.no != 1 || u.seg.fresh {
		t.Errorf("an upload to segment %d, fresh %t", u.seg.no, u.seg.fresh)
	}
	if err := m.Upload.Close(); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
		t.Errorf("it looks as if its name was not durable: %v, %v", fi, err)
	}
}
