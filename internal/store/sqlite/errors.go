package sqlite

import (
	"context"
	"errors"
	"syscall"

	"github.com/constance-mail/constance/internal/mail"
	"zombiezen.com/go/sqlite"
)

// fail is err as the caller of op sees it: contexts' errors and *mail.Error as they are, others with their kind.
func fail(op, item string, err error) error {
	var e *mail.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &mail.Error{Op: op, Kind: kindOf(err), Item: item, Err: err}
}

// refuse is an error of that kind without a cause.
func refuse(op string, kind mail.Kind, item string) error {
	return &mail.Error{Op: op, Kind: kind, Item: item}
}

// corrupt is an error about damaged data.
func corrupt(item string, why string) error {
	return &mail.Error{Op: "read", Kind: mail.Corrupt, Item: item, Err: errors.New(why)}
}

// kindOf sorts the errors of SQLite and of the system: what the disk or a lock refuses now may work later.
func kindOf(err error) mail.Kind {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return mail.Unavailable
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return mail.Corrupt
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultCantOpen,
		sqlite.ResultReadOnly, sqlite.ResultNoMem, sqlite.ResultProtocol:
		return mail.Unavailable
	}
	return mail.Internal
}
