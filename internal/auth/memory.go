package auth

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/constance-mail/constance/internal/mail"
)

// Memory is a Directory that forgets everything at its end: the reference for others, and for tests.
type Memory struct {
	mu    sync.RWMutex
	users map[string]User

	members map[member]bool
	shares  map[mail.AccountID][]string
}

// NewMemory is an empty directory.
func NewMemory() *Memory {
	return &Memory{users: map[string]User{}, members: map[member]bool{}, shares: map[mail.AccountID][]string{}}
}

// Lookup implements Directory.
func (m *Memory) Lookup(_ context.Context, login string) (User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	u, ok := m.users[login]
	if !ok {
		return User{}, noUser(login)
	}
	return u, nil
}

// Add implements Directory.
func (m *Memory) Add(_ context.Context, users []User, replace bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	add := make(map[string]User, len(users))
	for _, u := range users {
		clean, err := CleanLogin(u.Login)
		if err != nil {
			return err
		}
		if u.Account != "" && !u.Account.Valid() {
			return invalid("add", string(u.Account), loginError("has a bad account identifier"))
		}
		u.Login = clean
		old, there := m.users[clean]
		if twice, ok := add[clean]; ok {
			old, there = twice, true
		}
		if there && !replace {
			return &mail.Error{Op: "add", Kind: mail.Exists, Item: clean}
		}
		if there {
			u.Account = old.Account
		}
		if u.Account == "" {
			u.Account = mail.AccountID(strings.ToLower(rand.Text()))
		}
		add[clean] = u
	}
	maps.Copy(m.users, add)
	return nil
}

// SetHash implements Directory.
func (m *Memory) SetHash(_ context.Context, login, hash string) error {
	return m.change(login, func(u *User) { u.Hash = hash })
}

// SetDisabled implements Directory.
func (m *Memory) SetDisabled(_ context.Context, login string, disabled bool) error {
	return m.change(login, func(u *User) { u.Disabled = disabled })
}

func (m *Memory) change(login string, f func(*User)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.users[login]
	if !ok {
		return noUser(login)
	}
	f(&u)
	m.users[login] = u
	return nil
}

// Remove implements Directory.
func (m *Memory) Remove(_ context.Context, login string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.users[login]; !ok {
		return noUser(login)
	}
	delete(m.users, login)
	maps.DeleteFunc(m.members, func(k member, _ bool) bool { return k.login == login })
	return nil
}

// Rename implements Directory.
func (m *Memory) Rename(_ context.Context, from, to string) error {
	if err := CheckRenamed(to); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.users[from]
	if !ok {
		return noUser(from)
	}
	if _, there := m.users[to]; there {
		return &mail.Error{Op: "rename", Kind: mail.Exists, Item: to}
	}
	u.Login = to
	m.users[to] = u
	delete(m.users, from)
	for k := range m.members {
		if k.login == from {
			delete(m.members, k)
			m.members[member{k.group, to}] = true
		}
	}
	return nil
}

// Logins implements Directory.
func (m *Memory) Logins(_ context.Context, account mail.AccountID) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []string
	for _, u := range m.users {
		if u.Account == account {
			out = append(out, u.Login)
		}
	}
	slices.Sort(out)
	return out, nil
}

// List implements Directory.
func (m *Memory) List(ctx context.Context, yield func(User) error) error {
	m.mu.RLock()
	users := maps.Clone(m.users)
	m.mu.RUnlock()
	for _, login := range slices.Sorted(maps.Keys(users)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(users[login]); err != nil {
			return err
		}
	}
	return nil
}

// Close implements Directory.
func (m *Memory) Close() error { return nil }

func noUser(login string) error { return &mail.Error{Op: "user", Kind: mail.NotFound, Item: login} }
