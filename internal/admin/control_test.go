package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
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

// FuzzRequests: whatever is sent to a socket, only a proper POST orders anything, with the parameter that net/url finds,
// and everything has an answer.
func FuzzRequests(f *testing.F) {
	const head = " HTTP/1.1\r\nHost: constance\r\n"
	for _, s := range []string{
		"POST /reload" + head + "\r\n", "GET /reload" + head + "\r\n", "HEAD /upgrades" + head + "\r\n",
		"POST /upgrade?binary=/bin/new%20one&binary=/bin/x" + head + "\r\n", "POST //reload" + head + "\r\n",
		"POST /upgrade" + head + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nbinary=%2Fb;",
		"POST /upgrade" + head + "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n--x\r\n0\r\n\r\n",
		"GET /sessions" + head + "\r\n", "GET /status" + head + "\r\n", "GET /writers" + head + "\r\n", "GET /x/../status" + head + "\r\n",
		"POST http://other/reload?%zz" + head + "\r\n", "OPTIONS *" + head + "\r\n", "\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, octets string) {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(octets)))
		if err != nil || strings.Contains(req.URL.Path, "pprof") || strings.Contains(req.URL.Path, "stacks") {
			return // what those two say is not ours
		}
		r := new(recorder)
		s := &Server{opts: Options{Service: "master", Handle: Control(r)}}
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, req)
		checkAnswer(t, req, w, r.orders)
	})
}

// checkAnswer checks the answer to a request, and what it ordered.
func checkAnswer(t *testing.T, req *http.Request, w *httptest.ResponseRecorder, orders []string) {
	t.Helper()
	var want []string
	if req.Method == http.MethodPost {
		switch req.URL.Path {
		case "/reload":
			want = []string{"reload"}
		case "/upgrade":
			want = []string{"upgrade to " + req.Form.Get("binary")}
		}
	}
	if !slices.Equal(orders, want) {
		t.Errorf("%s %s ordered %q, want %q", req.Method, req.URL, orders, want)
	}
	if own, _ := url.ParseQuery(req.URL.RawQuery); req.Body == http.NoBody && len(orders) > 0 && req.URL.Path == "/upgrade" &&
		orders[0] != "upgrade to "+own.Get("binary") {
		t.Errorf("%s ordered %q", req.URL, orders)
	}
	var v any
	if w.Code == http.StatusOK && json.Unmarshal(w.Body.Bytes(), &v) != nil {
		t.Errorf("%s %s: %q is no JSON", req.Method, req.URL, w.Body)
	}
	switch w.Code {
	case http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusServiceUnavailable, http.StatusBadRequest,
		http.StatusMovedPermanently, http.StatusTemporaryRedirect:
	default:
		t.Errorf("%s %s: status %d", req.Method, req.URL, w.Code)
	}
}
