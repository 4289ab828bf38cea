package main

import (
	"context"
	"net"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/config"
)

func (p *program) imapdCmd() *cobra.Command {
	implicit := false
	c := &cobra.Command{
		Use:     "imapd",
		Short:   "The IMAP service, started by a master",
		Long:    "Serves IMAP (RFC 9051 and RFC 3501) to clients." + serviceText,
		Example: `  imap cmd="constance imapd --data /var/lib/constance" listen="imap" prefork=2    # in cyrus.conf`,
		Args:    args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return p.imapd(c.Context(), implicit) },
	}
	c.Flags().BoolVarP(&implicit, "tls", "s", false, "TLS from the first octet, as on port 993")
	return c
}

func (p *program) imapd(ctx context.Context, implicit bool) error {
	w, err := p.newWorker("imap", func(c *config.Config) int { return c.IMAP.Connections })
	if err != nil {
		return err
	}
	return w.run(ctx, nil, func(ctx context.Context, c net.Conn) { c.Write([]byte("* OK not yet\r\n")) })
}
