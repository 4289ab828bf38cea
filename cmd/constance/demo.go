package main

import (
	"context"
	"fmt"
	"time"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/demo"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/message"
)

// addDemo adds the demo accounts that are missing, with their mail. It never touches one that is there.
func (b *backend) addDemo(ctx context.Context) error {
	for _, a := range demo.Accounts() {
		_, err := b.users.Lookup(ctx, a.Login)
		if err == nil {
			continue
		}
		if mail.KindOf(err) != mail.NotFound {
			return err
		}
		if err := b.addDemoAccount(ctx, a); err != nil {
			return fmt.Errorf("demo account %s: %w", a.Login, err)
		}
	}
	return nil
}

// addDemoAccount fills an account before a login name leads to it, so that an interruption leaves no half-filled one.
func (b *backend) addDemoAccount(ctx context.Context, a demo.Account) error {
	hash, err := auth.Hash(b.conf.Auth.Scheme, a.Password)
	if err != nil {
		return err
	}
	id := mail.AccountID("demo" + a.Login)
	if err := b.store.Remove(ctx, id); err != nil { // what an interrupted start left
		return err
	}
	account := b.store.Account(id)
	for _, name := range a.Mailboxes {
		_, err := account.CreateMailbox(ctx, name, nil)
		if err != nil && mail.KindOf(err) != mail.Exists {
			return err
		}
		if err := account.Subscribe(ctx, name, true); err != nil {
			return err
		}
	}
	for _, m := range a.Messages {
		if err := appendMessage(ctx, account, m); err != nil {
			return fmt.Errorf("append to %s: %w", m.Mailbox, err)
		}
	}
	return b.users.Add(ctx, []auth.User{{Login: a.Login, Account: id, Hash: hash}}, false)
}

func appendMessage(ctx context.Context, account mail.Account, m demo.Message) error {
	box, err := account.Mailbox(ctx, m.Mailbox)
	if err != nil {
		return err
	}
	up, err := account.NewUpload(ctx, int64(len(m.Octets)))
	if err != nil {
		return err
	}
	defer up.Close()
	if _, err := up.Write(m.Octets); err != nil {
		return err
	}
	digest, err := message.Digest(up, up.Size())
	if err != nil {
		return err
	}
	_, err = account.Append(ctx, box.ID, []mail.NewMessage{{Upload: up, Digest: digest, Flags: m.Flags, Internal: m.Internal.In(time.UTC)}})
	return err
}
