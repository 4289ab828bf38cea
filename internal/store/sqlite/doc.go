// Package sqlite is the store of one machine: an account is a directory with one SQLite database and the segments of
// its large bodies. Any number of processes may use a store at a time. docs/storage.md describes what is on disk.
//
// Begin with Open; OpenDirectory is the database of login names beside the accounts.
//
// The layers, from below: conn (a connection with fast access to its memory), files (what is open of an account),
// changed (the cheap truth about an account's ModSeq), write (queue, lock and transaction of a change), page (the
// columns of 256 messages), and on top of them one file per operation of mail.Account.
package sqlite
