package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
)

// recorder notes what was ordered.
type recorder struct{ orders []string }

func (r *recorder) Reload(context.Context) Outcome {
	r.orders = append(r.orders, "reload")
	return Outcome{Changes: []string{"service imap: new"}, Drained: 3}
}

func (r *recorder) Upgrade(_ context.Context, binary string) Outcome {
	r.orders = append(r.orders, "upgrade to "+binary)
	return Outcome{Refused: "no"}
}

func (r *recorder) Upgrades(context.Context) (Upgrades, error) {
	if len(r.orders) > 0 {
		return Upgrades{PID: 7, Done: 2, Failed: 1, Why: "no"}, nil
	}
	return Upgrades{}, errors.New("it has ended")
}

func TestControl(t *testing.T) {
	r := new(recorder)
	mux := http.NewServeMux()
	for pattern, h := range Control(r) {
		mux.HandleFunc(pattern, h)
	}
	srv := httptest.NewServer(mux)
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/upgrades")
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v %v", resp, err)
	}
	resp.Body.Close()
	for path, want := range map[string]Outcome{
		"/reload": {Changes: []string{"service imap: new"}, Drained: 3}, "/upgrade": {Refused: "no"},
	} {
		resp, err := http.PostForm(srv.URL+path, url.Values{"binary": {"/bin/new one"}})
		if err != nil {
			t.Fatal(err)
		}
		var got Outcome
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v, want %+v", path, got, err, want)
		}
		resp.Body.Close()
		if resp, err = http.Get(srv.URL + path); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %v %v", path, resp.StatusCode, err)
		}
		resp.Body.Close()
	}
	if resp, err = http.Get(srv.URL + "/upgrades"); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var u Upgrades
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil || u != (Upgrades{PID: 7, Done: 2, Failed: 1, Why: "no"}) {
		t.Errorf("%+v %v", u, err)
	}
	if len(r.orders) != 2 || r.orders[0] == r.orders[1] || r.orders[0] != "reload" && r.orders[0] != "upgrade to /bin/new one" {
		t.Errorf("ordered %q", r.orders)
	}
}
