package lmtpd

import (
	"math"
	"strings"
	"testing"
)

// TestRcptSyntax are the arguments of RCPT: want is the address, or the code of the refusal.
func TestRcptSyntax(t *testing.T) {
	long := strings.Repeat("x", maxPath-2)
	for _, c := range []struct{ args, want string }{
		{"TO:<a@b>", "a@b"}, {"to:<a@b>", "a@b"}, {"TO: <a@b>", "a@b"}, {"TO:<user0001>", "user0001"},
		{"TO:<Postmaster>", "Postmaster"},
		{"TO:<a+b/c@d>", "a+b/c@d"}, {`TO:<"a b">`, `"a b"`}, {`TO:<"a>b"@c>`, `"a>b"@c`},
		{`TO:<"a\"@b"@c>`, `"a\"@b"@c`}, {`TO:<"">`, `""`},
		{"TO:<a@[127.0.0.1]>", "a@[127.0.0.1]"}, {"TO:<a@[IPv6:::1]>", "a@[IPv6:::1]"},
		{"TO:<a..b.@c_d-.e>", "a..b.@c_d-.e"},
		{"TO:<@r:a@b>", "a@b"}, {"TO:<@r,@[1.2.3.4]:a>", "a"}, {"TO:<" + long + "@x>", long + "@x"},
		{"", "501 5.5.2"}, {"TO", "501 5.5.2"}, {"TO:", "501 5.5.2"}, {"TO:a@b", "501 5.5.2"},
		{"TO:<", "501 5.5.2"}, {"TO:<>", "501 5.5.2"},
		{"TO:<a", "501 5.5.2"}, {"TO:<a>x", "501 5.5.2"}, {"TO:<a@>", "501 5.5.2"}, {"TO:<@b>", "501 5.5.2"},
		{"TO:<a@@b>", "501 5.5.2"},
		{"TO:<a b@c>", "501 5.5.2"}, {"TO:<<a@b>>", "501 5.5.2"}, {"TO:<a@b c>", "501 5.5.2"},
		{"TO:<a@b..c>", "501 5.5.2"}, {"TO:<a@b.>", "501 5.5.2"},
		{"TO:<a@.b>", "501 5.5.2"}, {"TO:<a@[]>", "501 5.5.2"}, {"TO:<a@[1>", "501 5.5.2"},
		{"TO:<a@[1]x>", "501 5.5.2"}, {`TO:<"a>`, "501 5.5.2"},
		{`TO:<"a\">`, "501 5.5.2"}, {`TO:<"a"b@c>`, "501 5.5.2"}, {`TO:<a\b@c>`, "501 5.5.2"},
		{"TO:<@r>", "501 5.5.2"}, {"TO:<@r:>", "501 5.5.2"},
		{"TO:<@:a@b>", "501 5.5.2"}, {"TO:<@r,:a@b>", "501 5.5.2"}, {"TO:<@r,s:a@b>", "501 5.5.2"},
		{"TO:<@r;a@b>", "501 5.5.2"}, {"TO:<a,b>", "501 5.5.2"},
		{"TO:<x" + long + "@x>", "553 5.1.3"}, {"TO:<a\x00>", "553 5.1.3"}, {"TO:<a\xc2\x85b>", "553 5.1.3"},
		{"TO:<\xff>", "553 5.1.3"}, {"TO:<ü@x>", "553 5.6.7"},
		{"TO:<a> NOTIFY=NEVER ORCPT=rfc822;a+2Bb@c", "a"}, {"TO:<a> notify=SUCCESS,delay,FAILURE", "a"},
		{"TO:<a>  ORCPT=utf-8;ü@x", "a"},
		{"TO:<a> NOTIFY=NEVER,DELAY", "501 5.5.4"}, {"TO:<a> NOTIFY=", "501 5.5.4"},
		{"TO:<a> NOTIFY", "501 5.5.4"}, {"TO:<a> NOTIFY=NEVER NOTIFY=NEVER", "501 5.5.4"},
		{"TO:<a> ORCPT=a", "501 5.5.4"}, {"TO:<a> ORCPT=;a", "501 5.5.4"}, {"TO:<a> ORCPT=x;a+2", "501 5.5.4"},
		{"TO:<a> ORCPT=x;a=b", "501 5.5.4"},
		{"TO:<a> ORCPT=x;" + long, "501 5.5.4"}, {"TO:<a> -X=1", "501 5.5.4"}, {"TO:<a> =1", "501 5.5.4"},
		{"TO:<a> X-Y=1", "555 5.5.4"}, {"TO:<a> SIZE=1", "555 5.5.4"},
	} {
		got, fault := parseRcpt([]byte(c.args), false)
		if fault.isSet() {
			got = fault.code
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
}

// TestMailSyntax are the arguments of MAIL.
func TestMailSyntax(t *testing.T) {
	for _, c := range []struct {
		args, want string
		param      mailParams
	}{
		{"FROM:<>", "", mailParams{}}, {"from:<a@b>", "a@b", mailParams{}},
		{"FROM:<> SIZE=5 BODY=8bitmime", "", mailParams{size: 5}},
		{"FROM:<> BODY=BINARYMIME", "", mailParams{binary: true}},
		{"FROM:<ü@b> SMTPUTF8 BODY=7BIT", "ü@b", mailParams{utf8: true}},
		{"FROM:<a> RET=HDRS ENVID=a+3Db", "a", mailParams{}}, {"FROM:<a> RET=full", "a", mailParams{}},
		{"FROM:<> SIZE=18446744073709551616", "", mailParams{size: math.MaxInt64}},
		{"FROM:<> SIZE=9223372036854775807", "", mailParams{size: math.MaxInt64}},
		{"FROM:<> SIZE=9223372036854775799", "", mailParams{size: 9223372036854775799}},
		{"FROM:<> SIZE=9223372036854775808", "", mailParams{size: math.MaxInt64}},
		{"FROM:<> SIZE", "501 5.5.4", mailParams{}}, {"FROM:<> SIZE=", "501 5.5.4", mailParams{}},
		{"FROM:<> SIZE=-1", "501 5.5.4", mailParams{}},
		{"FROM:<> SIZE=1 SIZE=1", "501 5.5.4", mailParams{}}, {"FROM:<> BODY", "501 5.5.4", mailParams{}},
		{"FROM:<> SMTPUTF8=1", "501 5.5.4", mailParams{}},
		{"FROM:<> RET=x", "501 5.5.4", mailParams{}}, {"FROM:<> ENVID=", "501 5.5.4", mailParams{}},
		{"FROM:<> ENVID=" + strings.Repeat("x", 101), "501 5.5.4", mailParams{}},
		{"FROM:<> AUTH=<>", "555 5.5.4", mailParams{}}, {"FROM:<ü@b>", "553 5.6.7", mailParams{}},
		{"FROM:", "501 5.5.2", mailParams{}}, {"TO:<a>", "501 5.5.2", mailParams{}},
	} {
		got, param, fault := parseMail([]byte(c.args))
		if fault.isSet() {
			got, param = fault.code, mailParams{}
		}
		if got != c.want || param != c.param {
			t.Errorf("%q: got %q %+v, want %q", c.args, got, param, c.want)
		}
	}
}

func TestBDATSyntax(t *testing.T) {
	for _, c := range []struct {
		args     string
		size     int64
		last, ok bool
	}{
		{"0", 0, false, true}, {"5 LAST", 5, true, true}, {"007 last", 7, true, true},
		{"99999999999999999999", math.MaxInt64, false, true},
		{"", 0, false, false}, {"-1", 0, false, false}, {"+1", 0, false, false}, {"1 ", 0, false, false},
		{"1 LAS", 0, false, false}, {"1  LAST", 0, false, false},
		{"LAST", 0, false, false}, {"1 LAST x", 0, false, false}, {"1x", 0, false, false},
		{"111111111111111111111", 0, false, false},
	} {
		size, last, ok := parseBDAT([]byte(c.args))
		if ok != c.ok || ok && (size != c.size || last != c.last) {
			t.Errorf("%q: got %d %t %t", c.args, size, last, ok)
		}
	}
}

// FuzzParse asks that an address that is accepted is accepted again, unchanged, and could not end a reply.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"FROM:<a@b> SIZE=1", `TO:<"a\"b"@[1.2.3.4]>`, "TO:<@a,@b:c@d> NOTIFY=DELAY", "TO:<ü>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, args []byte) {
		to, fault := parseRcpt(args, true)
		if !fault.isSet() {
			again, fault := parseRcpt([]byte("TO:<"+to+">"), true)
			if fault.isSet() || again != to || strings.ContainsAny(to, "\r\n") || len(to) > maxPath {
				t.Errorf("%q: %q, then %q %v", args, to, again, fault)
			}
		}
		if from, p, fault := parseMail(args); !fault.isSet() && (p.size < 0 || strings.ContainsAny(from, "\r\n")) {
			t.Errorf("%q: %q %+v", args, from, p)
		}
	})
}
