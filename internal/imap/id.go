package imap

// ID is ID. RFC 2971.
type ID struct{ Fields []IDField }

// IDField is one field of ID; Nil says that the value is NIL.
type IDField struct {
	Name, Value string
	Nil         bool
}
