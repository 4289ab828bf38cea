package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/auth"
	"github.com/constance-mail/constance/internal/mail"
)

const userLong = `A user is a login name, a password and the account whose mail it opens. Login
names are kept in lower case. A message to "name", "name@any.domain" or
"name+detail@any.domain" is delivered to the user "name", unless there is a user
of the whole address. A running server sees every change at once.`

func (p *program) userCmd() *cobra.Command {
	return group("user", "Add, change, remove and list users", userLong,
		p.userAddCmd(), p.userPasswdCmd(), p.userQuotaCmd(), p.userRenameCmd(), p.userRemoveCmd(), p.userListCmd(), p.userImportCmd())
}

const passwordText = `
The password is asked for on a terminal, read from standard input otherwise
(its first line), or read from the file of --password-file.`

const sharedText = `

With --shared the account is nobody's own: it has no password, its mailboxes are those
of "Shared Folders/LOGIN", mail to its name comes into its INBOX, and ` + "`constance\nmailbox acl`" + ` says who may do what there.`

func (p *program) userAddCmd() *cobra.Command {
	file, shared := "", false
	c := &cobra.Command{
		Use:   "add LOGIN",
		Short: "Add a user or a shared account",
		Long:  "Adds a user with a new, empty account.\n" + passwordText + sharedText,
		Example: `  constance user add carol
  constance user add carol < password.txt
  constance user add carol@example.org --password-file password.txt
  constance user add --shared support`,
		Args: args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			login, err := auth.CleanLogin(a[0])
			if err != nil {
				return err
			}
			password := ""
			if !shared {
				if password, err = p.readPassword("Password for "+login, file); err != nil {
					return err
				}
			}
			b, err := p.open() // last: it makes the data directory
			if err != nil {
				return err
			}
			u := auth.User{Login: login, Shared: shared}
			return errors.Join(b.addUser(c.Context(), u, password), b.Close())
		},
	}
	c.Flags().BoolVar(&shared, "shared", false, "a shared account, without a password")
	c.Flags().StringVar(&file, "password-file", "", "file whose first line is the password")
	return c
}

// addUser adds a user, with a password unless it is a shared account.
func (b *backend) addUser(ctx context.Context, u auth.User, password string) (err error) {
	if !u.Shared {
		if u.Hash, err = auth.Hash(b.conf.Auth.Scheme, password); err != nil {
			return err
		}
	}
	err = b.users.Add(ctx, []auth.User{u}, false)
	if err != nil && mail.KindOf(err) == mail.Exists {
		return hinted(fmt.Errorf("there is a user %s already", u.Login), "`constance user passwd` changes a password")
	}
	return err
}

// newHash asks for a password and hashes it.
func (p *program) newHash(b *backend, prompt, file string) (string, error) {
	password, err := p.readPassword(prompt, file)
	if err != nil {
		return "", err
	}
	return auth.Hash(b.conf.Auth.Scheme, password)
}

func (p *program) userPasswdCmd() *cobra.Command {
	file := ""
	c := &cobra.Command{
		Use:     "passwd LOGIN",
		Short:   "Change a password",
		Long:    "Changes the password of a user. Sessions that are logged in go on.\n" + passwordText,
		Example: "  constance user passwd carol",
		Args:    args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error {
				u, err := b.user(c.Context(), a[0])
				if err != nil {
					return err
				}
				hash, err := p.newHash(b, "New password for "+u.Login, file)
				if err != nil {
					return err
				}
				return b.users.SetHash(c.Context(), u.Login, hash)
			})
		},
	}
	c.Flags().StringVar(&file, "password-file", "", "file whose first line is the password")
	return c
}

func (p *program) userRemoveCmd() *cobra.Command {
	withMail := false
	c := &cobra.Command{
		Use:   "remove LOGIN",
		Short: "Remove a user",
		Long: `Removes a login name. The mail of its account stays on disk, unless --mail is
given: then it is gone for good. Two login names can have the same account;
--mail is refused while another login name has it. The name leaves its groups and the
ACLs of the mailboxes that were shared with it.`,
		Example: "  constance user remove carol\n  constance user remove carol --mail",
		Args:    args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			return p.with(func(b *backend) error { return b.removeUser(c.Context(), a[0], withMail) })
		},
	}
	c.Flags().BoolVar(&withMail, "mail", false, "delete the account with all its mail, too")
	return c
}

func (b *backend) removeUser(ctx context.Context, login string, withMail bool) error {
	u, err := b.user(ctx, login)
	if err != nil {
		return err
	}
	if withMail {
		others, err := b.others(ctx, u)
		if err != nil {
			return err
		}
		if len(others) > 0 {
			return hinted(fmt.Errorf("%s has the same account as %s", others[0], u.Login), "remove it first, or leave --mail out")
		}
	}
	if err := b.users.Remove(ctx, u.Login); err != nil {
		return err
	}
	if withMail {
		err = b.store.Remove(ctx, u.Account)
	}
	return errors.Join(err, b.forget(ctx, u.Login))
}

// others are the other login names of a user's account.
func (b *backend) others(ctx context.Context, u auth.User) ([]string, error) {
	logins, err := b.users.Logins(ctx, u.Account)
	return slices.DeleteFunc(logins, func(l string) bool { return l == u.Login }), err
}

const renameLong = `Gives a user another login name. The account with all its mail, the password
and the groups go with it; the old name leaves the ACLs of the mailboxes that were shared
with it: others have to share them with the new one. Sessions that are logged in go on.

The account of a user whom an administrator has deleted by IMAP (DELETE user/LOGIN,
or cyradm's deletemailbox) is kept under a name that begins with DELETED/ for the time
of store.purge_after:
` + "`constance user list`" + ` shows it, and renaming it to a login name undoes the deletion.`

func (p *program) userRenameCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rename LOGIN NEW",
		Short: "Give a user another login name, or one that was deleted a name again",
		Long:  renameLong,
		Example: `  constance user rename carol carola
  constance user rename DELETED/carol/20261125T220001.000000023 carol`,
		Args: args(2, 2),
		RunE: func(c *cobra.Command, a []string) error {
			login, err := auth.CleanLogin(a[1])
			if err != nil {
				return err
			}
			return p.with(func(b *backend) error {
				u, err := b.user(c.Context(), a[0])
				if err != nil {
					return err
				}
				err = b.users.Rename(c.Context(), u.Login, login)
				if err != nil && mail.KindOf(err) == mail.Exists {
					return fmt.Errorf("there is a user %s already", login)
				}
				if err != nil {
					return err
				}
				return b.forget(c.Context(), u.Login)
			})
		},
	}
}

// userRow is a user in JSON.
type userRow struct {
	Login    string         `json:"login"`
	Account  mail.AccountID `json:"account"`
	Disabled bool           `json:"disabled"`
	Shared   bool           `json:"shared"`
}

func (p *program) userListCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List users",
		Long:    "Lists all users in the order of their names, each with the account whose mail it opens.",
		Example: "  constance user list\n  constance user list --json",
		Args:    args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.with(func(b *backend) error {
				users := []userRow{}
				var rows [][]string
				err := b.users.List(c.Context(), func(u auth.User) error {
					users = append(users, userRow{u.Login, u.Account, u.Disabled, u.Shared})
					rows = append(rows, []string{u.Login, string(u.Account), yes(u.Disabled), yes(u.Shared)})
					return nil
				})
				if err != nil {
					return err
				}
				return p.table([]string{"LOGIN", "ACCOUNT", "DISABLED", "SHARED"}, rows, users)
			})
		},
	}
}

// yes is a fact in a table.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

const importLong = `Adds many users at once, all or none, from lines as in Dovecot's passwd-file:

  login:{SCHEME}hash

FILE or standard input is read. Empty lines and lines that begin with "#" are
passed over; fields after the second are ignored. Schemes are PLAIN,
SHA512-CRYPT, SHA256-CRYPT, BLF-CRYPT, ARGON2ID, SSHA, SSHA256, SSHA512 and PBKDF2,
with an optional suffix .b64 or .hex for the encoding. Nothing is hashed anew, so
that people keep their passwords and 20,000 users take seconds.`

func (p *program) userImportCmd() *cobra.Command {
	replace := false
	c := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Add many users from a passwd-file",
		Long:  importLong,
		Example: `  constance user import /etc/dovecot/users
  printf 'carol:{PLAIN}secret\n' | constance user import`,
		Args: args(0, 1),
		RunE: func(c *cobra.Command, a []string) error {
			in, name := p.stdin, "standard input"
			if len(a) == 1 && a[0] != "-" {
				f, err := os.Open(a[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in, name = f, a[0]
			}
			var users []auth.User
			err := auth.ReadPasswdFile(in, func(_ int, u auth.User) error {
				users = append(users, u)
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			b, err := p.open()
			if err != nil {
				return err
			}
			return errors.Join(p.importUsers(c.Context(), b, users, replace), b.Close())
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "give users that exist already the new hash instead of refusing the import")
	return c
}

func (p *program) importUsers(ctx context.Context, b *backend, users []auth.User, replace bool) error {
	err := b.users.Add(ctx, users, replace)
	var e *mail.Error
	if errors.As(err, &e) && e.Kind == mail.Exists {
		return hinted(fmt.Errorf("there is a user %s already; nobody was added", e.Item), "--replace gives existing users the new hash")
	}
	if err != nil {
		return err
	}
	return p.table([]string{"IMPORTED"}, [][]string{{fmt.Sprint(len(users))}}, map[string]int{"imported": len(users)})
}
