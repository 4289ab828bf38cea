package sqlite

import (
	"log/slog"
	"time"

	"github.com/constance-mail/constance/internal/mail"
)

// Options of a store. The zero of a field is its default.
type Options struct {
	mail.Options

	InlineLimit   int64         // octets up to which a body is kept in the database; default 32 KiB
	SegmentLimit  int64         // octets after which a segment gets no more bodies; default 64 MiB
	Accounts      int           // accounts of which what is cheap is kept (a mapped page, no descriptor); default 16,384
	Handles       int           // accounts whose database is kept open; default 512
	Idle          time.Duration // after which an unused database is closed; default 1 s
	SnapshotCache int64         // octets of snapshots that are kept; default 64 MiB
	Poll          time.Duration // how often watched accounts are looked at without a hint; default 30 s
	Ready         bool          // have a connection at hand before the first use: for processes that serve clients
	NoHints       bool          // no inotify, only polls: for file systems that have none, and for tests
	Log           *slog.Logger  // default: none
}

func (o Options) withDefaults() Options {
	if o.InlineLimit <= 0 {
		o.InlineLimit = 32 << 10
	}
	if o.SegmentLimit <= 0 {
		o.SegmentLimit = 64 << 20
	}
	if o.Accounts <= 0 {
		o.Accounts = 16384
	}
	if o.Handles <= 0 {
		o.Handles = 512
	}
	if o.Idle <= 0 {
		o.Idle = time.Second
	}
	if o.SnapshotCache <= 0 {
		o.SnapshotCache = 64 << 20
	}
	if o.Poll <= 0 {
		o.Poll = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
