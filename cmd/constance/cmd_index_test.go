package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/store/mem"
)

func TestIndexVerb(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ok(t, dir, "alice:{PLAIN}x\nbob:{PLAIN}x\n", "user", "import")
	for i := range 3 {
		ok(t, dir, fmt.Sprintf("Subject: number %d\n\nbody\n", i), "deliver", "--to", "alice", "-")
	}
	index := func(args ...string) (sum indexSum) {
		t.Helper()
		out := ok(t, dir, "", append([]string{"index", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &sum); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		sum.Octets = min(sum.Octets, 1)
		return sum
	}
	for _, c := range []struct {
		args []string
		want indexSum
	}{
		{[]string{"--existing"}, indexSum{}},
		{[]string{"alice"}, indexSum{Accounts: 1, Indexed: 3, Contents: 3, Octets: 1}},
		{[]string{"alice", "--existing"}, indexSum{Accounts: 1, Contents: 3, Octets: 1}},
		{[]string{"alice", "--rebuild"}, indexSum{Accounts: 1, Indexed: 3, Contents: 3, Octets: 1}},
	} {
		if got := index(c.args...); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.args, got, c.want)
		}
	}
	if out := ok(t, dir, "", "index", "alice"); !strings.Contains(out, "PASSED OVER") || !strings.Contains(out, "KiB") {
		t.Errorf("got %q", out)
	}
	if out := ok(t, dir, "", "verify"); !strings.Contains(out, "no problem") {
		t.Errorf("verify: %q", out)
	}
	for _, args := range [][]string{{"--existing", "--rebuild"}, {"--follow", "alice"}, {"--follow", "--rebuild"}} {
		if r := call(t, dir, "", append([]string{"index"}, args...)...); r.code != exitUsage {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// namingStore is a store whose searches have named accounts, one of which fails.
type namingStore struct {
	mail.Store
	named   []mail.AccountID
	indexed []mail.AccountID
}

func (s *namingStore) Unindexed(context.Context) ([]mail.AccountID, error) { return s.named, nil }

func (s *namingStore) Account(id mail.AccountID) mail.Account {
	return namedAccount{s.Store.Account(id), s}
}

type namedAccount struct {
	mail.Account
	s *namingStore
}

func (a namedAccount) IndexText(context.Context, mail.Indexing) (mail.TextIndex, error) {
	a.s.indexed = append(a.s.indexed, a.ID())
	if a.ID() == "bad" {
		return mail.TextIndex{}, &mail.Error{Op: "index text", Kind: mail.Unavailable}
	}
	return mail.TextIndex{Indexed: 7, Contents: 9, Octets: 1}, nil
}

func TestIndexNamed(t *testing.T) {
	var out bytes.Buffer
	s := &namingStore{Store: mem.New(mail.Options{}), named: []mail.AccountID{"bad", "good"}}
	log := slog.New(slog.NewTextHandler(&out, nil))
	if err := indexNamed(t.Context(), s, log); err != nil || !slices.Equal(s.indexed, s.named) {
		t.Errorf("indexed %v, %v", s.indexed, err)
	}
	if got := out.String(); !strings.Contains(got, "account=bad") || !strings.Contains(got, "account=good messages=7 of=9") {
		t.Errorf("log: %s", got)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := follow(over, s, log); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestIndexFailure(t *testing.T) {
	s := &namingStore{Store: mem.New(mail.Options{})}
	users := []auth.User{{Login: "a", Account: "bad"}, {Login: "b", Account: "good"}}
	sum, err := indexAll(t.Context(), s, users, mail.IndexMake)
	if err == nil || !strings.Contains(err.Error(), "index a:") || sum.Failed != 1 || sum.Accounts != 1 || sum.Indexed != 7 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestIndexerOfServe(t *testing.T) {
	s := &server{exe: "constance", dir: "/data"}
	for which, want := range map[string]string{"none": "", "all": "index --log --data", "searched": "index --log --existing --data"} {
		var mc master.Config
		s.addIndexer(&mc, which)
		if want == "" {
			if len(mc.Services)+len(mc.Events) > 0 {
				t.Errorf("none: %+v", mc)
			}
			continue
		}
		if len(mc.Services) != 1 || !mc.Services[0].Daemon || !slices.Contains(mc.Services[0].Argv, "--follow") {
			t.Errorf("%s: services %+v", which, mc.Services)
		}
		if len(mc.Events) != 1 || !strings.Contains(strings.Join(mc.Events[0].Argv, " "), want) {
			t.Errorf("%s: events %+v", which, mc.Events)
		}
	}
}
