package mail

import "context"

// aheadOctets is how much of the contents that come next is read together with the present one.
const aheadOctets = 256 << 10

// Ahead opens contents one after the other. Small ones are had several at a time, in one read of the store.
// Used by one goroutine at a time.
type Ahead struct {
	Account Account
	IDs     []ContentID // still to be opened
	got     []Content   // opened, still to be given out
}

// Next is the next content, nil if it was purged. The caller closes it. An error is that of OpenContents.
func (a *Ahead) Next(ctx context.Context) (Content, error) {
	if len(a.got) == 0 {
		got, err := a.Account.OpenContents(ctx, a.IDs, aheadOctets)
		if err != nil {
			return nil, err
		}
		a.got, a.IDs = got, a.IDs[len(got):]
	}
	c := a.got[0]
	a.got[0], a.got = nil, a.got[1:]
	return c, nil
}

// Close closes what was not given out.
func (a *Ahead) Close() {
	for _, c := range a.got {
		if c != nil {
			_ = c.Close() // nothing was read of it
		}
	}
}
