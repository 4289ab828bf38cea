package imap

// Verb is "CAPABILITY".
func (*Capability) Verb() string { return "CAPABILITY" }

// Verb is "NOOP".
func (*Noop) Verb() string { return "NOOP" }

// Verb is "LOGOUT".
func (*Logout) Verb() string { return "LOGOUT" }

// Verb is "STARTTLS".
func (*StartTLS) Verb() string { return "STARTTLS" }

// Verb is "NAMESPACE".
func (*Namespace) Verb() string { return "NAMESPACE" }

// Verb is "IDLE".
func (*Idle) Verb() string { return "IDLE" }

// Verb is "CHECK".
func (*Check) Verb() string { return "CHECK" }

// Verb is "CLOSE".
func (*Close) Verb() string { return "CLOSE" }

// Verb is "UNSELECT".
func (*Unselect) Verb() string { return "UNSELECT" }

// Verb is "DELETE".
func (*Delete) Verb() string { return "DELETE" }

// Verb is "RENAME".
func (*Rename) Verb() string { return "RENAME" }

// Verb is "SUBSCRIBE".
func (*Subscribe) Verb() string { return "SUBSCRIBE" }

// Verb is "UNSUBSCRIBE".
func (*Unsubscribe) Verb() string { return "UNSUBSCRIBE" }

// Verb is "CREATE".
func (*Create) Verb() string { return "CREATE" }

// Verb is "ID".
func (*ID) Verb() string { return "ID" }

// Verb is "LOGIN".
func (*Login) Verb() string { return "LOGIN" }

// Verb is "AUTHENTICATE".
func (*Authenticate) Verb() string { return "AUTHENTICATE" }

// Verb is "ENABLE".
func (*Enable) Verb() string { return "ENABLE" }

// Verb is "LIST".
func (*List) Verb() string { return "LIST" }

// Verb is "LSUB".
func (*LSub) Verb() string { return "LSUB" }

// Verb is "STATUS".
func (*Status) Verb() string { return "STATUS" }

// Verb is "APPEND".
func (*Append) Verb() string { return "APPEND" }

// Verb is "FETCH".
func (*Fetch) Verb() string { return "FETCH" }

// Verb is "STORE".
func (*Store) Verb() string { return "STORE" }

// Verb is "COPY".
func (*Copy) Verb() string { return "COPY" }

// Verb is "MOVE".
func (*Move) Verb() string { return "MOVE" }

// Verb is "EXPUNGE".
func (*Expunge) Verb() string { return "EXPUNGE" }

// Verb is "SEARCH".
func (*Search) Verb() string { return "SEARCH" }

// Verb is "SELECT" or "EXAMINE".
func (c *Select) Verb() string {
	if c.Examine {
		return "EXAMINE"
	}
	return "SELECT"
}
