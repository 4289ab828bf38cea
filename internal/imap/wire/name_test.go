package wire

import (
	"testing"
	"unicode/utf8"
)

// RFC 3501 section 5.1.3.
func TestNames(t *testing.T) {
	for wire, name := range map[string]string{
		"INBOX": "INBOX", "": "", "~peter/mail/&U,BTFw-/&ZeVnLIqe-": "~peter/mail/台北/日本語", "a&-b": "a&b",
		"&-&-": "&&", "&-&Jjo-": "&☺", "Entw&APw-rfe": "Entwürfe",
		"&2D3eAA-": "😀", "&AAA-": "\x00", "&AH8-": "\x7f", "&Jjo-!": "☺!",
	} {
		if got, ok := DecodeName(wire); !ok || got != name {
			t.Errorf("%q: got %q %v, want %q", wire, got, ok, name)
		}
		if got := string(AppendName(nil, name)); got != wire {
			t.Errorf("%q: written %q, want %q", name, got, wire)
		}
	}
	for _, wire := range []string{
		"&", "a&", "&Jjo", "&Jjo!", "ü", "\xff", "a\x00", "a\tb", "&AGE-", // a shifted "a"
		"&Jj-", "&J-", "&Jjp-", // bits left over that are not 0, too few bits
		"&2D0-", "&3gA-", "&2D0AYQ-", "&2D3YPQ-", // half a surrogate pair
		"&Jjo=-", "&Jj/-", "&Jjo-&Jjo-", // padding, the wrong alphabet, two shifts where one does
		"&JjoA-", "&AGF-",
	} {
		if got, ok := DecodeName(wire); ok {
			t.Errorf("%q was taken as %q", wire, got)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"&U,BTFw-", "a&-b", "&", "&2D3eAA-", "&-&Jjo-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := DecodeName(s); ok {
			if !utf8.ValidString(name) {
				t.Errorf("%q: not UTF-8: %q", s, name)
			}
			if back := string(AppendName(nil, name)); back != s {
				t.Errorf("%q is %q, which is written %q", s, name, back)
			}
		}
		if utf8.ValidString(s) {
			if back, ok := DecodeName(string(AppendName(nil, s))); !ok || back != s {
				t.Errorf("%q comes back as %q %v", s, back, ok)
			}
		}
	})
}
