package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strconv"
	"strings"
)

// SHA-crypt as in "Unix crypt using SHA-256 and SHA-512" by Ulrich Drepper, version 0.6 of 2016. The numbers
// of the steps in the comments are those of that text.

// shaCrypt is one of the two variants.
type shaCrypt struct {
	prefix string
	new    func() hash.Hash
	order  []byte // in which order the octets of the digest are written, three to a group; the last group is shorter
}

// The bounds of the number of rounds: the standard's, but for the upper one, which is far below its
// 999,999,999.
const (
	shaRoundsDefault = 5000
	shaRoundsMin     = 1000
	shaRoundsMax     = 5_000_000
	shaSaltMax       = 16
)

var sha256Crypt = &shaCrypt{prefix: "$5$", new: sha256.New, order: []byte{
	0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15,
	25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19, 29, 31, 30,
}}

var sha512Crypt = &shaCrypt{prefix: "$6$", new: sha512.New, order: []byte{
	0, 21, 42, 22, 43, 1, 44, 2, 23, 3, 24, 45, 25, 46, 4, 47, 5, 26, 6, 27, 48, 28, 49, 7, 50, 8,
	29, 9, 30, 51, 31, 52, 10, 53, 11, 32, 12, 33, 54, 34, 55, 13, 56, 14, 35, 15, 36, 57, 37, 58, 16, 59, 17, 38, 18, 39, 60, 40, 61, 19, 62, 20, 41, 63,
}}

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// shaSetting is the part of a hash that was chosen and not computed.
type shaSetting struct {
	salt     string
	rounds   int
	explicit bool // the text says rounds=
}

// parse splits "$6$rounds=N$salt$hash". As in the standard the rounds are raised to the least and a salt is
// cut to 16 octets; too many rounds are refused.
func (v *shaCrypt) parse(s string) (set shaSetting, sum string, err error) {
	rest, ok := strings.CutPrefix(s, v.prefix)
	if !ok {
		return set, "", badHash("does not begin with " + v.prefix)
	}
	set.rounds = shaRoundsDefault
	if r, found := strings.CutPrefix(rest, "rounds="); found {
		digits, after, _ := strings.Cut(r, "$")
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return set, "", badHash("rounds is no number")
		}
		if n > shaRoundsMax {
			return set, "", badHash("more than 5000000 rounds")
		}
		set.rounds, set.explicit, rest = max(int(n), shaRoundsMin), true, after
	}
	set.salt, sum, ok = strings.Cut(rest, "$")
	if !ok || len(sum) != (len(v.order)*8+5)/6 || strings.Trim(sum, cryptAlphabet) != "" {
		return set, "", badHash("damaged or cut off")
	}
	set.salt = set.salt[:min(len(set.salt), shaSaltMax)]
	return set, sum, nil
}

// format is the whole text of a hash.
func (v *shaCrypt) format(set shaSetting, sum string) string {
	b := []byte(v.prefix)
	if set.explicit {
		b = append(b, "rounds="...)
		b = append(strconv.AppendInt(b, int64(set.rounds), 10), '$')
	}
	b = append(b, set.salt...)
	b = append(b, '$')
	return string(append(b, sum...))
}

// sum computes the last field of a hash.
func (v *shaCrypt) sum(password []byte, set shaSetting) string {
	salt := []byte(set.salt)
	h := v.new()
	write(h, password, salt, password) // steps 4 to 8: digest B
	b := h.Sum(nil)

	h.Reset() // steps 1 to 3, 9 to 12: digest A
	write(h, password, salt, repeated(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			write(h, b)
		} else {
			write(h, password)
		}
	}
	a := h.Sum(nil)

	h.Reset() // steps 13 to 16: sequence P
	for range password {
		write(h, password)
	}
	p := repeated(h.Sum(nil), len(password))

	h.Reset() // steps 17 to 20: sequence S
	for range 16 + int(a[0]) {
		write(h, salt)
	}
	s := repeated(h.Sum(nil), len(salt))

	for i := range set.rounds { // step 21
		h.Reset()
		first, last := a, p
		if i&1 != 0 {
			first, last = p, a
		}
		write(h, first)
		if i%3 != 0 {
			write(h, s)
		}
		if i%7 != 0 {
			write(h, p)
		}
		write(h, last)
		a = h.Sum(a[:0])
	}
	return v.encode(a)
}

// encode is step 22: groups of three octets, the first the most significant, as four characters from the low
// end.
func (v *shaCrypt) encode(a []byte) string {
	out := make([]byte, 0, (len(a)*8+5)/6)
	for o := v.order; len(o) > 0; o = o[min(3, len(o)):] {
		var w uint
		n := min(3, len(o))
		for _, i := range o[:n] {
			w = w<<8 | uint(a[i])
		}
		for range (n*8 + 5) / 6 {
			out = append(out, cryptAlphabet[w&63])
			w >>= 6
		}
	}
	return string(out)
}

func write(h hash.Hash, parts ...[]byte) {
	for _, p := range parts {
		h.Write(p) // a hash never fails
	}
}

// repeated is n octets of b again and again.
func repeated(b []byte, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, b[:min(len(b), n-len(out))]...)
	}
	return out
}
