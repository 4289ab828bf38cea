package imap

// Command is a command as a client sends it, without its tag: a pointer to one of this package's structs.
type Command interface {
	// Verb is the command's name in capitals. UID FETCH and FETCH are both "FETCH", with a UID field.
	Verb() string
}
