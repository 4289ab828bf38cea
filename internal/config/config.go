// Package config reads the one configuration file of a server: TOML, checked as a whole, immutable afterwards.
//
// Every key is written once, in the table of Config.sections: its place, default, bounds, unit and description. What
// `constance config --defaults` prints, what Load accepts and what Changed reports all come from that table. Durations
// and sizes are strings with their unit ("30m", "14d", "50 MiB"), so that no number needs guessing.
//
// A mistake is an *Error that names the file, the line and, for an unknown key, the nearest known one.
package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// Config is all settings of a server. Nobody changes one after Load or Default returned it.
type Config struct {
	Server  Server
	Listen  Listen
	IMAP    IMAP
	LMTP    LMTP
	Store   Store
	Sharing Sharing
	Auth    Auth
	TLS     TLS
	SNMP    SNMP
	Log     Log
}

// Server is what holds for all services.
type Server struct {
	Hostname string        // "" for the machine's own
	Drain    time.Duration // how long a service that must go waits for its sessions
	Hung     time.Duration // without a sign of life until a worker is replaced; 0 = never
}

// Listen is where the built-in services listen: "host:port", "unix:/path" or "off".
type Listen struct {
	IMAP, IMAPS, LMTP, HTTP string
}

// IMAP is the bounds of the IMAP services.
type IMAP struct {
	Workers     int           // processes per service; 0: as many as processors, at least 2
	Connections int           // per worker process
	MaxMemory   int64         // octets of a worker process until it is replaced; 0 = no bound
	LoginTime   time.Duration // for logging in
	IdleTime    time.Duration // between commands. RFC 9051 section 5.4
	AppendLimit int64         // octets of a message. RFC 7889
	LineLimit   int64         // octets of a command without its literals
	Admin       string        // URI of the administrator. RFC 5464 section 6.2.2
	Comment     string        // about the server. RFC 5464 section 6.2.1

	MessageLimit    int    // messages of one command; 0: any number. RFC 9738
	MessageLimitFor string // which commands: all or saving

	Unauthenticate bool // the command UNAUTHENTICATE. RFC 8437
}

// LMTP is the bounds of the LMTP service.
type LMTP struct {
	Workers     int
	Connections int           // per worker process
	MaxMemory   int64         // octets of a worker process until it is replaced; 0 = no bound
	Timeout     time.Duration // for each step of a client
	SizeLimit   int64         // octets of a message. RFC 1870
	Recipients  int           // of one message
}

// Store is how mail is kept.
type Store struct {
	Handles       int           // open accounts per process
	InlineLimit   int64         // octets up to which a message lies in its account's database
	Quota         int64         // octets of a new account; 0 none
	QuotaMessages int64         // messages of a new account; 0 none
	Mailboxes     []Mailbox     // of a new account, besides INBOX
	PurgeAfter    time.Duration // from expunge to removal
	Index         string        // which accounts get an index of text: searched, all or none
}

// Mailbox is a mailbox of each new account.
type Mailbox struct {
	Name string
	Use  string // special use without its backslash, lower case: "sent"; "" for none. RFC 6154 section 2
}

// Sharing is how mailboxes of others are offered. RFC 2342, RFC 4314.
type Sharing struct {
	Others string   // the prefix of other users' mailboxes, without separator; "": not offered
	Shared string   // that of shared accounts
	Admins []string // login names
}

// Auth is how passwords are kept and checked.
type Auth struct {
	Scheme       string        // of new passwords
	Hashers      int           // slow hashes computed at a time; 0: as many as processors
	Remember     time.Duration // how long a checked password is remembered
	PenaltyLimit time.Duration // the longest wait for the answer to a wrong password; 0 none
}

// TLS is the certificate and the bounds of TLS.
type TLS struct {
	Certificate string // file, PEM; "" for the self-signed one of the data directory
	Key         string // file, PEM
	MinVersion  string // "1.2" or "1.3"
}

// SNMP is how the master shows itself to an SNMP agent.
type SNMP struct {
	Socket string        // AgentX: "/path", "unix:/path" or "tcp:host:port"; "" for none
	Ping   time.Duration // between two looks at the connection
}

// Log is what is logged and how.
type Log struct {
	Level  string        // debug, info, warn, error
	Format string        // text, json
	Slow   time.Duration // a command of IMAP that takes longer is logged with its waits; 0 = none
}

// Default is the configuration without a file.
func Default() *Config {
	c := new(Config)
	for _, s := range c.sections() {
		for _, f := range s.fields {
			f.setDefault()
		}
	}
	return c
}

// Load reads and checks a file; no path is Default. Errors of content are *Error.
func Load(path string) (*Config, error) {
	if path == "" {
		return Default(), nil
	}
	text, err := readFile(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, &Error{File: path, Text: err.Error()}
	}
	return Parse(path, text)
}

// readFile reads a file up to an octet more than MaxFile, which Parse refuses.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}
