package message

import "strings"

// maxBase bounds the subject that a base subject is made of, octets: the algorithm is quadratic.
const maxBase = 4096

// baseSubject takes the artifacts of replying and forwarding off a decoded subject. RFC 5256 section 2.1.
func baseSubject(s string) string {
	base, _ := cutSubject(s)
	return base
}

// IsReply tells whether a message with that decoded subject is a reply or forward: whether more than spaces and blobs
// comes off it. RFC 5256 section 3 (REFERENCES).
func IsReply(subject string) bool {
	_, reply := cutSubject(subject)
	return reply
}

// cutSubject is the base subject, and whether the artifacts of a reply or forward were taken off.
func cutSubject(s string) (base string, reply bool) {
	s = oneSpace(s)
	for {
		trimmed := cutTrailers(s)
		reply = reply || len(trimmed) < len(strings.TrimRight(s, " "))
		s = trimmed
		for {
			if t, ok := cutLeader(s); ok {
				reply = reply || s[0] != ' '
				s = t
				continue
			}
			if t, ok := cutBlob(s); ok && t != "" {
				s = t
				continue
			}
			break
		}
		const fwd = "[fwd:"
		if len(s) <= len(fwd) || !equalFold(fwd, s[:len(fwd)]) || s[len(s)-1] != ']' {
			return s, reply
		}
		s, reply = s[len(fwd):len(s)-1], true
	}
}

// oneSpace makes each run of white space one space, and bounds the subject. RFC 5256 section 2.1, step 1.
func oneSpace(s string) string {
	if len(s) > maxBase {
		s = strings.ToValidUTF8(s[:maxBase], "")
	}
	if !strings.ContainsAny(s, "\t\r\n") && !strings.Contains(s, "  ") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < 0x80 && isFWS(byte(r)) }), " ")
}

// cutTrailers takes off every subj-trailer.
func cutTrailers(s string) string {
	const fwd = "(fwd)"
	for {
		s = strings.TrimRight(s, " ")
		n := len(s) - len(fwd)
		if n < 0 || !equalFold(fwd, s[n:]) {
			return s
		}
		s = s[:n]
	}
}

// cutLeader takes off one subj-leader: a space, or "re:", "fw:", "fwd:" with blobs before it and perhaps one inside.
func cutLeader(s string) (string, bool) {
	if s != "" && s[0] == ' ' {
		return s[1:], true
	}
	for {
		t, ok := cutBlob(s)
		if !ok {
			break
		}
		s = t
	}
	switch {
	case len(s) >= 3 && equalFold("fwd", s[:3]):
		s = s[3:]
	case len(s) >= 2 && (equalFold("re", s[:2]) || equalFold("fw", s[:2])):
		s = s[2:]
	default:
		return "", false
	}
	s = strings.TrimLeft(s, " ")
	if t, ok := cutBlob(s); ok {
		s = t
	}
	return strings.CutPrefix(s, ":")
}

// cutBlob takes off one subj-blob, with the spaces behind it.
func cutBlob(s string) (string, bool) {
	if s == "" || s[0] != '[' {
		return s, false
	}
	i := strings.IndexAny(s[1:], "[]")
	if i < 0 || s[i+1] != ']' {
		return s, false
	}
	return strings.TrimLeft(s[i+2:], " "), true
}
