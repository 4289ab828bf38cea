package auth

import (
	"strings"
	"time"
)

// The account of a user who was deleted is kept for a while, under a login name that CleanLogin gives to nobody: with it
// nobody logs in, gets mail or is named in an ACL. Who gives it a proper name again has undone the deletion.
const (
	deletedPrefix = "DELETED/"
	deletedTime   = "20060102T150405.000000000"
)

// DeletedLogin is the name under which the account of a login name is kept that was deleted at that time.
func DeletedLogin(login string, at time.Time) string {
	return deletedPrefix + login + "/" + at.UTC().Format(deletedTime)
}

// Deleted tells of a name by DeletedLogin whose it was, and when it was deleted; false for any other login name.
func Deleted(name string) (login string, at time.Time, ok bool) {
	rest, ok := strings.CutPrefix(name, deletedPrefix)
	i := strings.LastIndexByte(rest, '/')
	if !ok || i < 1 {
		return "", time.Time{}, false
	}
	at, err := time.Parse(deletedTime, rest[i+1:])
	return rest[:i], at, err == nil
}

// CheckRenamed refuses what can be no login name, of a user or of one who was deleted. Kind Invalid.
func CheckRenamed(to string) error {
	if _, _, ok := Deleted(to); ok {
		return nil
	}
	clean, err := CleanLogin(to)
	if err == nil && clean != to {
		err = invalid("rename", to, loginError("is not canonical"))
	}
	return err
}
