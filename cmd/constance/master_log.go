package main

import (
	"context"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"strconv"
	"strings"

	"github.com/constance-mail/constance/internal/master/cyrusconf"
	"github.com/constance-mail/constance/internal/master/roster"
)

// logger logs to standard error with -D and to syslog otherwise, as ident "master" or "prefix/master".
func (f *masterFlags) logger(opts cyrusconf.Imapd) *slog.Logger {
	level := slog.LevelInfo
	if f.verbose > 0 || os.Getenv("CYRUS_VERBOSE") != "" || opts.Switch("debug") {
		level = slog.LevelDebug
	}
	if f.keep {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: nameLevel}))
	}
	ident := "master"
	if prefix := first(os.Getenv("CYRUS_SYSLOG_PREFIX"), opts["syslog_prefix"]); prefix != "" {
		ident = prefix + "/" + ident
	}
	w, err := syslog.New(syslog.LOG_MAIL|syslog.LOG_INFO, ident)
	if err != nil {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&syslogHandler{w: w, level: level})
}

// nameLevel gives the levels names that slog does not have.
func nameLevel(groups []string, a slog.Attr) slog.Attr {
	if l, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey {
		switch l {
		case roster.LevelNotice:
			a.Value = slog.StringValue("NOTICE")
		case roster.LevelCrit:
			a.Value = slog.StringValue("CRIT")
		}
	}
	return a
}

// syslogHandler writes plain lines, as those who grep for Cyrus's expect them.
type syslogHandler struct {
	w     *syslog.Writer
	level slog.Level
	attrs []slog.Attr
}

func (h *syslogHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *syslogHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	attr := func(a slog.Attr) bool {
		io.WriteString(&b, " "+a.Key+"="+strconv.Quote(a.Value.String())) //nolint:errcheck // a Builder takes all
		return true
	}
	for _, a := range h.attrs {
		attr(a)
	}
	r.Attrs(attr)
	switch {
	case r.Level >= roster.LevelCrit:
		return h.w.Crit(b.String())
	case r.Level >= slog.LevelError:
		return h.w.Err(b.String())
	case r.Level >= slog.LevelWarn:
		return h.w.Warning(b.String())
	case r.Level >= roster.LevelNotice:
		return h.w.Notice(b.String())
	case r.Level >= slog.LevelInfo:
		return h.w.Info(b.String())
	}
	return h.w.Debug(b.String())
}

func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &syslogHandler{h.w, h.level, append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

func (h *syslogHandler) WithGroup(string) slog.Handler { return h }
