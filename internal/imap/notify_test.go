package imap

import (
	"strings"
	"testing"
)

// RFC 5465 sections 3.1, 6 and 8.
func TestNotify(t *testing.T) {
	const both = EventMessageNew | EventMessageExpunge
	good{
		"NOTIFY NONE": &Notify{},
		"notify set (selected none)": &Notify{Set: true,
			Groups: []EventGroup{{Mailboxes: MailboxFilter{Kind: FilterSelected}}}},
		"NOTIFY SET STATUS (Selected-Delayed (MessageNew (UID BODY.PEEK[HEADER.FIELDS (FROM)]) messageexpunge FlagChange)) " +
			"(subtree Lists (MailboxName))": &Notify{Set: true, Status: true, Groups: []EventGroup{
			{Mailboxes: MailboxFilter{Kind: FilterSelectedDelayed}, Events: both | EventFlagChange,
				Fetch: mustItems("UID BODY.PEEK[HEADER.FIELDS (FROM)]")},
			{Mailboxes: MailboxFilter{Kind: FilterSubtree, Names: []string{"Lists"}}, Events: EventMailboxName}}},
		"NOTIFY SET (mailboxes (INBOX &Jjo-) (SubscriptionChange MailboxMetadataChange)) (personal (ServerMetadataChange)) " +
			"(inboxes (MessageExpunge MessageNew)) (subscribed NONE)": &Notify{Set: true, Groups: []EventGroup{
			{Mailboxes: MailboxFilter{Kind: FilterMailboxes, Names: []string{"INBOX", "☺"}},
				Events: EventSubscriptionChange | EventMailboxMetadataChange},
			{Mailboxes: MailboxFilter{Kind: FilterPersonal}, Events: EventServerMetadataChange},
			{Mailboxes: MailboxFilter{Kind: FilterInboxes}, Events: both},
			{Mailboxes: MailboxFilter{Kind: FilterSubscribed}}}},
		"NOTIFY SET (personal (Foo AnnotationChange MessageNew MessageExpunge))": &Notify{Set: true, Groups: []EventGroup{
			{Mailboxes: MailboxFilter{Kind: FilterPersonal}, Events: both | EventAnnotationChange | EventUnknown}}},
	}.run(t)
	bad{"NOTIFY", "NOTIFY ", "NOTIFY FOO", "NOTIFY NONE x", "NOTIFY SET", "NOTIFY SET STATUS", "NOTIFY SET ()",
		"NOTIFY SET (selected)", "NOTIFY SET (selected ())", "NOTIFY SET (FOO NONE)", "NOTIFY SET (subtree NONE)",
		"NOTIFY SET (subtree () NONE)", "NOTIFY SET (mailboxes (a NONE)", "NOTIFY SET (personal MessageNew)",
		"NOTIFY SET (personal (MessageNew))", "NOTIFY SET (personal (MessageExpunge))",
		"NOTIFY SET (personal (FlagChange))", "NOTIFY SET (personal (AnnotationChange))",
		"NOTIFY SET (selected (MailboxName))", "NOTIFY SET (selected NONE) (selected-delayed NONE)",
		"NOTIFY SET (personal (MessageNew (UID) MessageExpunge))", "NOTIFY SET (selected (MessageNew () MessageExpunge))",
		"NOTIFY SET (selected (MessageExpunge (UID) MessageNew))", "NOTIFY SET (selected (MessageNew (FOO) MessageExpunge))",
		"NOTIFY SET (selected (MessageNew (UID) (UID) MessageExpunge))", "NOTIFY SET (selected (MessageNew MessageExpunge)",
		"NOTIFY SET (selected (MessageNew MessageExpunge (UID)))", "NOTIFY SET (subtree-one a NONE)", "NOTIFY SET (selected NONE) ", "NOTIFY SET (selected NONE)(personal NONE)",
		"NOTIFY SET (mailboxes (" + strings.Repeat("a ", maxFilterNames) + "a) NONE)",
		"NOTIFY SET" + strings.Repeat(" (personal NONE)", maxGroups+1)}.run(t)
	appended{{s(AppendBadEventCode(nil, EventMailboxName|both)), "[BADEVENT (MessageNew MessageExpunge MailboxName)]"}}.run(t)
}

func mustItems(items string) []FetchItem {
	c, err := parse("FETCH 1 ("+items+")", false)
	if err != nil {
		panic(err)
	}
	return c.(*Fetch).Items
}
