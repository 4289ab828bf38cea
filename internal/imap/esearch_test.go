package imap

import (
	"strings"
	"testing"
)

// RFC 7377 section 4.
func TestESearch(t *testing.T) {
	all := Search{UID: true, Extended: true, Return: ReturnAll}
	count := Search{UID: true, Extended: true, Return: ReturnCount, Charset: "UTF-8"}
	good{
		"ESEARCH ALL": &ESearch{Search: all},
		`ESEARCH IN (mailboxes "folder1" subtree (a &Jjo-) selected) ALL`: &ESearch{Search: all, Sources: []MailboxFilter{
			{Kind: FilterMailboxes, Names: []string{"folder1"}}, {Kind: FilterSubtree, Names: []string{"a", "☺"}},
			{Kind: FilterSelected}}},
		"esearch in (personal inboxes subscribed subtree-one a) return (count) charset utf-8 all": &ESearch{Search: count,
			Sources: []MailboxFilter{{Kind: FilterPersonal}, {Kind: FilterInboxes}, {Kind: FilterSubscribed},
				{Kind: FilterSubtreeOne, Names: []string{"a"}}}},
	}.run(t)
	bad{"ESEARCH", "ESEARCH ", "ESEARCH IN", "ESEARCH IN ALL", "ESEARCH IN () ALL", "ESEARCH IN (personal)", "ESEARCH IN (personal) ",
		"ESEARCH IN (selected-delayed) ALL", "ESEARCH IN (foo) ALL", "ESEARCH IN (mailboxes) ALL", "ESEARCH IN (personal)ALL",
		"ESEARCH IN (personal (x)) ALL", "ESEARCH IN (personal) RETURN (COUNT)", "ESEARCH IN (personal) FOO",
		"ESEARCH IN (" + strings.Repeat("personal ", maxSources) + "personal) ALL"}.run(t)
	appended{{s(AppendESearchSource(nil, "tag1", "☺", 503, false)),
		`* ESEARCH (TAG "tag1" MAILBOX "&Jjo-" UIDVALIDITY 503) UID`}}.run(t)
}
