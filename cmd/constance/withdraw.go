package main

import (
	"context"
	"errors"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// forget takes a login name that nobody has any more out of the ACLs of the accounts that shared something with it, so
// that who gets the name next does not inherit it. What only denies, or gives rights that show no mailbox, goes at the
// purge: no index says where it is.
func (b *backend) forget(ctx context.Context, login string) error {
	users, err := b.users.Sharers(ctx, []string{login})
	if err != nil {
		return err
	}
	var failures []error
	for _, u := range users {
		failures = append(failures, b.withdraw(ctx, u.Account, func(id string) (bool, error) { return id == login, nil }))
	}
	return errors.Join(failures...)
}

// nobody tells of a login name whether there is no such user.
func (b *backend) nobody(ctx context.Context) func(login string) (bool, error) {
	known := map[string]bool{}
	return func(login string) (bool, error) {
		there, ok := known[login]
		if ok {
			return !there, nil
		}
		_, err := b.users.Lookup(ctx, login)
		if err != nil && mail.KindOf(err) != mail.NotFound {
			return false, err
		}
		known[login] = err == nil
		return err != nil, nil
	}
}

// withdraw takes out of the ACLs of an account the login names that are gone.
func (b *backend) withdraw(ctx context.Context, account mail.AccountID, gone func(login string) (bool, error)) error {
	a := b.store.Account(account)
	boxes, err := a.Mailboxes(ctx)
	if err != nil {
		return err
	}
	changed := false
	for i := range boxes {
		ids, err := departed(boxes[i].ACL, gone)
		if err != nil {
			return err
		}
		for _, id := range ids {
			err := a.SetACL(ctx, boxes[i].ID, mail.ACLChange{Identifier: id})
			if err != nil && mail.KindOf(err) != mail.NotFound { // the mailbox has gone meanwhile
				return err
			}
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return b.share(ctx, a)
}

// departed are the identifiers of an ACL whose login names are gone.
func departed(acl mail.ACL, gone func(login string) (bool, error)) (ids []string, err error) {
	for _, g := range acl {
		login, one := loginOf(g.Identifier)
		if !one {
			continue
		}
		yes, err := gone(login)
		if err != nil {
			return nil, err
		}
		if yes {
			ids = append(ids, g.Identifier)
		}
	}
	return ids, nil
}

// loginOf is the login name that an identifier of an ACL gives something, or denies it; false if it is of no single user.
func loginOf(identifier string) (string, bool) {
	login := strings.TrimPrefix(identifier, "-")
	switch {
	case login == mail.Anyone, login == mail.Anonymous, login == mail.Owner, strings.HasPrefix(login, mail.GroupPrefix):
		return "", false
	}
	return login, true
}
