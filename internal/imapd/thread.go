package imapd

import (
	"context"
	"strconv"

	"github.com/constance-mail/constance/internal/imap"
	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/search"
)

// thread is THREAD and UID THREAD. RFC 5256 section 3.
func (s *session) thread(ctx context.Context, c *imap.Thread) error {
	if err := s.onlyUTF8(&c.Search); err != nil {
		return err
	}
	q, err := s.searched(ctx, &c.Search, true, false)
	if err != nil {
		return err
	}
	f, err := q.query.Thread(ctx, q.found.UIDs, c.Algorithm)
	if err != nil {
		return err
	}
	return s.tellThreads(f, (&results{view: q.view}).numbers(c.Search.UID))
}

// tellThreads answers with a forest whose messages are named so. RFC 5256 sections 4 and 5 (thread-data).
func (s *session) tellThreads(f *search.Forest, number func(mail.UID) uint32) error {
	s.out.buf = append(s.out.buf, "* THREAD"...)
	if f.Root != search.None {
		s.out.buf = append(s.out.buf, ' ')
	}
	open := []int32{f.Root} // of each thread-nested that is begun: the next thread-list
	for len(open) > 0 {
		i := open[len(open)-1]
		if i == search.None {
			if open = open[:len(open)-1]; len(open) > 0 {
				s.out.buf = append(s.out.buf, ')')
			}
			continue
		}
		open[len(open)-1] = f.Next[i]
		s.out.buf = append(s.out.buf, '(')
		if nested := s.appendMembers(f, i, number); nested != search.None {
			open = append(open, nested)
		} else {
			s.out.buf = append(s.out.buf, ')')
		}
		if err := s.out.flushLarge(); err != nil {
			return err
		}
	}
	s.out.buf = append(s.out.buf, "\r\n"...)
	return s.out.flushLarge()
}

// appendMembers appends a node and those below it as long as each has one child, and returns the first of
// several children. RFC 5256 section 5 (thread-members).
func (s *session) appendMembers(f *search.Forest, i int32, number func(mail.UID) uint32) (nested int32) {
	for {
		child := f.Child[i]
		if int(i) < len(f.UIDs) {
			s.out.buf = strconv.AppendUint(s.out.buf, uint64(number(f.UIDs[i])), 10)
			if child != search.None {
				s.out.buf = append(s.out.buf, ' ')
			}
		}
		if child == search.None || f.Next[child] != search.None {
			return child
		}
		i = child
		_ = s.out.flushLarge() // the error sticks and ends the command
	}
}
