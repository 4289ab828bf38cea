package metrics

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/constance-mail/constance/internal/wait"
)

// text is what a set exposes.
func text(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l+"\n") {
			t.Errorf("no line %q in\n%s", l, text)
		}
	}
}

func TestSet(t *testing.T) {
	s := New()
	var spent wait.Times
	spent[wait.StoreRead] = 1500 * time.Millisecond
	s.SessionEnd("logout", 100, 2000)
	s.SessionEnd("logout", 1, 2)
	s.Waits(&spent)
	s.Waits(&spent)
	s.Command("FETCH", "OK", 3*time.Millisecond)
	s.Command("FETCH", "NO", time.Second)
	s.Login("ok")
	s.Delivery("over quota", time.Millisecond)
	s.Rejected("not found")
	s.Gauge("constance_test_gauge", "A gauge.", func() float64 { return 7 })
	s.Counter("constance_test_total", "A counter.", func() float64 { return 8 })
	wantLines(t, text(t, s),
		`constance_sessions_total{end="logout"} 2`,
		`constance_session_octets_total{direction="in"} 101`,
		`constance_session_octets_total{direction="out"} 2002`,
		`constance_wait_seconds_total{state="store read"} 3`,
		`constance_imap_command_seconds_bucket{command="FETCH",le="0.005"} 1`,
		`constance_imap_command_seconds_count{command="FETCH"} 2`,
		`constance_imap_commands_total{command="FETCH",outcome="NO"} 1`,
		`constance_logins_total{outcome="ok"} 1`,
		`constance_delivery_seconds_count{outcome="over quota"} 1`,
		`constance_rejected_recipients_total{reason="not found"} 1`,
		`constance_test_gauge 7`,
		`constance_test_total 8`,
	)
}

// Two sets in one process do not know of each other: nothing is global.
func TestSetsAreSeparate(t *testing.T) {
	a, b := New(), New()
	a.Login("ok")
	if got := text(t, b); strings.Contains(got, "constance_logins_total{") {
		t.Errorf("b knows of a's login:\n%s", got)
	}
}

func TestMerge(t *testing.T) {
	a, b := New(), New()
	a.Command("NOOP", "OK", time.Millisecond)
	b.Command("NOOP", "OK", time.Millisecond)
	b.Login("denied")
	var out bytes.Buffer
	err := Merge(&out, []Part{
		{"imap", 7, strings.NewReader(text(t, a))},
		{"broken", 8, strings.NewReader("constance_x{ 1\n")},
		{"imap", 9, strings.NewReader(text(t, b))},
	})
	if err == nil || !strings.Contains(err.Error(), "metrics of broken 8") {
		t.Errorf("error %v", err)
	}
	wantLines(t, out.String(),
		`constance_imap_commands_total{command="NOOP",outcome="OK",service="imap",pid="7"} 1`,
		`constance_imap_commands_total{command="NOOP",outcome="OK",service="imap",pid="9"} 1`,
		`constance_logins_total{outcome="denied",service="imap",pid="9"} 1`,
	)
	if n := strings.Count(out.String(), "# TYPE constance_imap_commands_total "); n != 1 {
		t.Errorf("%d heads of one family", n)
	}
	if err := Merge(&out, nil); err != nil {
		t.Errorf("nothing to merge: %v", err)
	}
}
