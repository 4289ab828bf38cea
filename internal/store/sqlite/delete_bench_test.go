package sqlite

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
)

// BenchmarkDeleteMailbox deletes a mailbox of 20,000 messages.
func BenchmarkDeleteMailbox(b *testing.B) {
	ctx := context.Background()
	_, a := imported(b, 20000)
	all := mail.UIDSet{{Start: 1, Stop: 20000}}
	for b.Loop() {
		b.StopTimer()
		box, err := a.CreateMailbox(ctx, "Big", nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.Copy(ctx, 1, all, box.ID); err != nil {
			b.Fatal(err)
		}
		a.(*account).checkpoint()
		b.StartTimer()
		if err := a.DeleteMailbox(ctx, "Big"); err != nil {
			b.Fatal(err)
		}
	}
}
