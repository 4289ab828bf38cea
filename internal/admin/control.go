package admin

import (
	"context"
	"net/http"
)

// Outcome is what a master answers to an order.
type Outcome struct {
	Refused string   `json:"refused,omitempty"` // why nothing has changed
	Changes []string `json:"changes,omitempty"` // what is different, a line each
	Drained int      `json:"drained"`           // workers that were told to finish, to be replaced
}

// Controller carries out what an admin orders a master to do. Its methods return when it is done or refused; Upgrade does
// not return when it is done, for then another program runs in the process: whoever asked sees the connection end.
type Controller interface {
	Reload(ctx context.Context) Outcome
	Upgrade(ctx context.Context, binary string) Outcome // binary: absolute path, "" for that of the running program
	Upgrades(ctx context.Context) (Upgrades, error)
}

// Upgrades are the upgrades of a master's process so far.
type Upgrades struct {
	PID     int    `json:"pid"`
	Version string `json:"version"` // of the program that runs now
	Done    uint64 `json:"done"`
	Failed  uint64 `json:"failed"`
	Why     string `json:"why,omitempty"` // the last that failed did
}

// Control are the handlers of a master's orders, by the patterns of http.ServeMux: POST /reload, and POST /upgrade with
// the parameter binary. The answer to each is an Outcome. GET /upgrades gives the Upgrades.
func Control(c Controller) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /reload":  func(w http.ResponseWriter, r *http.Request) { tell(w, c.Reload(r.Context())) },
		"POST /upgrade": func(w http.ResponseWriter, r *http.Request) { tell(w, c.Upgrade(r.Context(), r.FormValue("binary"))) },
		"GET /upgrades": func(w http.ResponseWriter, r *http.Request) {
			u, err := c.Upgrades(r.Context())
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			tell(w, u)
		},
	}
}

func tell(w http.ResponseWriter, v any) {
	_ = Answer(w, v) // whoever asked has gone
}
