// Command constance is the whole of Constance: the server (serve, master), its services (imapd, lmtpd, httpd, started by a
// master) and the admin's verbs (user, mailbox, deliver, verify, purge, index, status, config). One file per verb.
//
// Messages go to standard error as "constance: what: why", lower case, no full stop. A line "constance: hint: ..."
// follows if the reader can act on it. Exit 0 done, 1 failed, 2 wrong usage, 75 try later, 78 wrong configuration.
package main

import (
	"context"
	"os"

	"github.com/constance-mail/constance/internal/master"
)

func main() {
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	from, err := master.Inherit()
	if err != nil {
		os.Exit(p.report(from.Back(err)))
	}
	p.from = from
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
