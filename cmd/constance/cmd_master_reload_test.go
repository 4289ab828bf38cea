package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/admin"
)

// A reload has an answer.
func TestMasterReload(t *testing.T) {
	dir := startControlled(t)
	out := ok(t, "", "", "master", "reload", "-p", dir+"/m.pid")
	if out != "nothing is different\n1 worker told to finish, to be replaced\n" {
		t.Errorf("%q", out)
	}
	var o admin.Outcome
	text := ok(t, "", "", "master", "reload", "-p", dir+"/m.pid", "--json")
	if err := json.Unmarshal([]byte(text), &o); err != nil || o.Refused != "" {
		t.Errorf("%s %v", text, err)
	}
	if r := call(t, "", "", "master", "reload", "-p", dir+"/none.pid"); r.code != exitFailed || !strings.Contains(r.errors, "no master answers") {
		t.Errorf("exit %d, %q", r.code, r.errors)
	}
}

func TestOutcome(t *testing.T) {
	var out strings.Builder
	p := &program{stdout: &out}
	if err := p.printOutcome(admin.Outcome{Refused: "cyrus.conf:3:1: missing brace"}, "reload"); err == nil ||
		err.Error() != "reload refused, nothing has changed: cyrus.conf:3:1: missing brace" || out.Len() > 0 {
		t.Errorf("%v %q", err, out.String())
	}
	if err := p.printOutcome(admin.Outcome{Changes: []string{"service imap: new"}, Drained: 2}, "reload"); err != nil ||
		out.String() != "service imap: new\n2 workers told to finish, to be replaced\n" {
		t.Errorf("%v %q", err, out.String())
	}
}
