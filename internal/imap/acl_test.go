package imap

import (
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// RFC 4314 section 7.
func TestACLCommands(t *testing.T) {
	set := func(op mail.ACLOp, letters string) *SetACL {
		r, ok := ParseRights(letters)
		if !ok {
			t.Fatal(letters)
		}
		return &SetACL{"INBOX/Drafts", mail.ACLChange{Identifier: "David", Op: op, Rights: r}}
	}
	good{
		"SeTacl INBOX/Drafts David lrswida":      set(mail.ReplaceRights, "lrswitea"),
		"SETACL INBOX/Drafts David +cda":         set(mail.AddRights, "kxtea"),
		"SETACL INBOX/Drafts David -n":           set(mail.RemoveRights, "n"),
		`SETACL INBOX/Drafts David ""`:           set(mail.ReplaceRights, ""),
		`SETACL INBOX/Drafts "David" "+"`:        set(mail.AddRights, ""),
		"SETACL INBOX/Drafts {5+}\r\nDavid r":    set(mail.ReplaceRights, "r"),
		"DELETEACL &Jjo- -Fred":                  &DeleteACL{"☺", "-Fred"},
		"getacl INBOX":                           &GetACL{"INBOX"},
		"LISTRIGHTS ~/Mail/saved group:staff":    &ListRights{"~/Mail/saved", "group:staff"},
		"MYRIGHTS INBOX":                         &MyRights{"INBOX"},
		`SETACL INBOX/Drafts David lrswipkxtena`: set(mail.ReplaceRights, "lrswipkxtecdan"),
	}.run(t)
	bad{"SETACL", "SETACL a", "SETACL a b", "SETACL a b ", "SETACL a b lrQ", "SETACL a b q", "SETACL a b +-r", "SETACL a b 0",
		"SETACL a b r x", "SETACL a b (r)", "DELETEACL a", "DELETEACL a ", "DELETEACL a b c", "GETACL", "GETACL a b",
		"LISTRIGHTS a", "LISTRIGHTS a b c", "MYRIGHTS", "MYRIGHTS a b", "MYRIGHTS &"}.run(t)
}

// RFC 4314 sections 2.1.1 and 3.6 to 3.8.
func TestACLResponses(t *testing.T) {
	acl := mail.ACL{{Identifier: "Fred", Rights: mail.AllRights}, {Identifier: "-ü", Rights: mail.RightRead}, {Identifier: "x"}}
	appended{
		{s(AppendACL(nil, "☺", acl, true)), "* ACL \"☺\" Fred lrswipkxtenacd \"-ü\" r x \"\"\r\n"},
		{s(AppendACL(nil, "☺", nil, false)), "* ACL \"&Jjo-\"\r\n"},
		{s(AppendListRights(nil, &ListRights{"a", "bob"}, 0, false)),
			"* LISTRIGHTS \"a\" bob \"\" l r s w i p k x t e c d a n\r\n"},
		{s(AppendListRights(nil, &ListRights{"a", "bob"}, mail.OwnerRights, false)),
			"* LISTRIGHTS \"a\" bob lkxac r s w i p t e d n\r\n"},
		{s(AppendMyRights(nil, "a", mail.RightLookup|mail.RightCreate, false)), "* MYRIGHTS \"a\" lkc\r\n"},
		{s(AppendMyRights(nil, "a", mail.RightExpunge, false)), "* MYRIGHTS \"a\" ed\r\n"},
		{s(AppendMyRights(nil, "a", 0, false)), "* MYRIGHTS \"a\" \"\"\r\n"},
	}.run(t)
}
