// Package e2e runs IMAP conversations that are written as text (testdata/*.txtar) against a server: one that runs
// inside the test on store/mem, and the real binary on SQLite.
//
// A script is the comment of a txtar archive; the archive's files are messages. Lines that start with # say which RFC
// section the next lines are about. The rest:
//
//	C: a1 NOOP             the client sends this line, with CRLF (C2: from the second connection, and so on)
//	C- a1 NOOP             the same without CRLF
//	S: a1 OK *             the next response must match
//	S| more                the response goes on here after a CRLF, as after the announcement of a literal
//	S~ * FLAGS *           consecutive S~ lines match in any order
//	S: ...                 any number of untagged responses, up to the one that the next S: line matches
//	S! * 3 EXPUNGE         must not be among those that the next S: ... passes over
//	S: <closed>            the server closes the connection
//	S: <end>               any number of responses, then the end: for where the last words may be lost
//	C: <close>             the client does
//	> login                connects and logs in as the script's user; "> login 2" on the second connection
//	> raw                  connects without reading the greeting; the first C: or S: line does both otherwise
//	> rev2                 login and ENABLE IMAP4rev2
//	> tls                  the handshake, after the answer to STARTTLS
//	> compress             compression begins, after the answer to COMPRESS
//	> plain                compression has ended, after the answer to UNAUTHENTICATE
//	> fill INBOX 3         appends three messages with "Subject: 1" and so on, by the first connection
//	> silent               no response is waiting (after a NOOP that was answered)
//
// In S lines * stands for anything, but for the one at the start of a line and one after a backslash. ${name}
// captures a word (no space, bracket or parenthesis) at its first use and stands for it later, in C lines too; ${user}
// and ${password} are given. {file} in a C line is the announcement of a literal with that file's octets (CRLF line ends), <file>
// is the octets, {file+} both for a non-synchronizing literal; in S lines {file} is the announcement and the octets.
// <<78*70000>> is an octet in hexadecimal, so many times; <<00ff>> just those octets.
package e2e
