package main

import (
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/constance-mail/constance/internal/master"
	"github.com/constance-mail/constance/internal/master/cyrusconf"
)

// credential is who the services run as when the master runs as root.
func credential(opts cyrusconf.Imapd, log *slog.Logger) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	name := first(os.Getenv("CYRUS_USER"), opts["cyrus_user"])
	u, err := user.Lookup(first(name, "cyrus"))
	if err != nil && name == "" {
		log.Warn("there is no user cyrus: services run as root", "hint", "set cyrus_user in imapd.conf")
		return nil, nil
	} else if err != nil {
		return nil, &master.Error{Code: exitFailed, Err: err}
	}
	if u.Uid == "0" {
		return nil, nil // as it is
	}
	gid := u.Gid
	if group := first(os.Getenv("CYRUS_GROUP"), opts["cyrus_group"]); group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, &master.Error{Code: exitFailed, Err: err}
		}
		gid = g.Gid
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, &master.Error{Code: exitFailed, Err: err}
	}
	cred := &syscall.Credential{Uid: number(u.Uid), Gid: number(gid)}
	for _, g := range groups {
		cred.Groups = append(cred.Groups, number(g))
	}
	return cred, nil
}

func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 65534 // nobody: only a passwd file with an odd number leads here
	}
	return uint32(n)
}
