package imap

import (
	"strings"
	"testing"
)

// RFC 5256 sections 3 and 5, RFC 5267 section 5, RFC 5957 section 5.
func TestSort(t *testing.T) {
	all := Search{Charset: "UTF-8", Key: key(SearchAll)}
	ascii := Search{UID: true, Charset: "US-ASCII", Key: SearchKey{Op: SearchText, Text: "not in mailbox"}}
	good{
		"SORT (SUBJECT) utf-8 ALL": &Sort{all, []SortCriterion{{Key: SortSubject}}},
		`UID SORT (subject reverse date) "US-ASCII" TEXT "not in mailbox"`: &Sort{ascii,
			[]SortCriterion{{Key: SortSubject}, {Key: SortDate, Reverse: true}}},
		"SORT (ARRIVAL CC DATE FROM SIZE SUBJECT TO REVERSE DISPLAYFROM DISPLAYTO) UTF-8 ALL": &Sort{all,
			[]SortCriterion{{Key: SortArrival}, {Key: SortCc}, {Key: SortDate}, {Key: SortFrom}, {Key: SortSize},
				{Key: SortSubject}, {Key: SortTo}, {SortDisplayFrom, true}, {Key: SortDisplayTo}}},
		"SORT RETURN () (SIZE) UTF-8 ALL": &Sort{Search{Extended: true, Return: ReturnAll, Charset: "UTF-8",
			Key: key(SearchAll)}, []SortCriterion{{Key: SortSize}}},
		"UID SORT RETURN (MIN COUNT SAVE PARTIAL -1:-5) (REVERSE SIZE) x ALL SEEN": &Sort{Search{UID: true, Extended: true,
			Return: ReturnMin | ReturnCount | ReturnSave | ReturnPartial, Partial: Window{1, 5, true}, Charset: "X",
			Key: and(key(SearchAll), flagKey(`\Seen`))}, []SortCriterion{{SortSize, true}}},
	}.run(t)
	bad{"SORT", "SORT ", "SORT ()", "SORT () UTF-8 ALL", "SORT (FOO) UTF-8 ALL", "SORT (REVERSE) UTF-8 ALL",
		"SORT (REVERSE REVERSE DATE) UTF-8 ALL", "SORT (DATE)", "SORT (DATE) UTF-8", "SORT (DATE) UTF-8 ", "SORT (DATE) ALL",
		"SORT DATE UTF-8 ALL", "SORT (DATE UTF-8 ALL", `SORT (DATE) "" ALL`, "SORT RETURN (DATE) UTF-8 ALL",
		"SORT RETURN (ALL) UTF-8 ALL", "SORT RETURN (FOO) (DATE) UTF-8 ALL", "SORT RETURN () RETURN () (DATE) UTF-8 ALL",
		"SORT (DATE) RETURN () UTF-8 ALL", "SORT (DATE ) UTF-8 ALL", "SORT (DATE) CHARSET UTF-8 ALL",
		"SORT (DATE" + strings.Repeat(" DATE", maxCriteria) + ") UTF-8 ALL"}.run(t)
}

// RFC 5256 sections 3 and 5.
func TestThread(t *testing.T) {
	all := Search{Charset: "UTF-8", Key: key(SearchAll)}
	good{
		"THREAD references UTF-8 ALL":   &Thread{all, ThreadReferences},
		"THREAD ORDEREDSUBJECT x 1:2 $": &Thread{Search{Charset: "X", Key: and(seqs(SearchSeq, NumRange{1, 2}), SearchKey{Op: SearchSeq, Set: NumSet{Saved: true}})}, ThreadOrderedSubject},
		"UID THREAD REFS us-ascii ALL":  &Thread{Search{UID: true, Charset: "US-ASCII", Key: key(SearchAll)}, ThreadRefs},
	}.run(t)
	bad{"THREAD", "THREAD ", "THREAD REFERENCES", "THREAD REFERENCES ", "THREAD REFERENCES UTF-8", "THREAD REFERENCES UTF-8 ",
		"THREAD FOO UTF-8 ALL", "THREAD (REFERENCES) UTF-8 ALL", "THREAD REFERENCES ALL", "THREAD RETURN () REFERENCES UTF-8 ALL",
		`THREAD REFS "" ALL`}.run(t)
}

// RFC 9394 sections 3.1 and 4.
func TestPartial(t *testing.T) {
	all := key(SearchAll)
	good{
		"SEARCH RETURN (PARTIAL 1:500) ALL": &Search{Extended: true, Return: ReturnPartial, Partial: Window{First: 1, Last: 500},
			Key: all},
		"UID FETCH 1:* UID (PARTIAL -1:-3)": &Fetch{UID: true, Set: NumSet{Ranges: []NumRange{{1, Star}}},
			Items: []FetchItem{{Attr: FetchUID}}, Partial: Window{1, 3, true}},
		"UID FETCH 1 UID (PARTIAL 1:5 CHANGEDSINCE 7)": &Fetch{UID: true, Set: NumSet{Ranges: []NumRange{{1, 1}}},
			Items: []FetchItem{{Attr: FetchUID}}, Partial: Window{1, 5, false}, ChangedSince: 7},
		"SEARCH RETURN (PARTIAL -500:-400 MIN) ALL": &Search{Extended: true, Return: ReturnPartial | ReturnMin,
			Partial: Window{500, 400, true}, Key: all},
	}.run(t)
	bad{"FETCH 1 UID (PARTIAL 1:2)", "UID FETCH 1 UID (PARTIAL)", "UID FETCH 1 UID (PARTIAL 1)", "UID FETCH 1 UID (PARTIAL 0:1)",
		"UID FETCH 1 UID (PARTIAL 1:2 PARTIAL 1:2)", "UID FETCH 1 UID (PARTIAL -1:2)", "UID FETCH 1 UID PARTIAL 1:2"}.run(t)
	bad{"SEARCH RETURN (PARTIAL) ALL", "SEARCH RETURN (PARTIAL 1) ALL", "SEARCH RETURN (PARTIAL 0:1) ALL",
		"SEARCH RETURN (PARTIAL 1:*) ALL", "SEARCH RETURN (PARTIAL 1:-1) ALL", "SEARCH RETURN (PARTIAL -1:1) ALL",
		"SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL", "SEARCH RETURN (PARTIAL 1:2 ALL) ALL",
		"SEARCH RETURN (ALL PARTIAL 1:2) ALL", "SEARCH RETURN (PARTIAL 1:4294967296) ALL", "SEARCH RETURN (PARTIAL 1,2) ALL"}.run(t)
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		w        Window
		n        int
		from, to int
	}{
		{Window{1, 5, false}, 10, 0, 5}, {Window{5, 1, false}, 10, 0, 5}, {Window{8, 20, false}, 10, 7, 10},
		{Window{11, 20, false}, 10, 10, 10}, {Window{1, 1, false}, 0, 0, 0}, {Window{3, 3, false}, 10, 2, 3},
		{Window{1, 3, true}, 10, 7, 10}, {Window{3, 1, true}, 10, 7, 10}, {Window{9, 20, true}, 10, 0, 2},
		{Window{11, 20, true}, 10, 0, 0}, {Window{1, 1, true}, 0, 0, 0}, {Window{4294967295, 1, true}, 10, 0, 10},
	} {
		from, to := c.w.Of(c.n)
		if to-from != c.to-c.from || to > from && from != c.from {
			t.Errorf("%s of %d: got %d to %d, want %d to %d", c.w.Append(nil), c.n, from, to, c.from, c.to)
		}
	}
}
