package imap

// The commands without arguments.
type (
	// Capability is CAPABILITY. RFC 9051 section 6.1.1.
	Capability struct{}
	// Noop is NOOP. RFC 9051 section 6.1.2.
	Noop struct{}
	// Logout is LOGOUT. RFC 9051 section 6.1.3.
	Logout struct{}
	// StartTLS is STARTTLS. RFC 9051 section 6.2.1.
	StartTLS struct{}
	// Namespace is NAMESPACE. RFC 9051 section 6.3.10, RFC 2342.
	Namespace struct{}
	// Idle is IDLE; what ends it is read by ReadDone. RFC 9051 section 6.3.13, RFC 2177.
	Idle struct{}
	// Check is CHECK. RFC 3501 section 6.4.1.
	Check struct{}
	// Close is CLOSE. RFC 9051 section 6.4.1.
	Close struct{}
	// Unselect is UNSELECT. RFC 9051 section 6.4.2, RFC 3691.
	Unselect struct{}
)
