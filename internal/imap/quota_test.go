package imap

import (
	"strings"
	"testing"
)

// RFC 9208 section 7.
func TestQuota(t *testing.T) {
	good{
		`GETQUOTA "!partition/sda4"`: &GetQuota{"!partition/sda4"}, `GETQUOTA ""`: &GetQuota{""},
		"GETQUOTA {5+}\r\nu\nser": &GetQuota{"u\nser"},
		"getquotaroot INBOX":      &GetQuotaRoot{"INBOX"}, "GETQUOTAROOT &Jjo-": &GetQuotaRoot{"☺"},
		"SETQUOTA user/bob ()": &SetQuota{Root: "user/bob"},
		`SETQUOTA "" (storage 510 X-foo 0)`: &SetQuota{Limits: []QuotaLimit{{"STORAGE", 510},
			{"X-FOO", 0}}},
		`SETQUOTA a (MESSAGE 9223372036854775807)`: &SetQuota{"a", []QuotaLimit{{"MESSAGE", 1<<63 - 1}}},
	}.run(t)
	bad{"GETQUOTA", "GETQUOTA ", "GETQUOTA a b", "GETQUOTA (a)", "GETQUOTAROOT", "GETQUOTAROOT &", "SETQUOTA",
		"SETQUOTA a", "SETQUOTA a STORAGE 1", "SETQUOTA a (STORAGE)", "SETQUOTA a (STORAGE -1)", "SETQUOTA a (1)",
		"SETQUOTA a (STORAGE 9223372036854775808)", "SETQUOTA a (STORAGE 1 storage 2)", "SETQUOTA a (STORAGE 1 )",
		"SETQUOTA a (STORAGE 1) x", `SETQUOTA a ("STORAGE" 1)`,
		"SETQUOTA a (" + strings.Repeat("x 1 ", 20) + "x 1)"}.run(t)
	many := "SETQUOTA a ("
	for i := range maxQuotaLimits + 1 {
		many += strings.Repeat("x", i+1) + " 1 "
	}
	bad{strings.TrimSpace(many) + ")"}.run(t)
}

// RFC 9208 sections 4.2.1 and 4.2.2.
func TestQuotaResponses(t *testing.T) {
	use := []QuotaUse{{QuotaLimit{"STORAGE", 512}, 10}, {QuotaLimit{"MESSAGE", 1000}, 42}}
	appended{
		{s(AppendQuota(nil, "", use, false)), "* QUOTA \"\" (STORAGE 10 512 MESSAGE 42 1000)\r\n"},
		{s(AppendQuota(nil, "user/bob", nil, false)), "* QUOTA \"user/bob\" ()\r\n"},
		{s(AppendQuotaRoot(nil, "☺", []string{""}, false)), "* QUOTAROOT \"&Jjo-\" \"\"\r\n"},
		{s(AppendQuotaRoot(nil, "☺", []string{"a", "user/ü"}, true)), "* QUOTAROOT \"☺\" \"a\" \"user/ü\"\r\n"},
		{s(AppendQuotaRoot(nil, "comp.mail.mime", nil, false)), "* QUOTAROOT \"comp.mail.mime\"\r\n"},
	}.run(t)
}
