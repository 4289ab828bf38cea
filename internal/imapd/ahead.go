package imapd

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// aheadOctets is how much of the contents that come next is read together with the present one.
const aheadOctets = 256 << 10

// ahead opens the contents of messages one after the other. Small ones are had several at a time, in one read of the
// store.
type ahead struct {
	acct mail.Account
	ids  []mail.ContentID // still to be opened
	got  []mail.Content   // opened, still to be given out
}

// next is the content of the next message, nil if it was purged. The caller closes it.
func (a *ahead) next(ctx context.Context) (mail.Content, error) {
	if len(a.got) == 0 {
		got, err := a.acct.OpenContents(ctx, a.ids, aheadOctets)
		if err != nil {
			return nil, err
		}
		a.got, a.ids = got, a.ids[len(got):]
	}
	c := a.got[0]
	a.got[0], a.got = nil, a.got[1:]
	return c, nil
}

// close closes what was not given out.
func (a *ahead) close() {
	for _, c := range a.got {
		if c != nil {
			_ = c.Close() // nothing was read of it
		}
	}
}
