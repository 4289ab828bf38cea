package deliver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

func spoolOf(t testing.TB, d *Deliverer, text string) *Spool {
	t.Helper()
	s := d.NewSpool()
	t.Cleanup(func() { s.Close() })
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
	return s
}

// stored is the octets of the messages of a mailbox.
func stored(t testing.TB, a mail.Account, mailbox string) []string {
	t.Helper()
	ctx := context.Background()
	box, err := a.Mailbox(ctx, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := a.Snapshot(ctx, box.ID)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range snap.Len() {
		p, row := snap.Locate(i)
		c, err := a.OpenContent(ctx, p.Contents[row])
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
		c.Close()
	}
	return out
}

func TestDeliverMany(t *testing.T) {
	ctx := context.Background()
	store := mem.New(mail.Options{})
	var mu sync.Mutex
	var events []DeliveryEvent
	d := New(store, Options{SpoolDir: t.TempDir(), Memory: 100, Parallel: 3, Events: Events{Delivered: func(e DeliveryEvent) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}}})
	if _, err := store.Account("b").CreateMailbox(ctx, "Lists/Go", nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Account("c").SetQuota(ctx, mail.Quota{Storage: 10}); err != nil {
		t.Fatal(err)
	}
	to := []Recipient{
		{Address: "a@x", Account: "a"}, {Address: "b+Lists/Go@x", Account: "b", Detail: "Lists/Go"}, {Address: "c@x", Account: "c"},
		{Address: "a+none@x", Account: "a", Detail: "none"}, {Address: "a+%@x", Account: "a", Detail: "%"}, {Address: "bad@x", Account: "../x"},
		{Address: "b@x", Account: "b", Mailbox: "missing"}, {Address: "b@x", Account: "b", Mailbox: "Lists"},
	}
	body := "Subject: x\r\n\r\n" + strings.Repeat("body\r\n", 100)
	m := &Message{Spool: spoolOf(t, d, body), From: "s@x", Trace: &Trace{Helo: "h", By: "mx", With: "LMTP", ID: NewID()},
		Flags: []mail.Flag{mail.Flagged}, Internal: time.Unix(1e9, 0)}
	got := d.Deliver(ctx, m, to)
	want := []struct {
		mailbox string
		kind    mail.Kind
	}{{"INBOX", 0}, {"Lists/Go", 0}, {"", mail.OverQuota}, {"INBOX", 0}, {"INBOX", 0}, {"", mail.NotFound}, {"", mail.NotFound}, {"Lists", 0}}
	for i, w := range want {
		g := got[i]
		if g.Mailbox != w.mailbox || (g.Err == nil) != (w.mailbox != "") || g.Err != nil && mail.KindOf(g.Err) != w.kind || (g.UID == 0) != (g.Err != nil) {
			t.Errorf("%+v: got %+v, want %v", to[i], g, w)
		}
	}
	for _, text := range slices.Concat(stored(t, store.Account("a"), "INBOX"), stored(t, store.Account("b"), "Lists/Go")) {
		head, rest, ok := strings.Cut(text, "Subject:")
		if !ok || "Subject:"+rest != body || !strings.HasPrefix(head, "Return-Path: <s@x>\r\nDelivered-To: ") || strings.Contains(head, "for <") {
			t.Errorf("stored %q", text)
		}
	}
	if len(events) != len(to) || events[0].Octets != int64(len(body)) {
		t.Errorf("events %+v", events)
	}
	acct := store.Account("b")
	box, err := acct.Mailbox(ctx, "Lists/Go")
	if err != nil {
		t.Fatal(err)
	}
	snap, err := acct.Snapshot(ctx, box.ID)
	if err != nil || snap.Pages[0].Flags[0] != mail.BitFlagged || snap.Pages[0].Internal[0] != 1e9 {
		t.Errorf("flags and date of %+v, %v", snap, err)
	}
}

func TestDeliverWithoutTrace(t *testing.T) {
	store := mem.New(mail.Options{})
	d := New(store, Options{})
	m := &Message{Spool: spoolOf(t, d, "Subject: x\r\n\r\nas it was")}
	if res := d.Deliver(context.Background(), m, []Recipient{{Account: "a"}}); res[0].Err != nil {
		t.Fatal(res[0].Err)
	}
	if got := stored(t, store.Account("a"), "INBOX"); len(got) != 1 || got[0] != "Subject: x\r\n\r\nas it was" {
		t.Errorf("got %q", got)
	}
	if res := d.Deliver(context.Background(), m, nil); len(res) != 0 {
		t.Errorf("nobody: %v", res)
	}
}

// storeFunc is a store whose accounts somebody tampered with.
type storeFunc struct {
	mail.Store
	account func(mail.Account) mail.Account
}

func (s storeFunc) Account(id mail.AccountID) mail.Account { return s.account(s.Store.Account(id)) }

// tampered is an account that panics, or deletes its mailbox under the delivery.
type tampered struct {
	mail.Account
	upload func() error
}

func (a tampered) NewUpload(ctx context.Context, size int64) (mail.Upload, error) {
	if err := a.upload(); err != nil {
		return nil, err
	}
	return a.Account.NewUpload(ctx, size)
}

func TestDeliverTrouble(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var deleted bool
	base := mem.New(mail.Options{})
	store := storeFunc{base, func(a mail.Account) mail.Account {
		return tampered{a, func() error {
			switch a.ID() {
			case "panic":
				panic("a bug")
			case "err":
				return &mail.Error{Op: "upload", Kind: mail.Unavailable, Err: errors.New("disk")}
			case "cancel":
				cancel()
				return ctx.Err()
			case "gone":
				if !deleted {
					deleted = true
					return a.DeleteMailbox(ctx, "Lists")
				}
			}
			return nil
		}}
	}}
	if _, err := base.Account("gone").CreateMailbox(ctx, "Lists", nil); err != nil {
		t.Fatal(err)
	}
	d := New(store, Options{Parallel: 1})
	m := &Message{Spool: spoolOf(t, d, "x\r\n")}
	res := d.Deliver(ctx, m, []Recipient{{Account: "panic"}, {Account: "err"}, {Account: "gone", Detail: "Lists"}, {Account: "cancel"}})
	for i, want := range []mail.Kind{mail.Internal, mail.Unavailable, 0, mail.Unavailable} {
		if i == 2 {
			if res[i].Err != nil || res[i].Mailbox != mail.Inbox {
				t.Errorf("a mailbox deleted meanwhile: %+v", res[i])
			}
			continue
		}
		if res[i].Err == nil || mail.KindOf(res[i].Err) != want {
			t.Errorf("%d: got %v, want %v", i, res[i].Err, want)
		}
	}
}

func TestSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	d := New(nil, Options{SpoolDir: dir, Memory: 10})
	for _, size := range []int{0, 1, 9, 10, 11, 100_000} {
		for _, piece := range []int{1, 7, 100_000} {
			if piece == 1 && size > 1000 {
				continue
			}
			want := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
			s := d.NewSpool()
			for i := 0; i < size; i += piece {
				if _, err := s.Write(want[i:min(i+piece, size)]); err != nil {
					t.Fatal(err)
				}
			}
			if s.Size() != int64(size) || (s.file == nil) != (size <= 10) {
				t.Errorf("size %d in pieces of %d: %d, file %v", size, piece, s.Size(), s.file != nil)
			}
			if err := iotest.TestReader(io.NewSectionReader(s, 0, s.Size()), want); err != nil {
				t.Error(err)
			}
			for range 2 { // for several recipients
				var got bytes.Buffer
				if err := s.copyTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
					t.Errorf("size %d in pieces of %d: copy differs, %v", size, piece, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
}

func TestSpoolFails(t *testing.T) {
	d := New(nil, Options{SpoolDir: "/dev/null/spool", Memory: 3})
	s := d.NewSpool()
	defer s.Close()
	for range 2 {
		if _, err := s.Write([]byte("abcd")); mail.KindOf(err) != mail.Unavailable {
			t.Errorf("got %v", err)
		}
	}
	if err := s.copyTo(io.Discard); err == nil {
		t.Error("delivers what was not received")
	}
}

func TestTrace(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for _, c := range []struct {
		trace         Trace
		from, to, one string
		want          string
	}{
		{Trace{Helo: "c.test", Remote: netip.MustParseAddr("192.0.2.1"), By: "mx", With: "LMTP", ID: "1", Time: at}, "s@x", "r@x", "r@x",
			"Return-Path: <s@x>\r\nDelivered-To: r@x\r\nReceived: from c.test ([192.0.2.1])\r\n\tby mx with LMTP id 1\r\n\tfor <r@x>;\r\n\tFri, 2 Jan 2026 03:04:05 +0100\r\n"},
		{Trace{By: "mx", Time: at}, "", "", "", "Return-Path: <>\r\nReceived: by mx;\r\n\tFri, 2 Jan 2026 03:04:05 +0100\r\n"},
		{Trace{Helo: "h", Remote: netip.MustParseAddr("2001:db8::1%eth0"), Time: at}, "ü@x", "r", "",
			"Return-Path: <ü@x>\r\nDelivered-To: r\r\nReceived: from h ([IPv6:2001:db8::1])\r\n\tby unknown;\r\n\tFri, 2 Jan 2026 03:04:05 +0100\r\n"},
		{Trace{Helo: "a b(c;d\r\nX: y", Time: at, By: "mx"}, "s\r\nX: y", "r\x00\u0085\n", "",
			"Return-Path: <s??X: y>\r\nDelivered-To: r???\r\nReceived: from a?b?c?d??X:?y\r\n\tby mx;\r\n\tFri, 2 Jan 2026 03:04:05 +0100\r\n"},
	} {
		if got := string(c.trace.append(nil, c.from, c.to, c.one)); got != c.want {
			t.Errorf("%+v\ngot  %q\nwant %q", c.trace, got, c.want)
		}
	}
	if a, b := NewID(), NewID(); a == b {
		t.Errorf("%q twice", a)
	}
}

// FuzzTrace asks that nothing a client says makes a line of its own.
func FuzzTrace(f *testing.F) {
	f.Add("a\r\nb", "c", "d\n")
	f.Fuzz(func(t *testing.T, helo, from, to string) {
		got := string((&Trace{Helo: helo, By: "mx"}).append(nil, from, to, to))
		for line := range strings.SplitSeq(strings.TrimSuffix(got, "\r\n"), "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			if !slices.Contains([]string{"Return-Path", "Delivered-To", "Received"}, name) && line[0] != '\t' || strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("%q", got)
			}
		}
	})
}

func TestCRLF(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\nb\r\nc": "a\r\nb\r\nc", "\n\n": "\r\n\r\n", "\r\r\n\r": "\r\r\n\r", "a\r": "a\r",
		strings.Repeat("x\n", 9000): strings.Repeat("x\r\n", 9000)} {
		if err := iotest.TestReader(CRLF(strings.NewReader(in)), []byte(want)); err != nil {
			t.Errorf("%.20q: %v", in, err)
		}
		got, err := io.ReadAll(CRLF(iotest.OneByteReader(strings.NewReader(in))))
		if string(got) != want || err != nil {
			t.Errorf("%.20q: got %.40q, %v", in, got, err)
		}
	}
	if _, err := io.ReadAll(CRLF(iotest.ErrReader(os.ErrClosed))); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error lost: %v", err)
	}
}

func BenchmarkDeliver(b *testing.B) {
	for name, n := range map[string]int{"one": 1, "ten": 10} {
		b.Run(name, func(b *testing.B) {
			d := New(mem.New(mail.Options{}), Options{})
			text := "Subject: benchmark\r\nFrom: a@b\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 105)
			to := make([]Recipient, n)
			for i := range to {
				to[i] = Recipient{Address: "a@x", Account: mail.AccountID("a" + string(rune('a'+i)))}
			}
			s := spoolOf(b, d, text)
			b.ReportAllocs()
			for b.Loop() {
				for _, r := range d.Deliver(context.Background(), &Message{Spool: s, Trace: &Trace{By: "mx"}}, to) {
					if r.Err != nil {
						b.Fatal(r.Err)
					}
				}
			}
		})
	}
}
