package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/config"
	"github.com/constance-mail/constance/internal/deliver"
	"github.com/constance-mail/constance/internal/mail"
)

const deliverLong = `Delivers each FILE (one message as in RFC 5322, "-" is standard input) to a user, as
LMTP would: quota counts, trace fields are put before it, sessions see it at once.
Line ends are made CRLF. When the command has ended without an error, every message is
durable; otherwise standard output tells which ones are.

USER is a login name or an address: "alice", "alice@example.org", "alice+lists".`

func (p *program) deliverCmd() *cobra.Command {
	to, from, mailbox := "", "", ""
	c := &cobra.Command{
		Use:   "deliver --to USER FILE...",
		Short: "Deliver messages from files",
		Long:  deliverLong,
		Example: `  constance deliver --to alice mail.eml
  printf 'Subject: hello\n\nHello Alice\n' | constance deliver --to alice -
  constance deliver --to alice --mailbox Archive old/*.eml`,
		Args: args(1, -1),
		RunE: func(c *cobra.Command, files []string) error {
			if to == "" {
				return &usageError{text: "--to is missing", command: c.CommandPath()}
			}
			return p.with(func(b *backend) error {
				r, err := b.recipient(c.Context(), to)
				if err != nil {
					return err
				}
				r.Mailbox = mailbox
				return p.deliver(c.Context(), b, &envelope{from: from, to: r}, files)
			})
		},
	}
	c.Flags().StringVar(&to, "to", "", "login name or address of the user")
	c.Flags().StringVar(&from, "from", "", "address that the message comes from (default: none)")
	c.Flags().StringVar(&mailbox, "mailbox", "", "mailbox (default: INBOX, or that of the detail in user+detail)")
	return c
}

// envelope is what is not in the message.
type envelope struct {
	from string
	to   deliver.Recipient
}

// recipient finds whose mail an address is.
func (b *backend) recipient(ctx context.Context, address string) (deliver.Recipient, error) {
	u, detail, err := auth.New(b.users, auth.Options{}).Resolve(ctx, address)
	if err != nil && mail.KindOf(err) == mail.NotFound {
		return deliver.Recipient{}, hinted(fmt.Errorf("there is no user %s", address), "`constance user list` lists all users")
	}
	return deliver.Recipient{Address: address, Account: u.Account, Detail: detail, Shared: u.Shared}, err
}

// deliveryRow is a delivered message in JSON.
type deliveryRow struct {
	File    string   `json:"file"`
	Mailbox string   `json:"mailbox,omitempty"`
	UID     mail.UID `json:"uid,omitempty"`
	Octets  int64    `json:"octets"`
	Error   string   `json:"error,omitempty"`
}

func (p *program) deliver(ctx context.Context, b *backend, e *envelope, files []string) error {
	d := deliver.New(b.store, deliver.Options{})
	out := []deliveryRow{}
	var rows [][]string
	var failed []error
	for _, name := range files {
		row, err := p.deliverFile(ctx, b, d, e, name)
		if err != nil {
			row.Error = err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
		out = append(out, row)
		if err == nil {
			rows = append(rows, []string{name, row.Mailbox, strconv.Itoa(int(row.UID)), strconv.FormatInt(row.Octets, 10)})
		}
	}
	return errors.Join(append(failed, p.table([]string{"FILE", "MAILBOX", "UID", "OCTETS"}, rows, out))...)
}

func (p *program) deliverFile(ctx context.Context, b *backend, d *deliver.Deliverer, e *envelope, name string) (deliveryRow, error) {
	row := deliveryRow{File: name}
	in := p.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return row, errors.Unwrap(err)
		}
		defer f.Close()
		in = f
	}
	spool := d.NewSpool()
	defer spool.Close()
	limit := b.conf.LMTP.SizeLimit
	if err := copyCRLF(spool, io.LimitReader(in, limit+1)); err != nil {
		return row, err
	}
	if row.Octets = spool.Size(); row.Octets > limit {
		return row, fmt.Errorf("larger than %s (lmtp.size_limit)", config.FormatSize(limit))
	}
	m := deliver.Message{Spool: spool, From: e.from, Trace: &deliver.Trace{By: hostname(b.conf), ID: deliver.NewID()}}
	r := d.Deliver(ctx, &m, []deliver.Recipient{e.to})[0]
	row.Mailbox, row.UID = r.Mailbox, r.UID
	return row, r.Err
}

// hostname is how the server calls itself.
func hostname(c *config.Config) string {
	if c.Server.Hostname != "" {
		return c.Server.Hostname
	}
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "localhost"
}

// copyCRLF copies a message and makes every line end CRLF, as mail has them on the wire. RFC 5322 section 2.3.
func copyCRLF(w io.Writer, r io.Reader) error {
	in, out := bufio.NewReaderSize(r, 64<<10), bufio.NewWriterSize(w, 64<<10)
	cr := false
	for {
		piece, err := in.ReadSlice('\n')
		if n := len(piece); n > 0 {
			if piece[n-1] == '\n' && (n > 1 && piece[n-2] != '\r' || n == 1 && !cr) {
				out.Write(piece[:n-1]) // Flush tells of errors
				out.WriteString("\r\n")
			} else {
				out.Write(piece)
			}
			cr = piece[n-1] == '\r'
		}
		switch {
		case err == io.EOF:
			return out.Flush()
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
