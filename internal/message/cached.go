package message

import (
	"slices"
	"strings"
)

// maxCached bounds Digest.Headers, octets. A message whose cached fields need more has none of them cached.
const maxCached = 16 << 10

// CachedFields are the header fields that Digest.Headers holds, in lower case and order: what mail programs ask for to
// list a mailbox, to group it by conversation and to filter it.
var CachedFields = []string{
	"authentication-results", "bcc", "cc", "content-class", "content-description", "content-disposition", "content-id",
	"content-language", "content-transfer-encoding", "content-type", "date", "delivered-to", "disposition-notification-to",
	"envelope-to", "errors-to", "expires", "followup-to", "from", "importance", "in-reply-to", "keywords",
	"mail-followup-to",
	"mail-reply-to", "message-id", "mime-version", "newsgroups", "organization", "original-recipient", "precedence",
	"priority", "references", "reply-to", "return-path", "return-receipt-to", "sender", "sensitivity", "status", "subject",
	"supersedes", "thread-index", "thread-topic", "to", "user-agent", "x-autoreply", "x-bugzilla-url", "x-draft-info",
	"x-envelope-to", "x-face", "x-forward", "x-identity-key", "x-keywords", "x-label", "x-loop", "x-mailer",
	"x-mailing-list", "x-mozilla-draft-info", "x-mozilla-keys", "x-mozilla-status", "x-msmail-priority", "x-original-to",
	"x-priority", "x-sieve", "x-status", "x-template", "x-uid", "x-uniform-type-identifier",
	"x-universally-unique-identifier",
}

// cachedPrefixes begin the names of further fields that are cached.
var cachedPrefixes = [...]string{"list-", "resent-", "x-spam-"}

// Cached tells whether BODY[HEADER.FIELDS (fields)] can be answered by FilterHeader from Digest.Headers, provided that
// this is not empty.
func Cached(fields []string) bool {
	for _, f := range fields {
		if !isCached([]byte(f)) {
			return false
		}
	}
	return len(fields) > 0
}

func isCached(name []byte) bool {
	var low [32]byte
	if len(name) > len(low) {
		return false
	}
	for i, c := range name {
		low[i] = lower(c)
	}
	n := string(low[:len(name)])
	if _, ok := slices.BinarySearch(CachedFields, n); ok {
		return true
	}
	for _, p := range cachedPrefixes {
		if strings.HasPrefix(n, p) {
			return true
		}
	}
	return false
}

// cachedHeaders are the cached fields of a header block with its empty line, nil if they are too many.
func cachedHeaders(block []byte) []byte {
	size := 0
	f := fields{rest: block}
	for f.next() {
		if isCached(f.name()) {
			size += len(f.field)
		}
	}
	size += len(f.blank)
	if size > maxCached || size == 0 {
		return nil
	}
	out := make([]byte, 0, size)
	for f = (fields{rest: block}); f.next(); {
		if isCached(f.name()) {
			out = append(out, f.field...)
		}
	}
	return append(out, f.blank...)
}
