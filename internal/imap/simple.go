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
	// Unauthenticate is UNAUTHENTICATE. RFC 8437 section 3.
	Unauthenticate struct{}
)

// Verb is "CAPABILITY".
func (*Capability) Verb() string { return "CAPABILITY" }

// Append appends the command.
func (c *Capability) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "NOOP".
func (*Noop) Verb() string { return "NOOP" }

// Append appends the command.
func (c *Noop) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "LOGOUT".
func (*Logout) Verb() string { return "LOGOUT" }

// Append appends the command.
func (c *Logout) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "STARTTLS".
func (*StartTLS) Verb() string { return "STARTTLS" }

// Append appends the command.
func (c *StartTLS) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "NAMESPACE".
func (*Namespace) Verb() string { return "NAMESPACE" }

// Append appends the command.
func (c *Namespace) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "IDLE".
func (*Idle) Verb() string { return "IDLE" }

// Append appends the command.
func (c *Idle) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "CHECK".
func (*Check) Verb() string { return "CHECK" }

// Append appends the command.
func (c *Check) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "CLOSE".
func (*Close) Verb() string { return "CLOSE" }

// Append appends the command.
func (c *Close) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "UNSELECT".
func (*Unselect) Verb() string { return "UNSELECT" }

// Append appends the command.
func (c *Unselect) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }

// Verb is "UNAUTHENTICATE".
func (*Unauthenticate) Verb() string { return "UNAUTHENTICATE" }

// Append appends the command.
func (c *Unauthenticate) Append(b []byte, _ bool) []byte { return append(b, c.Verb()...) }
