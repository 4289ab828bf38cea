package message

// AppendBody appends BODY, the body structure without extension data, made from the BODYSTRUCTURE of a Digest.
// RFC 9051 section 7.5.2.
func AppendBody(dst, structure []byte) []byte {
	s := wireScanner{in: structure}
	return s.body(dst)
}

// wireScanner walks through a wire form that this package wrote. On anything else it stops early, and does no harm.
type wireScanner struct {
	in    []byte
	depth int
}

// body copies one body without what extends it.
func (s *wireScanner) body(dst []byte) []byte {
	if len(s.in) == 0 || s.in[0] != '(' || s.depth > maxDepth+2 {
		s.in = nil
		return dst
	}
	s.depth++
	dst, s.in = append(dst, '('), s.in[1:]
	switch {
	case len(s.in) > 0 && s.in[0] == '(': // a multipart: bodies, subtype
		for len(s.in) > 0 && s.in[0] == '(' {
			dst = s.body(dst)
		}
		dst = s.items(dst, 1)
	default:
		main := s.in[:s.item()]
		dst = append(dst, main...)
		s.in = s.in[len(main):]
		sub := s.in[1:max(1, s.peek())]
		isText := equalFold(`"text"`, main)
		isMsg := equalFold(`"message"`, main) && len(sub) > 2 && isMessage(sub[1:len(sub)-1])
		dst = s.items(dst, 6) // subtype, parameters, id, description, encoding, octets
		switch {
		case isText:
			dst = s.items(dst, 1)
		case isMsg:
			dst = s.items(dst, 1)
			if len(s.in) > 0 && s.in[0] == ' ' {
				dst, s.in = append(dst, ' '), s.in[1:]
			}
			dst = s.body(dst)
			dst = s.items(dst, 1)
		}
	}
	for len(s.in) > 0 && s.in[0] != ')' { // the extension data
		n := s.peek()
		if n == 0 {
			s.in = nil
			break
		}
		s.in = s.in[n:]
	}
	if len(s.in) > 0 {
		s.in = s.in[1:]
	}
	s.depth--
	return append(dst, ')')
}

// items copies n items, each with the space before it.
func (s *wireScanner) items(dst []byte, n int) []byte {
	for range n {
		k := s.peek()
		dst = append(dst, s.in[:k]...)
		s.in = s.in[k:]
	}
	return dst
}

// peek is the length of the next item with the space before it, 0 if there is none.
func (s *wireScanner) peek() int {
	if len(s.in) == 0 || s.in[0] != ' ' {
		return 0
	}
	t := wireScanner{in: s.in[1:]}
	return 1 + t.item()
}

// item is the length of the item at the start: a string, a list, an atom.
func (s *wireScanner) item() int {
	depth, i := 0, 0
	for i < len(s.in) {
		switch c := s.in[i]; c {
		case '"':
			i += quotedLen(s.in[i:])
		case '{':
			i += literalLen(s.in[i:])
		case '(':
			depth++
			i++
		case ')':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ' ':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			for i < len(s.in) && s.in[i] != ' ' && s.in[i] != '(' && s.in[i] != ')' {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func quotedLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func literalLen(b []byte) int {
	n, rest := digits(b[1:])
	head := len(b) - len(rest) + len("}\r\n")
	return min(len(b), head+n)
}
