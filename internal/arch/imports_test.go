package arch

import (
	"slices"
	"strings"
	"testing"
)

// may is the direction of imports: what each package may import of ours, besides mail (the nouns), which all may, and
// what is below it in the same tree. Upwards and sideways is not on the list, and that is the point: engines never know
// each other, pure packages know no store, the master knows nothing of mail. A new package needs a line here.
var may = map[string][]string{
	"internal/mail": {},

	// pure, or one connection: they know no store
	"internal/wait": {}, "internal/message": {}, "internal/deflate": {}, "internal/conn": {"deflate", "wait"}, "internal/cert": {},
	"internal/imapclient": {"deflate"}, "internal/proc": {}, "internal/systemd": {}, "internal/agentx": {},
	"internal/config": {}, "internal/demo": {}, "internal/fold": {}, "internal/trigram": {"fold"}, "internal/fuzzy": {"fold"}, "internal/imap": {"message"}, "internal/imap/wire": {},

	"internal/limit": {}, "internal/notify": {}, "internal/auth": {"limit"},

	"internal/store/sqlite":    {"auth", "message", "notify", "trigram"}, // auth for the directory of users
	"internal/store/mem":       {"message"},
	"internal/store/storetest": {"fold", "message", "store/mem"},
	"internal/deliver":         {"message"},

	"internal/search": {"fold", "fuzzy", "imap", "message"},
	"internal/imapd":  {"auth", "conn", "deflate", "fold", "imap", "limit", "message", "search", "wait"},
	"internal/lmtpd":  {"auth", "conn", "deliver", "limit", "wait"},
	"internal/admin":  {},

	// beside all this: nothing of mail
	"internal/service": {}, "internal/master": {"proc", "service"}, "internal/master/model": {},
	"internal/master/sim":    {"master/cron", "master/roster", "service"},
	"internal/master/roster": {"master/cron", "service"}, "internal/master/cron": {},
	"internal/master/cyrusconf": {"master"}, "internal/metrics": {"wait"},

	"internal/arch": {}, "internal/e2e": {"imapclient"},
}

// notMail are the packages that must not even know the nouns.
var notMail = []string{"internal/service", "internal/master", "internal/metrics", "internal/admin", "internal/conn", "internal/deflate", "internal/wait", "internal/cert", "internal/notify", "internal/proc", "internal/systemd", "internal/agentx"}

func TestImportDirection(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		seen[s.pkg] = true
		allowed, ok := may[s.pkg]
		if s.test || s.pkg == "cmd/constance" { // the program wires everything, tests may use anything
			continue
		}
		if !ok {
			t.Errorf("%s: package %s has no line in the table of import directions", s.path, s.pkg)
		}
		for _, path := range s.imports() {
			name, ours := strings.CutPrefix(path, module+"internal/")
			if !ours || name == "mail" && !within(s.pkg, notMail) || strings.HasPrefix("internal/"+name, s.pkg+"/") {
				continue
			}
			if !within(name, allowed) {
				t.Errorf("%s imports %s: %s may import only %v", s.path, name, s.pkg, allowed)
			}
		}
	}
	for pkg := range may {
		if !seen[pkg] {
			t.Errorf("the table of import directions names %s, which is not there", pkg)
		}
	}
}

// within tells whether a package is one of list or below one.
func within(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}

// maxChain is how many packages of ours may hang on each other in a row.
const maxChain = 7

func TestImportChains(t *testing.T) {
	deps := map[string]map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if deps[s.pkg] == nil {
			deps[s.pkg] = map[string]bool{}
		}
		for _, path := range s.imports() {
			if name, ours := strings.CutPrefix(path, module); ours {
				deps[s.pkg][name] = true
			}
		}
	}
	memo := map[string][]string{}
	var longest func(pkg string) []string
	longest = func(pkg string) []string {
		if c, ok := memo[pkg]; ok {
			return c
		}
		var best []string
		for d := range deps[pkg] {
			if c := longest(d); len(c) > len(best) {
				best = c
			}
		}
		memo[pkg] = append([]string{pkg}, best...)
		return memo[pkg]
	}
	for pkg := range deps {
		if c := longest(pkg); len(c)-1 > maxChain {
			t.Errorf("%d imports in a row: %s", len(c)-1, strings.Join(c, " > "))
		}
	}
}

// forbidden are imports that the program must not have, each with its reason. A package below a path counts.
var forbidden = map[string]string{
	"database/sql":                   "boxes every value: three to four times slower than zombiezen on scans (docs/decisions/004-zombiezen-sqlite.md)",
	"github.com/mattn/go-sqlite3":    "needs cgo, and two SQLite libraries on one file in one process lose POSIX locks",
	"github.com/emersion/go-imap":    "its server has no hook for our extensions; the engine is our own",
	"github.com/emersion/go-message": "gives no offsets into the octets; the parser is our own",
	"math/rand":                      "use crypto/rand for secrets, math/rand/v2 for the rest",
	"io/ioutil":                      "deprecated",
	"log":                            "log with the log/slog logger that was handed in",
	"C":                              "the program is built without cgo",
	"expvar":                         "registers itself globally",
	"golang.org/x/net":               "not needed, and large",
	"github.com/prometheus/client_golang/prometheus/promauto": "registers globally",
}

// onlyIn are imports that have one place.
var onlyIn = map[string][]string{
	"zombiezen.com/go/sqlite":         {"internal/store/sqlite"},
	"modernc.org":                     {"internal/store/sqlite"},
	"github.com/emersion":             {"internal/lmtpd"},
	"github.com/BurntSushi/toml":      {"internal/config"},
	"github.com/spf13":                {"cmd/constance"},
	"github.com/prometheus":           {"internal/metrics", "cmd/constance"},
	"net/http/pprof":                  {"internal/admin"}, // it registers itself with the default mux, which nothing serves
	module + "internal/store/sqlite":  {"cmd/constance"},
	module + "internal/demo":          {"cmd/constance"},
	"os/signal":                       {"cmd/constance", "internal/service", "internal/master"},
	"pgregory.net/rapid":              {},
	"go.uber.org/goleak":              {},
	"testing":                         {"internal/store/storetest", "internal/e2e"},
	"github.com/rogpeppe/go-internal": {},
}

func TestForbiddenImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			for bad, why := range forbidden {
				if path == bad || strings.HasPrefix(path, bad+"/") && bad != "log" && bad != "math/rand" {
					t.Errorf("%s imports %s: %s", s.path, path, why)
				}
			}
			for module, places := range onlyIn {
				if !s.test && (path == module || strings.HasPrefix(path, module+"/")) && !within(s.pkg, places) {
					t.Errorf("%s imports %s, which only %v may (not counting tests)", s.path, path, places)
				}
			}
		}
	}
}
