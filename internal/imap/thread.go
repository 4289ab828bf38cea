package imap

import (
	"slices"

	"github.com/constance-mail/constance/internal/imap/wire"
)

// Thread is THREAD, or UID THREAD. RFC 5256 section 3.
type Thread struct {
	Search    Search // with a Charset; never Extended
	Algorithm ThreadAlgorithm
}

// ThreadAlgorithm says how messages become threads.
type ThreadAlgorithm uint8

// The algorithms. RFC 5256 section 3.
const (
	ThreadOrderedSubject ThreadAlgorithm = iota
	ThreadReferences
	ThreadRefs // as ThreadReferences, but subjects say nothing, and the thread with the latest arrival is the last
)

// threadWords are the words of the algorithms, in their order.
var threadWords = [...]string{"ORDEREDSUBJECT", "REFERENCES", "REFS"}

// Verb is "THREAD".
func (*Thread) Verb() string { return "THREAD" }

// Append appends the command.
func (c *Thread) Append(b []byte, utf8 bool) []byte {
	b = append(append(appendUID(b, c.Search.UID, "THREAD"), threadWords[c.Algorithm]...), ' ')
	b = append(wire.AppendAString(b, c.Search.Charset, utf8), ' ')
	return c.Search.appendProgram(b, utf8)
}

// thread = "THREAD" SP thread-alg SP search-criteria; RFC 5256 section 5.
func parseThread(d *wire.Decoder) Command { return parseThreadCommand(d, &Thread{}) }

func parseUIDThread(d *wire.Decoder) Command {
	return parseThreadCommand(d, &Thread{Search: Search{UID: true}})
}

func parseThreadCommand(d *wire.Decoder, c *Thread) Command {
	if !d.MustSP() {
		return nil
	}
	i := slices.Index(threadWords[:], string(d.MustWord()))
	if i < 0 {
		d.Fail("unknown threading algorithm")
		return nil
	}
	c.Algorithm = ThreadAlgorithm(i)
	if !d.MustSP() || !c.Search.criteria(d) {
		return nil
	}
	return end(d, c)
}
