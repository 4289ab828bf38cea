package sqlite

import (
	"bytes"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/constance-mail/constance/internal/message"
	"github.com/constance-mail/constance/internal/store/storetest"
)

// TestTextVersion notices that the same messages give other words. Indexes that are there would lose matches then: raise
// textVersion, and set the sum here to what the test says.
func TestTextVersion(t *testing.T) {
	const version, want = 2, 0xe12a4592
	names, err := filepath.Glob("../../message/testdata/corpus/*.eml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	sum := crc32.NewIEEE()
	look := newTextLook()
	add := func(octets []byte) {
		r := bytes.NewReader(octets)
		d, err := message.Digest(r, r.Size())
		if err == nil {
			err = look.at(d.Parts, &inMemory{octets})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sum.Write(look.set.AppendWords(nil)) // a hash does not fail
	}
	for _, name := range names {
		octets, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		add(octets)
	}
	for seed := range uint64(200) {
		add(storetest.TextMessage(seed))
	}
	if got := sum.Sum32(); got != want || textVersion != version {
		t.Errorf("version %d has the sum %#x, not version %d with %#x", textVersion, got, version, uint32(want))
	}
}
