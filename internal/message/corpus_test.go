package message

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files of testdata/corpus anew")

// TestCorpus compares what is made of each message in testdata/corpus with the golden file beside it, which says it in
// a form to be read and judged by people.
func TestCorpus(t *testing.T) {
	names, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d messages: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".eml"), func(t *testing.T) {
			msg, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, msg)
			got := portrait(t, msg)
			golden := strings.TrimSuffix(name, ".eml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// portrait is all that is known of a message.
func portrait(t *testing.T, msg []byte) string {
	t.Helper()
	d := mustDigest(t, string(msg))
	var b strings.Builder
	line := func(name, value string) {
		if len(value) > 600 {
			value = fmt.Sprintf("%s ... (%d octets)", value[:600], len(value))
		}
		if value = fmt.Sprintf("%q", value); value != `""` {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`))
		}
	}
	line("envelope", string(d.Envelope))
	line("structure", string(d.BodyStructure))
	line("subject", d.Subject)
	line("base subject", d.BaseSubject)
	line("from", d.From)
	line("to", d.To)
	line("cc", d.Cc)
	line("bcc", d.Bcc)
	line("sort", strings.Trim(d.FromSort+" "+d.ToSort+" "+d.CcSort, " "))
	line("display", strings.Trim(d.FromDisplay+" | "+d.ToDisplay, " "))
	if d.Sent == mail.NoDate {
		line("sent", "no date")
	} else {
		line("sent", fmt.Sprintf("%d on day %d", d.Sent, d.SentDay))
	}
	line("id", d.MessageID)
	line("references", strings.Join(d.References, " "))
	fmt.Fprintf(&b, "header: %d octets, cached %d\n", d.HeaderSize, len(d.Headers))
	p, err := DecodeParts(d.Parts)
	if err != nil {
		t.Fatal(err)
	}
	portrayPart(t, &b, p, "", bytes.NewReader(msg))
	return b.String()
}

func portrayPart(t *testing.T, b *strings.Builder, p *Part, path string, r io.ReaderAt) {
	t.Helper()
	if path == "" {
		path = "message"
	}
	fmt.Fprintf(b, "part %s: header %d+%d body %d+%d", path, p.Header.Offset, p.Header.Length, p.Body.Offset, p.Body.Length)
	if p.IsLeaf() {
		fmt.Fprintf(b, " encoding %d charset %q", p.Encoding, p.Charset)
		if d, err := p.Decoded(r); err != nil {
			fmt.Fprintf(b, " (%v)", err)
		} else if content, err := io.ReadAll(d); err != nil {
			t.Error(err)
		} else {
			if e, ok := Charset(p.Charset); ok && p.kind == text {
				content, _ = e.NewDecoder().Bytes(content) // broken text shows as U+FFFD
			}
			fmt.Fprintf(b, " %d octets %.80q", len(content), content)
		}
	}
	b.WriteByte('\n')
	for i := range p.parts {
		portrayPart(t, b, &p.parts[i], fmt.Sprintf("%s.%d", path, i+1), r)
	}
}
