package auth

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/constance-mail/constance/internal/mail"
)

func TestReadPasswdFile(t *testing.T) {
	const file = "\xef\xbb\xbf# comment\r\n\r\nAlice:{PLAIN}secret\r\n  # another\n" +
		"bob:{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1:1000:1000::/home/bob:/bin/sh:extra=1\n" +
		"carol@example.org:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\nnobody::1:1\nlast:{PLAIN.b64}eDp5"
	var got []User
	var lines []int
	err := ReadPasswdFile(iotest.OneByteReader(strings.NewReader(file)), func(n int, u User) error {
		got, lines = append(got, u), append(lines, n)
		return nil
	})
	if err != nil || len(got) != 5 || lines[0] != 3 || lines[4] != 8 {
		t.Fatalf("%v %v %v", got, lines, err)
	}
	for i, want := range []struct{ login, password string }{{"alice", "secret"}, {"bob", "Hello world!"}, {"carol@example.org", "Hello world!"},
		{"nobody", ""}, {"last", "x:y"}} {
		if got[i].Login != want.login {
			t.Errorf("%d: %+v", i, got[i])
		}
		if want.password == "" {
			if got[i].Hash != "" {
				t.Errorf("%d: %+v", i, got[i])
			}
		} else if ok, err := Verify(got[i].Hash, want.password); !ok || err != nil {
			t.Errorf("%d: %+v %v", i, got[i], err)
		}
	}
}

func TestReadPasswdFileErrors(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"a:{PLAIN}x\n\nb\n", "line 3: "},
		{"a:secret\n", "{PLAIN} before"},
		{"a:{MD5}x\n", "schemes: ARGON2ID"},
		{":{PLAIN}x\n", "line 1: "},
		{"a b:{PLAIN}x\n", "line 1: "},
		{"a:{PLAIN}\n", "empty password"},
		{"#\na:" + strings.Repeat("x", maxPasswdLine) + "\n", "line 2: "},
	} {
		err := ReadPasswdFile(strings.NewReader(c.file), func(int, User) error { return nil })
		var le *LineError
		if !errors.As(err, &le) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: got %v, want %q", c.file, err, c.want)
			continue
		}
		if k := mail.KindOf(err); k != mail.Invalid && k != mail.Corrupt {
			t.Errorf("%.40q: kind %v", c.file, k)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	stop := errors.New("stop")
	if err := ReadPasswdFile(strings.NewReader("a:{PLAIN}x\nb\n"), func(int, User) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
	if err := ReadPasswdFile(iotest.ErrReader(stop), nil); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if _, err := ParseLine(strings.Repeat("x", 2*maxPasswdLine)); err == nil {
		t.Error("a line without end is taken")
	}
}

// FuzzParseLine asks that what is taken can be used, and is the same when read again.
func FuzzParseLine(f *testing.F) {
	for _, v := range vectors {
		f.Add("login:" + v.hash + ":x:y")
	}
	f.Add("login:{PLAIN.B64}cWOk\n:x\n")
	f.Fuzz(func(t *testing.T, line string) {
		u, err := ParseLine(line)
		if err != nil {
			return
		}
		if u.Hash != "" && CheckHash(u.Hash) != nil {
			t.Errorf("%q: unusable %q", line, u.Hash)
		}
		if again, err := ParseLine(u.Login + ":" + u.Hash); err != nil || again != u {
			t.Errorf("%q: %+v, then %+v, %v", line, u, again, err)
		}
	})
}

func TestCleanLogin(t *testing.T) {
	for in, want := range map[string]string{
		"alice": "alice", " Alice\t": "alice", "A.B+c@Example.ORG": "a.b+c@example.org", "ÄÖ": "äö", "a\u0308": "ä", "İ": "i",
		strings.Repeat("x", MaxLogin): strings.Repeat("x", MaxLogin), "o'neil": "o'neil", "日本": "日本",
		"": "", " ": "", "a b": "", "a\x00": "", "a\nb": "", "a/b": "", "a:b": "", "..": "", ".": "", "a\xff": "", "a\u200bb": "", "a\u202eb": "",
		"a\u00a0b": "", strings.Repeat("x", MaxLogin+1): "", strings.Repeat("x", 1<<20): "",
	} {
		got, err := CleanLogin(in)
		if got != want || (err != nil) != (want == "") || err != nil && mail.KindOf(err) != mail.Invalid {
			t.Errorf("%.40q: got %.40q, %v; want %q", in, got, err, want)
		}
	}
}

// FuzzCleanLogin asks that the canonical form is one: its own, and safe in a line.
func FuzzCleanLogin(f *testing.F) {
	for _, s := range []string{"Alice", "a\u0308", "İ", "ς", "\u1e9e", "ǅ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, login string) {
		got, err := CleanLogin(login)
		if err != nil {
			return
		}
		if again, err := CleanLogin(got); again != got || err != nil {
			t.Errorf("%q: %q, then %q, %v", login, got, again, err)
		}
		if got == "" || len(got) > MaxLogin || strings.ContainsAny(got, ":/\r\n\x00 ") {
			t.Errorf("%q: %q", login, got)
		}
	})
}

func TestSplitAddress(t *testing.T) {
	for _, c := range [][3]string{{"a@b", "a", "b"}, {"a", "a", ""}, {"a@b@c", "a@b", "c"}, {`"a@b"@c`, "a@b", "c"}, {`"a\"b"@c`, `a"b`, "c"},
		{`"`, `"`, ""}, {`""@x`, "", "x"}, {`"\"@x`, `\`, "x"}, {"@", "", ""}, {"", "", ""}} {
		if l, d := SplitAddress(c[0]); l != c[1] || d != c[2] {
			t.Errorf("%q: got %q %q", c[0], l, d)
		}
	}
}

func TestMemory(t *testing.T) {
	ctx := t.Context()
	m := NewMemory()
	if err := m.Add(ctx, []User{{Login: "B", Hash: "1"}, {Login: "a", Account: "x"}}, false); err != nil {
		t.Fatal(err)
	}
	b, err := m.Lookup(ctx, "b")
	if err != nil || !b.Account.Valid() || b.Hash != "1" {
		t.Errorf("%+v %v", b, err)
	}
	if err := m.Add(ctx, []User{{Login: "new"}, {Login: "A"}}, false); mail.KindOf(err) != mail.Exists {
		t.Errorf("got %v", err)
	}
	if _, err := m.Lookup(ctx, "new"); mail.KindOf(err) != mail.NotFound {
		t.Errorf("half of an Add: %v", err)
	}
	if err := m.Add(ctx, []User{{Login: "b", Account: "other", Hash: "2"}}, true); err != nil {
		t.Error(err)
	}
	if again, _ := m.Lookup(ctx, "b"); again.Account != b.Account || again.Hash != "2" {
		t.Errorf("replaced: %+v", again)
	}
	for _, u := range []User{{Login: "a b"}, {Login: "c", Account: "../x"}} {
		if err := m.Add(ctx, []User{u}, true); mail.KindOf(err) != mail.Invalid {
			t.Errorf("%+v: %v", u, err)
		}
	}
	if errors.Join(m.SetHash(ctx, "b", "3"), m.SetDisabled(ctx, "b", true)) != nil {
		t.Error("cannot change")
	}
	var names string
	if err := m.List(ctx, func(u User) error { names += u.Login + u.Hash; return nil }); err != nil || names != "ab3" {
		t.Errorf("%q %v", names, err)
	}
	if err := m.List(ctx, func(User) error { return errBusy }); err != errBusy {
		t.Error(err)
	}
	if err := m.Remove(ctx, "b"); err != nil {
		t.Error(err)
	}
	for _, err := range []error{m.Remove(ctx, "b"), m.SetHash(ctx, "b", ""), m.SetDisabled(ctx, "b", false)} {
		if mail.KindOf(err) != mail.NotFound {
			t.Errorf("got %v", err)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
