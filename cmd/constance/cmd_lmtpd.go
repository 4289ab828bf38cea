package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/deliver"
	"github.com/constance-mail/constance/internal/lmtpd"
	"github.com/constance-mail/constance/internal/mail"
)

const serviceText = `

It is not meant to be started by hand: a master ("constance serve", "constance
master", or Cyrus's own) starts it with the listening socket on descriptor 4 and its
status channel on descriptor 3. SIGHUP lets it finish its connections and
end, SIGTERM ends it within the time of server.drain.`

func (p *program) lmtpdCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "lmtpd",
		Short:   "The LMTP service, started by a master",
		Long:    "Takes mail by LMTP (RFC 2033) and delivers it to accounts." + serviceText,
		Example: `  lmtp cmd="constance lmtpd --data /var/lib/constance" listen="/run/constance/lmtp" prefork=1    # in cyrus.conf`,
		Args:    args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return p.lmtpd(c.Context()) },
	}
}

func (p *program) lmtpd(ctx context.Context) error {
	w, err := p.newWorker("lmtp", func(c *config.Config) int { return c.LMTP.Connections })
	if err != nil {
		return err
	}
	c := w.conf.LMTP
	s := lmtpd.New(lmtpd.Options{
		Resolver: w.authenticator(), Store: w.store, Hostname: hostname(w.conf), Log: w.log,
		Deliverer: deliver.New(w.store, deliver.Options{SpoolDir: filepath.Join(w.dir, "tmp"), Events: deliver.Events{Delivered: w.delivered}}),
		MaxSize:   c.SizeLimit, MaxRecipients: c.Recipients, IdleTimeout: c.Timeout, DataTimeout: c.Timeout, Grace: w.conf.Server.Drain,
		Events: lmtpd.Events{Session: w.lmtpSession, Rejected: w.rejected},
	})
	sessions := func() (out []admin.Session) {
		for i, in := range s.Sessions() {
			out = append(out, admin.Session{ID: uint64(i + 1), Remote: in.Remote.String(), Doing: in.State.String(), Since: in.Since,
				Started: in.Started})
		}
		return out
	}
	return w.run(ctx, sessions, s.Serve)
}

func (w *worker) delivered(e deliver.DeliveryEvent) {
	w.metrics.Delivery(outcome(e.Result.Err), e.Duration)
	if e.Result.Err != nil {
		w.log.Error("not delivered", "to", e.Recipient.Address, "octets", e.Octets, "ms", ms(e.Duration), "err", e.Result.Err)
		return
	}
	w.log.Info("delivered", "to", e.Recipient.Address, "mailbox", e.Result.Mailbox, "uid", e.Result.UID, "octets", e.Octets, "ms", ms(e.Duration))
}

func (w *worker) lmtpSession(e lmtpd.SessionEvent) {
	w.metrics.SessionEnd("closed", e.Octets, 0)
	w.metrics.Waits(&e.TimesSpent)
	w.log.Info("session", "remote", e.Remote, "helo", e.Helo, "messages", e.Messages, "delivered", e.Delivered, "failed", e.Failed,
		"octets", e.Octets, "ms", ms(e.Duration))
}

func (w *worker) rejected(e lmtpd.RejectEvent) {
	w.metrics.Rejected(outcome(e.Err))
	w.log.Info("recipient refused", "remote", e.Remote, "from", e.From, "to", e.Address, "err", e.Err)
}

// outcome is an error as a label with few values.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	}
	return mail.KindOf(err).String()
}

// ms is a duration in milliseconds for the log.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
