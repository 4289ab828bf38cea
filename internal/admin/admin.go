// Package admin lets an admin look into a running server: each process of it, master and workers, answers HTTP with JSON
// on a socket of its own, DATA/run/<service>.<pid>.sock, and whoever asks (`constance status`, the httpd service) asks
// all of them. There is no central place that has to be up, and a process that hangs costs its own answer only.
//
//	/status    Status        /sessions  []Session      /metrics  Prometheus text
//	/writers   []Writer      of accounts
//	/stacks    text          /debug/pprof/...
//
// The sockets are for the owner of the data directory only. The values are our own, so that engines need not know of
// this package; the program maps theirs to these.
package admin

import (
	"time"
)

// Status is one process.
type Status struct {
	Service  string    `json:"service"`
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Active   int64     `json:"active"`   // connections now
	Accepted int64     `json:"accepted"` // connections since the start
	Panics   int64     `json:"panics"`   // connections that a mistake of ours ended
	Limit    int       `json:"limit"`    // connections at most; 0 does not apply
	Draining bool      `json:"draining"` // takes no more connections
	Master   *Master   `json:"master,omitempty"`
}

// Master is what the master knows of its services.
type Master struct {
	Services []Service `json:"services"`
}

// Service is one service as the master sees it.
type Service struct {
	Name     string   `json:"name"`
	Listen   string   `json:"listen"`
	Ready    int      `json:"ready"`    // workers that take connections
	Active   int      `json:"active"`   // workers that are busy
	Prefork  int      `json:"prefork"`  // ready workers that are wanted
	MaxChild int      `json:"maxchild"` // workers at most; negative: no bound
	Trouble  string   `json:"trouble,omitempty"`
	Workers  []Worker `json:"workers"`
}

// Worker is one child of the master.
type Worker struct {
	PID   int       `json:"pid"`
	State string    `json:"state"`
	Since time.Time `json:"since"` // in this state
}

// Writer is who writes an account in a process, or is the next of it to do so.
type Writer struct {
	Service string    `json:"service"`
	PID     int       `json:"pid"`
	Account string    `json:"account"`
	Op      string    `json:"op"`
	Since   time.Time `json:"since"`
	Holds   bool      `json:"holds"`   // the account's lock; else it waits for another process
	Waiting int       `json:"waiting"` // changes of the same process behind it
	Lock    string    `json:"lock"`    // path of the lock file
}

// Session is one connection of a worker.
type Session struct {
	Service  string    `json:"service"`
	PID      int       `json:"pid"`
	ID       uint64    `json:"id"` // within the process
	User     string    `json:"user,omitempty"`
	Account  string    `json:"account,omitempty"`
	Remote   string    `json:"remote"`
	TLS      bool      `json:"tls"`
	Command  string    `json:"command,omitempty"` // that runs, or ran last
	Commands int64     `json:"commands"`
	In       int64     `json:"in"` // octets
	Out      int64     `json:"out"`
	Doing    string    `json:"doing"` // what it does or waits for: "store read", "client not reading"
	Since    time.Time `json:"since"` // of Doing
	Begun    time.Time `json:"begun"` // of Command
	Started  time.Time `json:"started"`
}
