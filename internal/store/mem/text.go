package mem

import (
	"context"

	"github.com/constance-mail/constance/internal/mail"
)

// This store has no index of text: every content may hold every text.

// TextCandidates implements mail.Messages.
func (h *handle) TextCandidates(
	ctx context.Context, _, _ mail.ContentID, texts [][]byte,
) ([]mail.Candidates, error) {
	a, err := h.enter(ctx, "look for text")
	if err != nil {
		return nil, err
	}
	a.mu.Unlock()
	return make([]mail.Candidates, len(texts)), nil
}

// IndexText implements mail.Account.
func (h *handle) IndexText(ctx context.Context, _ mail.Indexing) (mail.TextIndex, error) {
	a, err := h.enter(ctx, "index text")
	if err != nil {
		return mail.TextIndex{}, err
	}
	a.mu.Unlock()
	return mail.TextIndex{}, nil
}

// Unindexed implements mail.Store.
func (s *store) Unindexed(ctx context.Context) ([]mail.AccountID, error) {
	return nil, s.usable(ctx, "list unindexed accounts")
}
