package auth

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/constance-mail/constance/internal/mail"
)

// member is a login name in a group.
type member struct{ group, login string }

// Groups implements Sharing.
func (m *Memory) Groups(_ context.Context, login string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []string
	for k := range m.members {
		if k.login == login {
			out = append(out, k.group)
		}
	}
	slices.Sort(out)
	return out, nil
}

// SetMember implements Sharing.
func (m *Memory) SetMember(_ context.Context, group, login string, on bool) error {
	if err := CheckMember(group, login); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.members, member{group, login})
	if on {
		m.members[member{group, login}] = true
	}
	return nil
}

// CheckMember refuses names that are not canonical. Kind Invalid.
func CheckMember(group, login string) error {
	for _, name := range [...]string{group, login} {
		if clean, err := CleanLogin(name); err != nil || clean != name {
			return invalid("group", name, loginError("is not canonical"))
		}
	}
	return nil
}

// Members implements Sharing.
func (m *Memory) Members(_ context.Context, yield func(group, login string) error) error {
	m.mu.RLock()
	all := slices.SortedFunc(maps.Keys(m.members), func(a, b member) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.login, b.login))
	})
	m.mu.RUnlock()
	for _, k := range all {
		if err := yield(k.group, k.login); err != nil {
			return err
		}
	}
	return nil
}

// Share implements Sharing.
func (m *Memory) Share(_ context.Context, account mail.AccountID, identifiers func() ([]string, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	list, err := identifiers()
	if err == nil {
		m.shares[account] = list
	}
	return err
}

// Sharers implements Sharing.
func (m *Memory) Sharers(_ context.Context, identifiers []string) ([]User, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []User
	for _, login := range slices.Sorted(maps.Keys(m.users)) {
		u := m.users[login]
		if _, _, deleted := Deleted(login); deleted {
			continue
		}
		listed := slices.ContainsFunc(out, func(o User) bool { return o.Account == u.Account })
		if !listed && slices.ContainsFunc(m.shares[u.Account], func(id string) bool { return slices.Contains(identifiers, id) }) {
			out = append(out, u)
		}
	}
	return out, nil
}
