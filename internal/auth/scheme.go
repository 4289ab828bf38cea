package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/constance-mail/constance/internal/mail"
)

// MaxPassword is how many octets a password can have: some schemes cost the square of its length.
const MaxPassword = 512

// DefaultScheme is what Hash uses if it is told none.
const DefaultScheme = "ARGON2ID"

// badHash is why a stored hash cannot be used.
type badHash string

func (e badHash) Error() string { return "password hash " + string(e) }

// secret is a stored hash ready for checking.
type secret struct {
	slow  bool                       // so costly that it is meant to be
	check func(password []byte) bool // in a time that does not depend on how much of it is right
}

// scheme is a way to store a password, as named in braces.
type scheme struct {
	parse func(hash string) (secret, error)
	make  func(password []byte) (string, error) // nil: only read, since there is a better one
	enc   encoding                              // how a hash is written if the name says nothing
	hex   int                                   // a hash of that many hexadecimal digits is taken for such
}

// encoding is how octets are written: Dovecot's {SCHEME.HEX} and {SCHEME.B64}.
type encoding uint8

const (
	text encoding = iota // as the scheme's own text
	b64
	hexa
)

// schemes are the known ones, by the name in braces in capitals.
var schemes = map[string]scheme{
	"PLAIN":        {parse: parsePlain, make: makePlain},
	"CLEARTEXT":    {parse: parsePlain},
	"CRYPT":        {parse: parseCrypt},
	"SHA256-CRYPT": {parse: sha256Crypt.secret, make: sha256Crypt.make},
	"SHA512-CRYPT": {parse: sha512Crypt.secret, make: sha512Crypt.make},
	"BLF-CRYPT":    {parse: parseBcrypt, make: makeBcrypt},
	"ARGON2ID":     {parse: parseArgon2, make: makeArgon2},
	"ARGON2I":      {parse: parseArgon2},
	"PBKDF2":       {parse: parsePBKDF2, make: makePBKDF2},
	"SHA":          {parse: sha1Digest.plain, enc: b64, hex: 40},
	"SHA1":         {parse: sha1Digest.plain, enc: b64, hex: 40},
	"SHA256":       {parse: sha256Digest.plain, enc: b64, hex: 64},
	"SHA512":       {parse: sha512Digest.plain, enc: b64, hex: 128},
	"SSHA":         {parse: sha1Digest.salted, make: sha1Digest.make, enc: b64},
	"SSHA256":      {parse: sha256Digest.salted, make: sha256Digest.make, enc: b64},
	"SSHA512":      {parse: sha512Digest.salted, make: sha512Digest.make, enc: b64},
}

// Schemes are the names that Hash takes, the best first.
func Schemes() []string {
	return []string{
		"ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT", "PBKDF2", "SSHA512", "SSHA256", "SSHA", "PLAIN",
	}
}

// Hash is the password as a User.Hash in that scheme (one of Schemes, "" for DefaultScheme, in any case),
// with a fresh salt. Kind Invalid: an unknown scheme, or a password that is empty, longer than MaxPassword or
// not possible in the scheme.
func Hash(name, password string) (string, error) {
	if name == "" {
		name = DefaultScheme
	}
	name = strings.ToUpper(name)
	s := schemes[name]
	switch {
	case s.make == nil:
		return "", invalid("hash", name, badHash("scheme unknown; there are "+strings.Join(Schemes(), ", ")))
	case password == "" || len(password) > MaxPassword || strings.IndexByte(password, 0) >= 0:
		return "", invalid("hash", "", badHash("of a password that is empty, too long or holds a NUL"))
	}
	h, err := s.make([]byte(password))
	if err != nil {
		return "", invalid("hash", name, err)
	}
	return "{" + name + "}" + h, nil
}

// Verify tells whether the password fits a User.Hash. Kind Corrupt: the hash is damaged, of an unknown scheme
// or asks for more work or memory than is allowed.
func Verify(stored, password string) (bool, error) {
	s, err := parseHash(stored)
	if err != nil || !possible(password) {
		return false, err
	}
	return s.check([]byte(password)), nil
}

// CheckHash says whether Verify can use a stored hash, without the cost of a verification.
func CheckHash(stored string) error {
	_, err := parseHash(stored)
	return err
}

// possible tells whether anybody can have that password.
func possible(password string) bool {
	return password != "" && len(password) <= MaxPassword && strings.IndexByte(password, 0) < 0
}

// parseHash reads "{SCHEME}text", "{SCHEME.ENCODING}text" or a bare "$...", which is {CRYPT}.
func parseHash(stored string) (secret, error) {
	name, body := "CRYPT", stored
	if rest, ok := strings.CutPrefix(stored, "{"); ok {
		if name, body, ok = strings.Cut(rest, "}"); !ok {
			return secret{}, corrupt(badHash("has no } after its scheme"))
		}
	} else if !strings.HasPrefix(stored, "$") {
		return secret{}, corrupt(badHash("has no {SCHEME}"))
	}
	name, suffix, _ := strings.Cut(strings.ToUpper(name), ".")
	s, ok := schemes[name]
	if !ok {
		return secret{}, corrupt(badHash("is of an unknown scheme {" + name[:min(len(name), 20)] + "}"))
	}
	raw, err := s.decode(suffix, body)
	if err != nil {
		return secret{}, corrupt(err)
	}
	out, err := s.parse(raw)
	if err != nil {
		return secret{}, corrupt(err)
	}
	return out, nil
}

// decode undoes the encoding of a hash.
func (s scheme) decode(suffix, body string) (string, error) {
	enc := s.enc
	switch suffix {
	case "":
		if s.hex > 0 && len(body) == s.hex {
			enc = hexa
		}
	case "HEX":
		enc = hexa
	case "B64", "BASE64":
		enc = b64
	default:
		return "", badHash("is in an unknown encoding; there are .HEX and .B64")
	}
	var raw []byte
	var err error
	switch enc {
	case text:
		return body, nil
	case hexa:
		raw, err = hex.DecodeString(body)
	case b64:
		raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(body, "="))
	}
	if err != nil {
		return "", badHash("cannot be decoded")
	}
	return string(raw), nil
}

func parsePlain(hash string) (secret, error) {
	if hash == "" {
		return secret{}, badHash("is an empty password")
	}
	want := []byte(hash)
	return secret{check: func(p []byte) bool { return subtle.ConstantTimeCompare(p, want) == 1 }}, nil
}

func makePlain(password []byte) (string, error) {
	if strings.ContainsAny(string(password), "\r\n") {
		return "", badHash("in the scheme PLAIN cannot hold a line end")
	}
	return string(password), nil
}

// parseCrypt goes by the prefix, as crypt(3) does.
func parseCrypt(hash string) (secret, error) {
	switch {
	case strings.HasPrefix(hash, "$5$"):
		return sha256Crypt.secret(hash)
	case strings.HasPrefix(hash, "$6$"):
		return sha512Crypt.secret(hash)
	case strings.HasPrefix(hash, "$2"):
		return parseBcrypt(hash)
	case strings.HasPrefix(hash, "$argon2"):
		return parseArgon2(hash)
	case strings.HasPrefix(hash, "$pbkdf2"):
		return parsePBKDF2(hash)
	}
	return secret{}, badHash("is of a crypt method that is unknown or no longer safe")
}

func invalid(op, item string, err error) error {
	return &mail.Error{Op: op, Kind: mail.Invalid, Item: item, Err: err}
}

func corrupt(err error) error { return &mail.Error{Op: "verify", Kind: mail.Corrupt, Err: err} }
