package mail

import (
	"context"
	"testing"
)

func TestProgress(t *testing.T) {
	p := new(Progress)
	ctx := WithProgress(t.Context(), p)
	ProgressOf(ctx).Add(3)
	ProgressOf(context.WithoutCancel(ctx)).Add(4)
	if p.Done() != 7 {
		t.Errorf("got %d, want 7", p.Done())
	}
	none := ProgressOf(t.Context())
	none.Add(1)
	if none != nil || none.Done() != 0 {
		t.Errorf("a context without one has %v", none)
	}
}
