package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/imap/wire"
	"github.com/constance-mail/constance/internal/imapd"
)

func (p *program) imapdCmd() *cobra.Command {
	implicit, processors := false, 0
	c := &cobra.Command{
		Use:   "imapd",
		Short: "The IMAP service, started by a master",
		Long: `Serves IMAP (RFC 9051 and RFC 3501) to clients, with STARTTLS, or with TLS from the
first octet if --tls is given. Without TLS only clients on the same host can log in.` + serviceText,
		Example: `  imap  cmd="constance imapd --data /var/lib/constance" listen="imap" prefork=2        # in cyrus.conf
  imaps cmd="constance imapd -s --data /var/lib/constance" listen="imaps" prefork=2`,
		Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return p.imapd(c.Context(), implicit, processors) },
	}
	c.Flags().BoolVarP(&implicit, "tls", "s", false, "TLS from the first octet, as on port 993")
	c.Flags().IntVar(&processors, "processors", 0,
		"processors to work on, but for searches of large mailboxes, which may use all (default: all)")
	return c
}

// workOn has this process work on so many processors, all for 0, and returns how many there are.
func workOn(processors int) (all int) {
	all = runtime.GOMAXPROCS(0)
	if processors > 0 && processors < all {
		runtime.GOMAXPROCS(processors)
	}
	return all
}

func (p *program) imapd(ctx context.Context, implicit bool, processors int) error {
	all := workOn(processors)
	name := "imap"
	if implicit {
		name = "imaps"
	}
	w, err := p.newWorker(name, func(c *config.Config) int { return c.IMAP.Connections })
	if err != nil {
		return err
	}
	conf, stop, err := w.keeper()
	if err != nil {
		return errors.Join(err, w.Close())
	}
	defer stop()
	limits := wire.Limits{Line: int(w.conf.IMAP.LineLimit)}
	s := imapd.New(imapd.Options{
		Store: w.store, Auth: w.authenticator(), Sharing: w.sharing(), TLS: conf, Log: w.log, Hostname: hostname(w.conf), Version: version(),
		Admin: w.conf.IMAP.Admin, Comment: w.conf.IMAP.Comment,
		AppendLimit: w.conf.IMAP.AppendLimit, Limits: limits, Idle: w.conf.IMAP.IdleTime, Login: w.conf.IMAP.LoginTime,
		MessageLimit: w.conf.IMAP.MessageLimit, LimitSaving: w.conf.IMAP.MessageLimitFor == "saving",
		Processors:       all,
		NoUnauthenticate: !w.conf.IMAP.Unauthenticate,
		Events:           imapd.Events{End: w.imapSession, Command: w.imapCommand},
	})
	w.handle = map[string]http.HandlerFunc{"GET /trace": w.traceHandler(s)}
	sessions := func() []admin.Session { return adminSessions(s.Sessions()) }
	return w.run(ctx, sessions, func(ctx context.Context, c net.Conn) { s.Serve(ctx, c, implicit) })
}

func (w *worker) sharing() imapd.Sharing {
	c := &w.conf.Sharing
	return imapd.Sharing{Directory: w.users, Others: c.Others, Shared: c.Shared, Admins: c.Admins}
}

// imapSession logs and counts a session that ended.
func (w *worker) imapSession(e imapd.SessionEnd) {
	w.metrics.SessionEnd(e.Reason, e.In, e.Out)
	log := w.log.Info
	if e.Err != nil {
		log = w.log.With("err", e.Err).Warn
	}
	log("session", "user", e.User, "remote", e.Remote, "tls", e.TLS, "in", e.In, "out", e.Out, "commands", e.Commands,
		"ms", ms(e.Duration), "end", e.Reason)
}

// imapCommand counts a command and logs our own faults.
func (w *worker) imapCommand(e imapd.CommandEnd) {
	verb := e.Verb
	if verb == "" {
		verb = "unreadable"
	}
	w.metrics.Command(verb, e.Outcome, e.Duration)
	w.metrics.Waits(&e.Waits)
	if verb != "IDLE" {
		w.slow.log(&e)
	}
	if e.Err != nil {
		w.log.Error("command", "session", e.Session, "verb", verb, "outcome", e.Outcome, "ms", ms(e.Duration), "err", e.Err)
	}
}

func adminSessions(list []imapd.SessionInfo) []admin.Session {
	out := make([]admin.Session, 0, len(list))
	for _, i := range list {
		out = append(out, admin.Session{ID: i.ID, User: i.User, Account: string(i.Account), Begun: i.Begun, Remote: i.Remote, TLS: i.TLS, Command: i.Verb, Commands: i.Commands,
			In: i.In, Out: i.Out, Doing: i.State.String(), Since: i.Since, Started: i.Started})
	}
	return out
}
