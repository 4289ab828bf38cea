package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What a hash may ask for at most: it may come from somebody else's file, and each check costs this much.
const (
	argonMemoryMax  = 256 << 10 // KiB
	argonWorkMax    = 2 << 20   // KiB times passes
	argonThreadsMax = 16
	argonKeyMax     = 64 // octets
	bcryptCostMax   = 16
	pbkdfRoundsMax  = 10_000_000
	pbkdfKeyMax     = 64   // octets
	saltMax         = 1024 // octets, of every scheme
)

// What Hash uses. ARGON2ID: 19 MiB, two passes, one thread.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonKeyLen = 32
	bcryptCost  = 10
	pbkdfRounds = 600_000 // of HMAC-SHA-256
	saltLen     = 16
)

// The SHA-crypt variants as schemes.

func (v *shaCrypt) secret(hash string) (secret, error) {
	set, sum, err := v.parse(hash)
	if err != nil {
		return secret{}, err
	}
	want := []byte(sum)
	return secret{slow: true, check: func(p []byte) bool {
		return subtle.ConstantTimeCompare([]byte(v.sum(p, set)), want) == 1
	}}, nil
}

func (v *shaCrypt) make(password []byte) (string, error) {
	salt := newSalt()
	for i := range salt {
		salt[i] = cryptAlphabet[salt[i]&63]
	}
	set := shaSetting{salt: string(salt), rounds: shaRoundsDefault}
	return v.format(set, v.sum(password, set)), nil
}

// parseBcrypt reads "$2y$10$" + 53 characters. 2x is the variant with the sign bug and is refused.
func parseBcrypt(hash string) (secret, error) {
	if len(hash) != 60 || hash[:2] != "$2" || strings.IndexByte("aby", hash[2]) < 0 || hash[3] != '$' {
		return secret{}, badHash("is no $2a$, $2b$ or $2y$ hash of 60 characters")
	}
	want := []byte(hash)
	cost, err := bcrypt.Cost(want)
	if err != nil || cost > bcryptCostMax || strings.Trim(hash[7:], cryptAlphabet) != "" {
		return secret{}, badHash("is damaged or has a cost above 16")
	}
	return secret{slow: true, check: func(p []byte) bool {
		return bcrypt.CompareHashAndPassword(want, p) == nil
	}}, nil
}

func makeBcrypt(password []byte) (string, error) {
	h, err := bcrypt.GenerateFromPassword(password, bcryptCost)
	if err != nil {
		return "", badHash("of the scheme BLF-CRYPT takes a password of at most 72 octets")
	}
	// the same algorithm by the name that crypt(3) uses today
	return "$2y" + string(h[3:]), nil
}

// parseArgon2 reads "$argon2id$v=19$m=19456,t=2,p=1$salt$key". RFC 9106 section 3.1.
func parseArgon2(hash string) (secret, error) {
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[0] != "" || f[2] != "v=19" {
		return secret{}, badHash("is no $argon2id$v=19$m=,t=,p=$salt$key")
	}
	derive := argon2.IDKey
	switch f[1] {
	case "argon2id":
	case "argon2i":
		derive = argon2.Key
	default:
		return secret{}, badHash("is of an unknown kind of Argon2")
	}
	m, t, p, ok := argonParams(f[3])
	if !ok || m < 8*p || m > argonMemoryMax || t < 1 || m*t > argonWorkMax || p < 1 || p > argonThreadsMax {
		return secret{}, badHash("asks for more than is allowed: 256 MiB, 2 GiB in all passes, 16 threads")
	}
	salt, err := base64.RawStdEncoding.DecodeString(f[4])
	want, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if errors.Join(err, err2) != nil || len(salt) < 8 || len(salt) > saltMax || len(want) < 16 || len(want) > argonKeyMax {
		return secret{}, badHash("is damaged or cut off")
	}
	return secret{slow: true, check: func(password []byte) bool {
		got := derive(password, salt, uint32(t), uint32(m), uint8(p), uint32(len(want)))
		return subtle.ConstantTimeCompare(got, want) == 1
	}}, nil
}

// argonParams reads "m=19456,t=2,p=1".
func argonParams(s string) (m, t, p uint64, ok bool) {
	f := strings.Split(s, ",")
	if len(f) != 3 {
		return 0, 0, 0, false
	}
	var n [3]uint64
	for i, name := range [...]string{"m=", "t=", "p="} {
		digits, found := strings.CutPrefix(f[i], name)
		v, err := strconv.ParseUint(digits, 10, 31)
		if !found || err != nil {
			return 0, 0, 0, false
		}
		n[i] = v
	}
	return n[0], n[1], n[2], true
}

func makeArgon2(password []byte) (string, error) {
	salt := newSalt()
	key := argon2.IDKey(password, salt, argonPasses, argonMemory, 1, argonKeyLen)
	return "$argon2id$v=19$m=19456,t=2,p=1$" + base64.RawStdEncoding.EncodeToString(salt) + "$" +
		base64.RawStdEncoding.EncodeToString(key), nil
}

// parsePBKDF2 reads Dovecot's "$1$salt$rounds$hex", which is HMAC-SHA-1 with the salt as text, and
// "$pbkdf2-sha256$rounds$salt$key" with the base 64 that has a dot for the plus. RFC 8018 section 5.2.
func parsePBKDF2(hash string) (secret, error) {
	f := strings.Split(hash, "$")
	if len(f) != 5 || f[0] != "" {
		return secret{}, badHash("is no $1$salt$rounds$hex or $pbkdf2-sha256$rounds$salt$key")
	}
	new, rounds := sha1.New, f[2]
	var salt, want []byte
	var err, err2 error
	switch f[1] {
	case "1":
		rounds, salt = f[3], []byte(f[2])
		want, err = hex.DecodeString(f[4])
	case "pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512":
		salt, err = adapted64(f[3])
		want, err2 = adapted64(f[4])
		switch f[1] {
		case "pbkdf2-sha256":
			new = sha256.New
		case "pbkdf2-sha512":
			new = sha512.New
		}
	default:
		return secret{}, badHash("is of an unknown kind of PBKDF2")
	}
	n, err3 := strconv.ParseUint(rounds, 10, 31)
	if err != nil || err2 != nil || len(salt) > saltMax || len(want) < 16 || len(want) > pbkdfKeyMax {
		return secret{}, badHash("is damaged or cut off")
	}
	if err3 != nil || n < 1 || n > pbkdfRoundsMax {
		return secret{}, badHash("has no number of rounds between 1 and 10000000")
	}
	return secret{slow: true, check: func(p []byte) bool {
		got, err := pbkdf2.Key(new, string(p), salt, int(n), len(want))
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1
	}}, nil
}

func adapted64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.ReplaceAll(s, ".", "+"))
}

func makePBKDF2(password []byte) (string, error) {
	salt := newSalt()
	key, err := pbkdf2.Key(sha256.New, string(password), salt, pbkdfRounds, sha256.Size)
	if err != nil {
		return "", err
	}
	enc := func(b []byte) string {
		return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(b), "+", ".")
	}
	return "$pbkdf2-sha256$" + strconv.Itoa(pbkdfRounds) + "$" + enc(salt) + "$" + enc(key), nil
}

// digest is the family of salted digests: digest(password + salt) + salt.
type digest struct {
	new  func() hash.Hash
	size int
}

var (
	sha1Digest   = digest{sha1.New, sha1.Size}
	sha256Digest = digest{sha256.New, sha256.Size}
	sha512Digest = digest{sha512.New, sha512.Size}
)

func (d digest) plain(raw string) (secret, error) {
	if len(raw) != d.size {
		return secret{}, badHash("has the wrong length")
	}
	return d.salted(raw)
}

func (d digest) salted(raw string) (secret, error) {
	if len(raw) < d.size || len(raw) > d.size+saltMax {
		return secret{}, badHash("has the wrong length")
	}
	want, salt := []byte(raw[:d.size]), []byte(raw[d.size:])
	return secret{check: func(p []byte) bool {
		h := d.new()
		write(h, p, salt)
		return subtle.ConstantTimeCompare(h.Sum(nil), want) == 1
	}}, nil
}

func (d digest) make(password []byte) (string, error) {
	salt := newSalt()
	h := d.new()
	write(h, password, salt)
	return base64.StdEncoding.EncodeToString(append(h.Sum(nil), salt...)), nil
}

func newSalt() []byte {
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails: it ends the process instead
	return salt
}
