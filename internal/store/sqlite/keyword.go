package sqlite

import (
	"slices"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// maxKeyword is the length of a keyword in octets.
const maxKeyword = 255

// recentFlag belongs to sessions and is ignored here. RFC 3501 section 2.3.2.
const recentFlag = `\Recent`

// checkFlags refuses what is no flag. RFC 9051 section 9: flag-keyword = "$MDNSent" / ... / atom.
func checkFlags(op string, flags []mail.Flag) error {
	for _, f := range flags {
		if strings.HasPrefix(string(f), `\`) {
			if f.Bit(nil) == 0 && !strings.EqualFold(string(f), recentFlag) {
				return refuse(op, mail.Invalid, string(f))
			}
			continue
		}
		if f == "" || len(f) > maxKeyword || strings.ContainsFunc(string(f), notAtomChar) {
			return refuse(op, mail.Invalid, string(f))
		}
	}
	return nil
}

func notAtomChar(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) }

// bits are the flags, which were checked, as bits of the mailbox. Keywords that it does not have are added to b, or
// (add false) left out. Kind Limit.
func (t *tx) bits(b *box, flags []mail.Flag, add bool) (mail.FlagSet, error) {
	var out mail.FlagSet
	var missing []mail.Flag
	for _, f := range flags {
		if bit := f.Bit(b.Keywords); bit != 0 {
			out |= bit
		} else if f[0] != '\\' && mail.Flag(f).Bit(missing) == 0 {
			missing = append(missing, f)
		}
	}
	if !add || len(missing) == 0 {
		return out, nil
	}
	if err := t.makeRoom(b, flags, len(missing)); err != nil {
		return 0, err
	}
	for _, f := range missing {
		i := slices.Index(b.Keywords, "")
		if i < 0 {
			i = len(b.Keywords)
			b.Keywords = append(b.Keywords, "")
		}
		b.Keywords[i] = f
		out |= 1 << (len(mail.SystemFlags) + i)
	}
	return out, nil
}

// makeRoom makes b.Keywords a copy with n free places, if need be by taking those of keywords that no message carries
// and that are not among flags.
func (t *tx) makeRoom(b *box, flags []mail.Flag, n int) error {
	b.Keywords = slices.Clone(b.Keywords)
	if places(b.Keywords) >= n {
		return nil
	}
	used, err := t.usedFlags(b.ID)
	if err != nil {
		return err
	}
	for _, f := range flags {
		used |= f.Bit(b.Keywords)
	}
	for i := range b.Keywords {
		if used&(1<<(len(mail.SystemFlags)+i)) == 0 {
			b.Keywords[i] = ""
		}
	}
	if places(b.Keywords) < n {
		return refuse("add keyword", mail.Limit, b.Name)
	}
	return nil
}

// places is how many more keywords fit.
func places(keywords []mail.Flag) int {
	n := mail.MaxKeywords - len(keywords)
	for _, k := range keywords {
		if k == "" {
			n++
		}
	}
	return n
}

// usedFlags is every bit that a message of the mailbox has, for anybody. It leaves t.marks alone.
func (t *tx) usedFlags(mailbox mail.MailboxID) (mail.FlagSet, error) {
	s, err := t.c.prep(`SELECT id, x FROM item WHERE id BETWEEN ? AND ?
		UNION ALL SELECT no, data FROM viewed WHERE mailbox = ?`)
	if err != nil {
		return 0, err
	}
	defer s.done()
	s.bind(itemKey(kindPage, pageKey(mailbox, 0)), itemKey(kindPage, pageKey(mailbox, 1<<24-1)), int64(mailbox))
	var used mail.FlagSet
	var m marks
	for {
		row, err := s.Step()
		if err != nil || !row {
			return used, err
		}
		if err := m.decode(s.ColumnInt64(0), s.bytes(1)); err != nil {
			return 0, err
		}
		for _, f := range m.flags {
			used |= f
		}
	}
}
