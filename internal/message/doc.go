// Package message reads RFC 5322 and MIME messages as offsets into their stored octets. Digest reads a message once and
// makes everything that is stored beside it: envelope and body structure ready for the wire, a tree of offsets (Part),
// the header fields that clients list, decoded text to search in. Afterwards a section is found without parsing:
// DecodeParts, then Part.Locate.
//
// There are no malformed messages: whatever octets arrive, they are some message. Every bound (nesting, number of parts,
// size of a header, addresses, parameters) ends in something opaque, never in an error, and memory stays bounded
// however large the message is.
package message
