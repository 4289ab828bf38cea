package config

import (
	"slices"
	"strings"
	"time"
)

// section is a table of the file.
type section struct {
	name, doc string
	fields    []field
}

// field is one key: where its value goes, its default and what it means.
type field struct {
	key   string
	value value
	def   any // as TOML gives it: string, int64, bool, []any
	doc   string
}

// setDefault sets the field to its default. A default that its own bounds refuse is our bug.
func (f field) setDefault() {
	if err := f.value.set(f.def); err != nil {
		panic("config: default of " + f.key + ": " + err.Error())
	}
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	day = 24 * time.Hour
)

// sections is the table of all keys, bound to the fields of c.
func (c *Config) sections() []section {
	return slices.Concat(c.serverSections(), c.storeSections())
}

func (c *Config) serverSections() []section {
	return []section{
		{"server", "What holds for all services.", []field{
			{"hostname", host{&c.Server.Hostname}, "",
				"The name in greetings, Received fields and the self-signed certificate. Empty: the machine's own name."},
			{"drain", span{&c.Server.Drain, 0, time.Hour}, "10s",
				"How long a service that is told to go waits for its sessions to finish before it ends them."},
			{"hung_after", span{&c.Server.Hung, 0, time.Hour}, "30s",
				"A worker that makes no progress for so long is replaced; what it was doing is saved in run/*.hung. 0s: never."},
		}},
		{"listen", "Where the services listen: \"host:port\", \"unix:/path\" or \"off\". `serve --listen` overrides.", []field{
			{"imap", address{&c.Listen.IMAP}, "127.0.0.1:1143", "IMAP with STARTTLS."},
			{"imaps", address{&c.Listen.IMAPS}, "127.0.0.1:1993", "IMAP over TLS. RFC 8314."},
			{"lmtp", address{&c.Listen.LMTP}, "127.0.0.1:1024", "Delivery by LMTP. It trusts its clients: never open it to a network. RFC 2033."},
			{"http", address{&c.Listen.HTTP}, "127.0.0.1:8143", "Metrics (/metrics) and health (/healthz), without a password."},
		}},
		{"imap", "The IMAP services, imap and imaps, each with its own workers.", []field{
			{"workers", number{&c.IMAP.Workers, 0, 1024}, int64(0),
				"Worker processes per service. 0: as many as processors, at least 2. `serve --workers` overrides."},
			{"connections", number{&c.IMAP.Connections, 1, 1 << 20}, int64(9000), "Connections per worker process."},
			{"max_memory", size{&c.IMAP.MaxMemory, 0, 1 << 50}, "0",
				"Memory of a worker process, beside what it maps of files. Above it the worker is replaced and ends when its sessions have. 0: no limit."},
			{"login_time", span{&c.IMAP.LoginTime, time.Second, time.Hour}, "1m", "How long a client may take to log in."},
			{"idle_time", span{&c.IMAP.IdleTime, time.Second, 7 * day}, "30m",
				"How long a client may be silent. RFC 9051 section 5.4 asks for at least 30 minutes."},
			{"append_limit", size{&c.IMAP.AppendLimit, kib, 4*gib - 1}, "50 MiB", "The largest message that APPEND takes. RFC 7889."},
			{"message_limit", number{&c.IMAP.MessageLimit, 0, 1 << 30}, int64(0),
				"How many messages one command works on; clients are told, and ask again for the others. RFC 9738 section 3 advises against fewer than 1000. 0: no limit."},
			{"message_limit_for", choice{&c.IMAP.MessageLimitFor, []string{"all", "saving"}}, "all",
				"What message_limit holds for: all commands that name messages, or only COPY and APPEND."},
			{"line_limit", size{&c.IMAP.LineLimit, 8 * kib, 16 * mib}, "64 KiB",
				"The longest command, its literals not counted. RFC 7162 section 4 asks for at least 8192 octets."},
			{"admin", text{&c.IMAP.Admin, 1024}, "",
				"How to reach the administrator, as a URI such as mailto:postmaster@example.org. RFC 5464 section 6.2.2."},
			{"comment", text{&c.IMAP.Comment, 1024}, "", "A note about the server for its users. RFC 5464 section 6.2.1."},
			{"unauthenticate", toggle{&c.IMAP.Unauthenticate}, true,
				"UNAUTHENTICATE lets a client log in as somebody else on the same connection. RFC 8437 section 8: turn it off behind a proxy that knows only the first login."},
		}},
		{"lmtp", "Delivery by LMTP. RFC 2033.", []field{
			{"workers", number{&c.LMTP.Workers, 1, 1024}, int64(2), "Worker processes."},
			{"connections", number{&c.LMTP.Connections, 1, 1 << 16}, int64(500), "Connections per worker process."},
			{"max_memory", size{&c.LMTP.MaxMemory, 0, 1 << 50}, "0", "As of [imap]."},
			{"timeout", span{&c.LMTP.Timeout, time.Second, time.Hour}, "5m", "How long a client may take for a step. RFC 5321 section 4.5.3.2."},
			{"size_limit", size{&c.LMTP.SizeLimit, kib, 4*gib - 1}, "50 MiB", "The largest message. RFC 1870."},
			{"recipients", number{&c.LMTP.Recipients, 100, 1 << 20}, int64(2000),
				"Recipients of one message. RFC 5321 section 4.5.3.1.8 asks for at least 100."},
		}},
	}
}

func (c *Config) storeSections() []section {
	return []section{
		{"store", "How mail is kept.", []field{
			{"handles", number{&c.Store.Handles, 8, 1 << 16}, int64(512),
				"Accounts that a process keeps open while they are in use; each costs about 200 KiB and three file descriptors. LMTP keeps 64 at most."},
			{"inline_limit", size{&c.Store.InlineLimit, kib, mib}, "32 KiB",
				"Messages up to this size lie in the account's database, larger ones in its segment files."},
			{"quota", size{&c.Store.Quota, 0, 1 << 50}, "0", "Room of a new account. 0: no limit."},
			{"quota_messages", number64{&c.Store.QuotaMessages, 0, 1 << 32}, int64(0), "Messages of a new account. 0: no limit."},
			{"mailboxes", mailboxes{&c.Store.Mailboxes},
				[]any{"Drafts:drafts", "Sent:sent", "Trash:trash", "Junk:junk", "Archive:archive"},
				"Mailboxes of a new account besides INBOX, as NAME or NAME:USE; USE is one of " + strings.Join(uses, ", ") + ". RFC 6154."},
			{"purge_after", span{&c.Store.PurgeAfter, 0, 3650 * day}, "14d",
				"How long expunged messages keep their room before the daily purge gives it back."},
			{"index", choice{&c.Store.Index, []string{"searched", "all", "none"}}, "searched",
				"Which accounts get an index of their text, a third to a half of its size: those whose users search it, all, or none. See `constance index`."},
		}},
		{"sharing", "How users see the mailboxes that others share with them (RFC 4314), and shared accounts.", []field{
			{"others", level{&c.Sharing.Others}, "Other Users", "The prefix of other users' mailboxes. Empty: they are not offered. RFC 2342."},
			{"shared", level{&c.Sharing.Shared}, "Shared Folders", "The prefix of the mailboxes of shared accounts."},
			{"admins", logins{&c.Sharing.Admins}, []any{},
				"Login names of administrators: they list, create, delete and share all mailboxes as user/NAME, but read only what they are given."},
		}},
		{"auth", "How passwords are kept and checked.", []field{
			{"scheme", choice{&c.Auth.Scheme, []string{"ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT", "PBKDF2", "PLAIN"}}, "ARGON2ID",
				"How new passwords are hashed. Hashes of other schemes keep working."},
			{"hashers", number{&c.Auth.Hashers, 0, 1024}, int64(0),
				"Passwords hashed at a time by a process; further logins wait in a queue. 0: as many as processors."},
			{"remember", span{&c.Auth.Remember, 0, day}, "10m",
				"How long a process remembers (as a keyed hash) that a password was right, to spare the slow hash at the next login."},
			{"penalty_limit", span{&c.Auth.PenaltyLimit, 0, time.Hour}, "15s",
				"The longest that the answer to a wrong password is delayed; it grows with each one from an address or for a user. 0s: no delay."},
		}},
		{"tls", "Certificate and protocol versions.", []field{
			{"certificate", text{&c.TLS.Certificate, 4096}, "", "File with the certificate chain (PEM). Empty: a self-signed one in the data directory."},
			{"key", text{&c.TLS.Key, 4096}, "", "File with the certificate's private key (PEM)."},
			{"min_version", choice{&c.TLS.MinVersion, []string{"1.2", "1.3"}}, "1.2", "The oldest version of TLS. RFC 8996 forbids those before 1.2."},
		}},
		{"snmp", "The master as seen by SNMP, through an SNMP agent that speaks AgentX. RFC 2741.", []field{
			{"socket", text{&c.SNMP.Socket, 4096}, "",
				"AgentX socket of the agent: \"/var/agentx/master\" or \"tcp:localhost:705\". Empty: none. A change needs a restart."},
			{"ping", span{&c.SNMP.Ping, time.Second, time.Hour}, "15s", "How often the connection to the agent is tried."},
		}},
		{"log", "The log, written to standard error.", []field{
			{"level", choice{&c.Log.Level, []string{"debug", "info", "warn", "error"}}, "info", "The least level that is written."},
			{"format", choice{&c.Log.Format, []string{"text", "json"}}, "text", "Text is for people, JSON for programs; one line per event in both."},
			{"slow", span{&c.Log.Slow, 0, time.Hour}, "1s",
				"A command of IMAP that takes longer is logged with what it waited for, ten in a minute per process. 0s: none."},
		}},
	}
}
