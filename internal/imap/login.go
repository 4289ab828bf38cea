package imap

// Login is LOGIN. RFC 9051 section 6.2.3.
type Login struct{ User, Password string }

// Authenticate is AUTHENTICATE; further answers of the client are read by ReadAnswer. RFC 9051 section 6.2.2, RFC 4959.
type Authenticate struct {
	Mechanism  string // in capitals
	HasInitial bool   // an initial response was given, perhaps the empty one ("=")
	Initial    []byte // decoded
}

// Enable is ENABLE. RFC 9051 section 6.3.1, RFC 5161.
type Enable struct{ Caps []string } // in capitals, known or not
