package imap

import "testing"

// RFC 10022.
func TestUIDBatches(t *testing.T) {
	good{
		"UIDBATCHES 2000":      &UIDBatches{Size: 2000},
		"UIDBATCHES 2000 1:10": &UIDBatches{Size: 2000, First: 1, Last: 10},
		"UIDBATCHES 1 7:3":     &UIDBatches{Size: 1, First: 7, Last: 3},
	}.run(t)
	bad{"UIDBATCHES", "UIDBATCHES 0", "UIDBATCHES x", "UIDBATCHES 500 10", "UIDBATCHES 500 0:1", "UIDBATCHES 500 1:*",
		"UIDBATCHES 500 1:2 3", "UIDBATCHES 4294967296", "UID UIDBATCHES 500", "UIDBATCHES 500 1:2,3:4"}.run(t)
	b := AppendUIDBatch(AppendUIDBatch(AppendUIDBatchesStart(nil, "A143"), 215295, 99696, true), 99695, 1, false)
	if want := `* UIDBATCHES (TAG "A143") 215295:99696,99695:1`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
}
