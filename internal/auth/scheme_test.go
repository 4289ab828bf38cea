package auth

import (
	"strings"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

const umlauts = "pässwörd"

// vectors are hashes made by others: the texts of the algorithms, Dovecot 2.3's doveadm pw, the crypt(3) of
// glibc.
var vectors = []struct{ name, password, hash string }{
	{"Drepper, SHA-256 without rounds", "Hello world!", "{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
	{"Drepper, SHA-256, long salt", "Hello world!",
		"{SHA256-CRYPT}$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
	{"Drepper, SHA-256, rounds below the least", "the minimum number is still observed",
		"$5$rounds=10$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC"},
	{"Drepper, SHA-512 without rounds", "Hello world!", "{SHA512-CRYPT}$6$saltstring$" +
		"svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
	{"Drepper, SHA-512, long salt", "Hello world!", "{CRYPT}$6$rounds=10000$saltstringsaltst$" +
		"OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
	{"glibc, long password, SHA-512", strings.Repeat("x", 200), "$6$rounds=1000$a$" +
		"Apg42rHkNqagebsTyEz.KuLIS6Wg7D9Kh3BGpZ07vtM4GxdsMlM9D7ItfDbFBfCsXmIVaRd2K0wcYY7MIQfhv."},
	{"glibc, long password, SHA-256", strings.Repeat("x", 200), "$5$rounds=1000$ab$OH2N.s6i5YZLKUGDDcd7bu5kk8XeZtl/juV4iG0AzB3"},
	{"glibc, salt cut to 16", "secret", "$5$rounds=1400$anotherlongsaltstring$hA9phAhHgeqcKTycY/LRKamQM18d5P2uD0VRrWGWMX6"},
	{"glibc, 8-bit password", umlauts, "{SHA512-CRYPT}$6$Qo8aR3hTn5Gk1bYx$" +
		"qqzEfrkBFDMVo7ltveQdvAl3L2oS6Kj11PXwm/OXOXsXmomwpK0PGJsoe6OanR83F.CmWoV.r6AB74Z5tprmC1"},
	{"glibc, bcrypt 2b", "secret", "{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"},
	{"Openwall, bcrypt 2a", "U*U", "{CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"Dovecot, bcrypt 2y", umlauts, "{BLF-CRYPT}$2y$04$itDbNI4IP73ENhTdniX/k.CBjZIo9wim5a6YDsc9Y7JlmIdpwSoCC"},
	{"argon2 reference", "password", "{ARGON2ID}$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"Dovecot, argon2i", umlauts, "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$4wgn4RXEIQKQkMO9IcCGlQ$+Q2KgJgMjcw+2lvIs9zMgSIh36jZc8T27oXw3KlWWYc"},
	{"Dovecot, pbkdf2", umlauts, "{PBKDF2}$1$VqBrzSoEW5mYPoUP$100$5fe1138985ab236bfdeb4fc3df03910d1ffd7c20"},
	{"passlib, pbkdf2-sha256", "password",
		"{PBKDF2}$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"},
	{"Dovecot", umlauts, "{SSHA}vhjFHIFecb9dzBAL8evFTmonXtgl/fEh"},
	{"Dovecot", umlauts, "{SSHA256}FHljC+l3EcjuLVVUYxv9gF6YiS6lf7oIwzSjcDH8Orikwtj1"},
	{"Dovecot", umlauts, "{SSHA512}ymutA4S/LT5GCU9sW4zIyGMac82idVlQIEc6fUculNsUlTYOV7D294yVOTYSQL40SaADJqOC+EzTuMXkOJR0KMugLjg="},
	{"Dovecot", umlauts, "{SSHA.HEX}ffe9dd37e21087f86eb425d9393735ad4b209b9190aafc44"},
	{"Dovecot", umlauts, "{ssha512.b64}U7YLcbbbQPMmjwdQfH117KPy7qbCIW8oorS+vxplkV9mEdrc6JSAC8aWLNU6M/WxpDMYWtLDZ2545JaePhjtNd3Ed64="},
	{"Dovecot", umlauts, "{SHA}9Rfd8dMqES/xrVXGbRsSyzjn6Pc="},
	{"without the padding", umlauts, "{SHA1}9Rfd8dMqES/xrVXGbRsSyzjn6Pc"},
	{"Dovecot", umlauts, "{SHA256}RpcL73Cs7YEj8NXQlHF+KlzUEgQeA7JjdgSf5lsoNKQ="},
	{"Dovecot", umlauts, "{SHA256.HEX}46970bef70aced8123f0d5d094717e2a5cd412041e03b26376049fe65b2834a4"},
	{"hexadecimal by its length", umlauts, "{SHA256}46970bef70aced8123f0d5d094717e2a5cd412041e03b26376049fe65b2834a4"},
	{"Dovecot", umlauts, "{SHA512}csf+G9M7eFdGqclPm4DSWRzTjzwTyKpD91N/MqKoxfm10c7ha2nwIS4OOalNg/V7zzomuud2AHzrsB8NYxEnPg=="},
	{"Dovecot", umlauts, "{PLAIN}pässwörd"},
	{"Dovecot", umlauts, "{PLAIN.B64}cMOkc3N3w7ZyZA=="},
	{"Dovecot", umlauts, "{Cleartext.hex}70c3a4737377c3b67264"},
}

func TestVerifyVectors(t *testing.T) {
	for _, v := range vectors {
		if ok, err := Verify(v.hash, v.password); !ok || err != nil {
			t.Errorf("%s: %s: got %v, %v", v.name, v.hash, ok, err)
		}
		for _, wrong := range []string{v.password + "x", v.password[1:], strings.ToUpper(v.password) + "!", ""} {
			if ok, err := Verify(v.hash, wrong); ok || err != nil {
				t.Errorf("%s: %s: lets in %q, %v", v.name, v.hash, wrong, err)
			}
		}
	}
}

func TestHashEachScheme(t *testing.T) {
	for _, name := range Schemes() {
		h, err := Hash(strings.ToLower(name), umlauts)
		if err != nil || !strings.HasPrefix(h, "{"+name+"}") {
			t.Errorf("%s: %q, %v", name, h, err)
			continue
		}
		if ok, err := Verify(h, umlauts); !ok || err != nil {
			t.Errorf("%s: own hash %q does not verify: %v", name, h, err)
		}
		if ok, _ := Verify(h, umlauts+" "); ok {
			t.Errorf("%s: %q lets in a wrong password", name, h)
		}
		if again, _ := Hash(name, umlauts); again == h && name != "PLAIN" {
			t.Errorf("%s: no fresh salt: %q twice", name, h)
		}
		if _, err := ParseLine("a:" + h + ":1:2::/home:/bin/sh"); err != nil {
			t.Errorf("%s: not for a passwd-file: %v", name, err)
		}
	}
	if h, _ := Hash("", "x"); !strings.HasPrefix(h, "{"+DefaultScheme+"}") {
		t.Errorf("default: %q", h)
	}
}

func TestHashRefuses(t *testing.T) {
	for _, c := range []struct{ name, password string }{
		{"MD5", "x"}, {"SHA", "x"}, {"ARGON2ID", ""}, {"ARGON2ID", "a\x00b"}, {"PLAIN", strings.Repeat("x", MaxPassword+1)},
		{"BLF-CRYPT", strings.Repeat("x", 73)}, {"PLAIN", "a\nb"},
	} {
		if h, err := Hash(c.name, c.password); err == nil || mail.KindOf(err) != mail.Invalid {
			t.Errorf("%s %.20q: got %q, %v", c.name, c.password, h, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	const salted = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for name, h := range map[string]string{
		"empty": "", "no scheme": "secret", "no brace": "{PLAIN", "unknown": "{MD5}x", "empty plain": "{PLAIN}",
		"unknown encoding": "{PLAIN.ROT13}x", "bad hex": "{SHA.HEX}xyz", "bad base 64": "{SSHA}!!!!", "short": "{SHA}AAAA",
		"short salted": "{SSHA512}AAAA", "unsalted with a salt": "{SHA256}FHljC+l3EcjuLVVUYxv9gF6YiS6lf7oIwzSjcDH8Orikwtj1",
		"DES": "{CRYPT}abcdefghijklm", "MD5-crypt": "$1$abc$def", "yescrypt": "$y$j9T$x$y",
		"too many rounds": "$6$rounds=5000001$a$" + strings.Repeat("a", 86), "rounds overflow": "$5$rounds=99999999999$a$" + strings.Repeat("a", 43),
		"no rounds": "$5$rounds=$a$" + strings.Repeat("a", 43), "negative rounds": "$5$rounds=-1$a$" + strings.Repeat("a", 43),
		"cut off": "$6$salt$abc", "strange character": "$5$salt$" + strings.Repeat("!", 43), "wrong kind": "{SHA256-CRYPT}$6$salt$" + strings.Repeat("a", 86),
		"bcrypt 2x": "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "bcrypt cost": "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt cut off": "$2a$05$CCCCCCCCCCCCCCCCCCCCC", "bcrypt alphabet": "$2a$05$CCCCCCCCCCCCCCCCCCCCC!E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"argon2 memory": "$argon2id$v=19$m=4194304,t=1,p=1" + salted, "argon2 passes": "$argon2id$v=19$m=65536,t=1000,p=1" + salted,
		"argon2 product": "$argon2id$v=19$m=1024,t=2147483647,p=1" + salted, "argon2 threads": "$argon2id$v=19$m=65536,t=1,p=255" + salted,
		"argon2 no threads": "$argon2id$v=19$m=65536,t=1,p=0" + salted, "argon2 no passes": "$argon2id$v=19$m=65536,t=0,p=1" + salted,
		"argon2 version": "$argon2id$v=16$m=65536,t=1,p=1" + salted, "argon2d": "$argon2d$v=19$m=65536,t=1,p=1" + salted,
		"argon2 order": "$argon2id$v=19$t=1,m=65536,p=1" + salted, "argon2 key": "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$AAAA",
		"argon2 fields": "$argon2id$v=19$m=65536,t=1,p=1", "pbkdf2 rounds": "{PBKDF2}$1$s$99999999$5fe1138985ab236bfdeb4fc3df03910d1ffd7c20",
		"pbkdf2 none": "{PBKDF2}$1$s$0$5fe1138985ab236bfdeb4fc3df03910d1ffd7c20", "pbkdf2 key": "{PBKDF2}$1$s$1$5fe1",
		"pbkdf2 kind": "{PBKDF2}$2$s$1$5fe1138985ab236bfdeb4fc3df03910d1ffd7c20", "pbkdf2 fields": "{PBKDF2}$1$s$1",
	} {
		ok, err := Verify(h, "secret")
		if ok || mail.KindOf(err) != mail.Corrupt || err == nil {
			t.Errorf("%s: %q: got %v, %v", name, h, ok, err)
		}
		if CheckHash(h) == nil {
			t.Errorf("%s: %q passes CheckHash", name, h)
		}
	}
}

// FuzzParseHash asks for bounds: whatever is taken must be cheap enough to be checked at once.
func FuzzParseHash(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.hash)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		s, err := parseHash(stored)
		if err == nil && !s.slow {
			s.check([]byte("secret"))
		}
		if err != nil && mail.KindOf(err) != mail.Corrupt {
			t.Errorf("%q: %v", stored, err)
		}
	})
}

// FuzzSHACrypt asks whether a hash made with any password and salt is found right and read back.
func FuzzSHACrypt(f *testing.F) {
	f.Add("secret", "salt")
	f.Add(strings.Repeat("x", 65), "")
	f.Fuzz(func(t *testing.T, password, salt string) {
		if len(password) > 200 || len(salt) > shaSaltMax || strings.Contains(salt, "$") || strings.HasPrefix(salt, "rounds=") {
			return
		}
		for _, v := range []*shaCrypt{sha256Crypt, sha512Crypt} {
			set := shaSetting{salt: salt, rounds: shaRoundsMin, explicit: true}
			h := v.format(set, v.sum([]byte(password), set))
			got, sum, err := v.parse(h)
			if err != nil || got != set || sum != v.sum([]byte(password), got) {
				t.Errorf("%q: %+v, %v", h, got, err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, name := range Schemes() {
		h, err := Hash(name, "secret")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, _ := Verify(h, "secret"); !ok {
					b.Fatal("does not verify")
				}
			}
		})
	}
}
