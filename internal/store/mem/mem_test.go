package mem_test

import (
	"context"
	"testing"

	"github.com/constance-mail/constance/internal/mail"
	"github.com/constance-mail/constance/internal/store/mem"
)

// TestDiskOutlivesStores: what one store wrote the next one on the same disk reads, and a closed one is of no use.
func TestDiskOutlivesStores(t *testing.T) {
	ctx := context.Background()
	disk := mem.NewDisk(mail.Options{})
	first := disk.Open()
	if _, err := first.Account("a").CreateMailbox(ctx, "x/y", nil); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Account("a").Mailboxes(ctx); mail.KindOf(err) != mail.Unavailable {
		t.Errorf("closed store: %v", err)
	}
	second := disk.Open()
	defer second.Close()
	list, err := second.Account("a").Mailboxes(ctx)
	if err != nil || len(list) != 3 {
		t.Errorf("got %v %v", list, err)
	}
}

// TestOptionsAreChecked: a bad mailbox in the options shows at the first use of an account.
func TestOptionsAreChecked(t *testing.T) {
	for _, n := range []mail.NewMailbox{{Name: "a//b"}, {Name: "a", Use: `\Nonsense`}} {
		s := mem.New(mail.Options{Mailboxes: []mail.NewMailbox{n}})
		if _, err := s.Account("a").ModSeq(context.Background()); mail.KindOf(err) != mail.Invalid {
			t.Errorf("%v: %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
