// Package auth answers "who is this?": it finds the account of a login name or of a mail address and checks passwords.
package auth

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// User is a login name and what belongs to it.
type User struct {
	Login    string         // canonical: lower case, see CleanLogin
	Account  mail.AccountID // whose mail it is
	Hash     string         // "{SCHEME}..." as in Dovecot's passwd-file; "" lets nobody in
	Disabled bool           // no login; mail is still taken
	Shared   bool           // a shared account: nobody's own, in the namespace of shared mailboxes. RFC 2342 section 5
}

// Directory holds the users. Safe for any goroutine; several processes may use it at a time, and see each other's
// changes at once. A change is durable when the method returns.
type Directory interface {
	// Lookup is the user of that canonical login name. Kind NotFound.
	Lookup(ctx context.Context, login string) (User, error)
	// Add adds users, all or none; an empty Account gets a new identifier. Kinds Exists (Item names the login), Invalid.
	// With replace an existing login keeps its account and gets the new hash.
	Add(ctx context.Context, users []User, replace bool) error
	// SetHash changes a password. Kind NotFound.
	SetHash(ctx context.Context, login, hash string) error
	// SetDisabled lets a user log in or not. Kind NotFound.
	SetDisabled(ctx context.Context, login string, disabled bool) error
	// Remove takes the login name away, and out of its groups, not the mail of its account. What ACLs say of it is the
	// caller's to take away. Kind NotFound.
	Remove(ctx context.Context, login string) error
	// Rename gives a user another login name, with the account, the password and the groups that go with it; what ACLs
	// say of the old name they do not say of the new one. A name by DeletedLogin is allowed, too. Kinds NotFound, Exists,
	// Invalid.
	Rename(ctx context.Context, from, to string) error
	// Logins are the login names of an account, in order, also by DeletedLogin.
	Logins(ctx context.Context, account mail.AccountID) ([]string, error)
	// List yields all users in the order of their names, also those by DeletedLogin; an error of yield ends it and is returned.
	List(ctx context.Context, yield func(User) error) error
	Sharing
	Close() error
}

// Sharing is groups, and an index of who shares with whom: the truth is the ACLs in the accounts.
type Sharing interface {
	// Groups are the groups that a login name is in, in order.
	Groups(ctx context.Context, login string) ([]string, error)
	// SetMember puts a login name into a group or takes it out of it; either may be so already. Kind Invalid: a name that
	// CleanLogin would not leave as it is.
	SetMember(ctx context.Context, group, login string, on bool) error
	// Members yields all members of all groups, in order of group and login; an error of yield ends it and is returned.
	Members(ctx context.Context, yield func(group, login string) error) error
	// Share makes identifiers those to whom something of the account is visible. It asks for them when no other Share can
	// come between, so that who comes last tells the latest.
	Share(ctx context.Context, account mail.AccountID, identifiers func() ([]string, error)) error
	// Sharers are the users who share something with one of these identifiers, by login name. An account with several
	// login names comes under the first of them, one that was deleted not at all. It takes time for each of those, not for each account that there is.
	Sharers(ctx context.Context, identifiers []string) ([]User, error)
}
