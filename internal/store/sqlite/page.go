package sqlite

import (
	"slices"
	"strconv"

	"github.com/constance-mail/constance/internal/mail"
)

// marks is what changes of the messages of a page: items of kindPage. Reused from page to page.
type marks struct {
	no    int64
	uids  []mail.UID
	flags []mail.FlagSet
	mods  []mail.ModSeq
}

// fixed is what never changes of the messages of a page: items of kindFixed. It may hold messages that were expunged.
type fixed struct {
	key      int64 // of the page
	uids     []mail.UID
	contents []mail.ContentID
	sizes    []int64
	internal []int64
	saved    []int64
}

// pageKey is the key of a page among the items of kindPage and of kindFixed: the pages of a mailbox are neighbours.
func pageKey(mailbox mail.MailboxID, no int64) int64 { return int64(mailbox)<<24 | no }

func pageItem(key int64) string {
	key &= keyMask
	return "page " + strconv.FormatInt(key>>24, 10) + "/" + strconv.FormatInt(key&(1<<24-1), 10)
}

func resize[T any](s []T, n int) []T {
	return slices.Grow(s[:0], n)[:n]
}

// resize makes room for n messages; what is in them is undefined.
func (m *marks) resize(n int) {
	m.uids, m.flags, m.mods = resize(m.uids, n), resize(m.flags, n), resize(m.mods, n)
}

// decode fills m from a row of table page.
func (m *marks) decode(key int64, b []byte) error {
	bm, cols, ok := openPage(b)
	m.no = key & (1<<24 - 1)
	m.resize(bm.len())
	bm.uidsOf(m.no, m.uids)
	if ok {
		cols, ok = readColumn(cols, m.flags)
	}
	if ok {
		_, ok = readColumn(cols, m.mods)
	}
	if !ok {
		return corrupt(pageItem(key), "damaged page")
	}
	return nil
}

// copy fills m from a page of a snapshot.
func (m *marks) copy(p *mail.Page) {
	m.no = pageNo(p)
	m.uids, m.flags, m.mods = append(m.uids[:0], p.UIDs...), append(m.flags[:0], p.Flags...), append(m.mods[:0], p.ModSeqs...)
}

// encode appends the row's blob.
func (m *marks) encode(b []byte) []byte {
	b = beginPage(b, m.uids)
	b = appendColumn(b, m.flags)
	b = appendColumn(b, m.mods)
	return endPage(b)
}

// highest is the highest ModSeq of the messages.
func (m *marks) highest() mail.ModSeq {
	var h mail.ModSeq
	for _, v := range m.mods {
		h = max(h, v)
	}
	return h
}

// add adds a message, whose UID is higher than all.
func (m *marks) add(u mail.UID, f mail.FlagSet, mod mail.ModSeq) {
	m.uids, m.flags, m.mods = append(m.uids, u), append(m.flags, f), append(m.mods, mod)
}

func (f *fixed) resize(n int) {
	f.uids, f.contents, f.sizes = resize(f.uids, n), resize(f.contents, n), resize(f.sizes, n)
	f.internal, f.saved = resize(f.internal, n), resize(f.saved, n)
}

// decode fills f from a row of table fixed.
func (f *fixed) decode(key int64, b []byte) error {
	bm, cols, ok := openPage(b)
	f.resize(bm.len())
	bm.uidsOf(key&(1<<24-1), f.uids)
	if ok {
		cols, ok = readColumn(cols, f.contents)
	}
	for _, c := range [...][]int64{f.sizes, f.internal, f.saved} {
		if ok {
			cols, ok = readColumn(cols, c)
		}
	}
	if !ok {
		return corrupt(pageItem(key), "damaged fixed page")
	}
	return nil
}

func (f *fixed) encode(b []byte) []byte {
	b = beginPage(b, f.uids)
	b = appendColumn(b, f.contents)
	b = appendColumn(b, f.sizes)
	b = appendColumn(b, f.internal)
	b = appendColumn(b, f.saved)
	return endPage(b)
}

func (f *fixed) add(e entry) {
	f.uids, f.contents, f.sizes = append(f.uids, e.uid), append(f.contents, e.content), append(f.sizes, e.size)
	f.internal, f.saved = append(f.internal, e.internal), append(f.saved, e.saved)
}

// row is where u is in f, false if it is not there.
func (f *fixed) row(u mail.UID) (int, bool) { return slices.BinarySearch(f.uids, u) }

// entry is a message to be put into a mailbox.
type entry struct {
	uid      mail.UID
	flags    mail.FlagSet
	own      mail.FlagSet // of a viewer: all that it sees, then what it has for itself; see split
	content  mail.ContentID
	size     int64
	internal int64 // seconds since 1970, as is saved
	saved    int64
}

// loadMarks reads a page into m; a page without a row is empty.
func (c *conn) loadMarks(key int64, m *marks) error {
	s, row, err := c.item(kindPage, key)
	if err != nil {
		return err
	}
	defer s.done()
	if !row {
		m.no = key & (1<<24 - 1)
		m.resize(0)
		return nil
	}
	return m.decode(key, s.bytes(1))
}

// loadFixed reads the fixed columns of a page into f; a page without a row is empty.
func (c *conn) loadFixed(key int64, f *fixed) error {
	f.key = key
	s, row, err := c.item(kindFixed, key)
	if err != nil {
		return err
	}
	defer s.done()
	if !row {
		f.resize(0)
		return nil
	}
	return f.decode(key, s.bytes(1))
}
