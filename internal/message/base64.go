package message

// base64Value is the value of a character of base64, 255 if it is none, 64 for the padding.
var base64Value = makeBase64Values()

func makeBase64Values() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	t['='] = 64
	return t
}

// base64Bits decodes base64 piece by piece and takes everything: characters outside of the alphabet are passed over,
// padding ends a group and another may follow. RFC 2045 section 6.8.
type base64Bits struct {
	bits uint32 // characters of an unfinished group
	n    uint   // how many characters, 0 to 3
}

// decode appends to dst what in decodes to, keeping an unfinished group for the next call.
func (b *base64Bits) decode(dst, in []byte) []byte {
	for len(in) > 0 {
		if b.n == 0 {
			for len(in) >= 4 { // whole groups
				v0, v1, v2, v3 := base64Value[in[0]], base64Value[in[1]], base64Value[in[2]], base64Value[in[3]]
				if v0|v1|v2|v3 >= 64 {
					break
				}
				v := uint32(v0)<<18 | uint32(v1)<<12 | uint32(v2)<<6 | uint32(v3)
				dst = append(dst, byte(v>>16), byte(v>>8), byte(v))
				in = in[4:]
			}
			if len(in) == 0 {
				break
			}
		}
		v := base64Value[in[0]]
		in = in[1:]
		switch {
		case v < 64:
			b.bits = b.bits<<6 | uint32(v)
			if b.n++; b.n == 4 {
				dst = append(dst, byte(b.bits>>16), byte(b.bits>>8), byte(b.bits))
				*b = base64Bits{}
			}
		case v == 64:
			dst = b.finish(dst)
		}
	}
	return dst
}

// finish appends what an unfinished group holds.
func (b *base64Bits) finish(dst []byte) []byte {
	switch b.n {
	case 2:
		dst = append(dst, byte(b.bits>>4))
	case 3:
		dst = append(dst, byte(b.bits>>10), byte(b.bits>>2))
	}
	*b = base64Bits{}
	return dst
}
