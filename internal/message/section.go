package message

// Specifier says what of a message or part a Section means. RFC 9051 section 6.4.5.1.
type Specifier uint8

// The specifiers.
const (
	Whole           Specifier = iota // everything; of a part its body
	Header                           // HEADER
	HeaderFields                     // HEADER.FIELDS
	HeaderFieldsNot                  // HEADER.FIELDS.NOT
	Text                             // TEXT
	MIME                             // MIME, with a Path only
)

// Section is what stands between the brackets of BODY[...]. RFC 9051 section 6.4.5.1.
type Section struct {
	Path   []int     // part numbers from 1, nil for the message itself
	What   Specifier //
	Fields []string  // of HeaderFields and HeaderFieldsNot, as the client wrote them
}
