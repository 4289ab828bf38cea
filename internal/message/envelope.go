package message

// envelope writes the envelope of the message whose header was just read. RFC 9051 section 7.5.2.
func (p *parser) envelope() span {
	h := &p.head
	start := len(p.wire)
	w := append(p.wire, '(')
	w = appendNString(w, h.date)
	w = append(w, ' ')
	w = appendNString(w, h.subject)
	w = append(w, ' ')
	from := len(w)
	w = p.appendAddressList(w, h.from)
	end := len(w)
	for _, v := range [...][]byte{h.sender, h.replyTo} { // which default to From
		w = append(w, ' ')
		own := len(w)
		w = p.appendAddressList(w, v)
		if string(w[own:]) == "NIL" {
			w = append(w[:own], w[from:end]...)
		}
	}
	for _, v := range [...][]byte{h.to, h.cc, h.bcc} {
		w = append(w, ' ')
		w = p.appendAddressList(w, v)
	}
	w = append(w, ' ')
	w = appendNString(w, h.inReplyTo)
	w = append(w, ' ')
	w = appendNString(w, h.messageID)
	p.wire = append(w, ')')
	return span{start, len(p.wire)}
}

// appendAddressList appends env-from and its like: NIL if there is no address. Addresses that would make the list
// longer than maxList are left out.
func (p *parser) appendAddressList(w, value []byte) []byte {
	if len(value) == 0 {
		return append(w, "NIL"...)
	}
	p.addresses = appendAddresses(p.addresses[:0], value)
	if len(p.addresses) == 0 {
		return append(w, "NIL"...)
	}
	start := len(w)
	w = append(w, '(')
	for i := range p.addresses {
		a := &p.addresses[i]
		w = append(w, '(')
		w = appendNString(w, a.name)
		w = append(w, ' ')
		w = appendNString(w, a.route)
		w = append(w, ' ')
		w = appendNString(w, a.local)
		w = append(w, ' ')
		w = appendNString(w, a.host)
		w = append(w, ')')
		if len(w)-start > maxList {
			break
		}
	}
	return append(w, ')')
}
