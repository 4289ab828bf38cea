package storetest

import (
	"fmt"
	"math/rand/v2"

	"github.com/constance-mail/constance/internal/mail"
)

// opKind says what an Op does.
type opKind uint8

const (
	opAppend opKind = iota
	opFlags
	opExpunge
	opCopy
	opMove
	opCreate
	opDelete
	opRename
	opSubscribe
	opQuota
	opAnnotate
	opPurge
	opRecent
	opReopen
	opACL
	opPersonal
)

var opNames = [...]string{
	"append", "flags", "expunge", "copy", "move", "create", "delete", "rename", "subscribe", "quota", "annotate", "purge",
	"recent", "reopen", "acl", "personal",
}

// weights says how often each kind comes.
var weights = [...]int{20, 20, 8, 6, 7, 5, 2, 3, 2, 2, 4, 1, 3, 1, 2, 2}

// Op is a step of a history. It names things so that it can be played on any store, whatever is there.
type Op struct {
	kind     opKind
	handle   int    // which of the two stores on the directory does it
	mailbox  string // by name
	id       mail.MailboxID
	to       string
	uses     []mail.SpecialUse
	messages []newMessage
	uids     mail.UIDSet
	change   mail.FlagChange
	back     mail.ModSeq // UnchangedSince is the account's ModSeq less this
	on       bool
	quota    mail.Quota
	who      mail.AccountID // the viewer who does it, "" for the owner
	grant    mail.ACLChange
	personal mail.Personal
	annotate []mail.Annotation
}

// newMessage is a message of an append, with its flags.
type newMessage struct {
	Message
	flags []mail.Flag
}

// String shows the parts that matter to the kind.
func (o Op) String() string {
	s := fmt.Sprintf("%d %s%s %q", o.handle, o.who, opNames[o.kind], o.mailbox)
	if o.id != 0 {
		s += fmt.Sprintf(" id %d", o.id)
	}
	switch o.kind {
	case opAppend:
		return fmt.Sprintf("%s %+v", s, o.messages)
	case opFlags:
		return fmt.Sprintf("%s uids %s op %d %q conditional %v back %d mask %x", s, o.uids, o.change.Op, o.change.Flags,
			o.change.Conditional, o.back, uint64(o.change.Mask))
	case opExpunge:
		return fmt.Sprintf("%s uids %s all %v", s, o.uids, o.uids == nil)
	case opCopy, opMove, opRename:
		return fmt.Sprintf("%s to %q uids %s", s, o.to, o.uids)
	case opCreate:
		return fmt.Sprintf("%s uses %q", s, o.uses)
	case opSubscribe, opPurge:
		return fmt.Sprintf("%s %v", s, o.on)
	case opACL:
		return fmt.Sprintf("%s %+v", s, o.grant)
	case opPersonal:
		return fmt.Sprintf("%s %d", s, o.personal)
	case opQuota:
		return fmt.Sprintf("%s %+v", s, o.quota)
	case opAnnotate:
		return fmt.Sprintf("%s %+v", s, o.annotate)
	default:
		return s
	}
}

// Generate is a random history of n steps; the same for the same arguments.
func Generate(seed uint64, n int) []Op {
	g := &generator{r: rand.New(rand.NewPCG(seed, 42))}
	g.keywords = 3 + g.r.IntN(4)
	if g.r.IntN(4) == 0 {
		g.keywords = 80 // more than a mailbox can have
	}
	ops := make([]Op, n)
	for i := range ops {
		ops[i] = g.op()
	}
	return ops
}

type generator struct {
	r        *rand.Rand
	keywords int    // how many different ones there are
	seed     uint64 // of the last message
}

var names = [...]string{
	"INBOX", "INBOX", "INBOX", "Sent", "Sent", "a", "a", "a/b", "a/b/c", "b", "b/x", "inbox/x", "x/y",
	"Archive", "é/日本", "a b", "a!",
}

// viewers are the other accounts whose owners use the account.
var viewers = [...]mail.AccountID{"bob", "carol"}

func (g *generator) name() string {
	if g.r.IntN(60) == 0 {
		return pick(g.r, badNames)
	}
	return pick(g.r, names[:])
}

func (g *generator) op() Op {
	o := Op{kind: g.kind(), handle: g.r.IntN(2), mailbox: g.name(), to: g.name(), on: g.r.IntN(3) > 0}
	if g.r.IntN(40) == 0 {
		o.id = mail.MailboxID(g.r.IntN(12)) // one that is perhaps gone
	}
	if g.r.IntN(3) == 0 {
		o.who = pick(g.r, viewers[:])
	}
	switch o.kind {
	case opACL:
		o.grant = mail.ACLChange{Identifier: pick(g.r, []string{"bob", "carol", "-bob", mail.Anyone, mail.Owner}),
			Op: mail.ACLOp(g.r.IntN(3)), Rights: mail.Rights(g.r.IntN(int(mail.AllRights) + 1))}
	case opPersonal:
		o.personal = mail.Personal(g.r.IntN(int(mail.PersonalAll) + 2))
	case opAppend:
		for range 1 + g.r.IntN(1+g.r.IntN(6)) {
			o.messages = append(o.messages, g.message())
		}
		if g.r.IntN(15) == 0 { // over the border of a page
			for range 150 {
				o.messages = append(o.messages, newMessage{Message: Message{Seed: 1, Size: 1}})
			}
		}
	case opFlags:
		o.uids = g.uids()
		o.change = mail.FlagChange{Op: mail.FlagOp(g.r.IntN(3)), Flags: g.flags(), Conditional: g.r.IntN(4) == 0}
		if g.r.IntN(4) == 0 {
			o.change.Mask = mail.Rights(g.r.IntN(int(mail.AllRights) + 1)).Flags()
		}
		o.back = mail.ModSeq(g.r.IntN(8))
	case opExpunge, opCopy, opMove:
		if o.uids = g.uids(); o.kind == opExpunge && g.r.IntN(2) == 0 {
			o.uids = nil
		}
	case opCreate:
		if g.r.IntN(3) == 0 {
			o.uses = []mail.SpecialUse{pick(g.r, []mail.SpecialUse{mail.UseSent, mail.UseTrash, mail.UseArchive,
				`\Nonsense`})}
		}
	case opQuota:
		o.quota = g.quota()
	case opAnnotate:
		o.annotate = g.annotations()
	}
	return o
}

func (g *generator) kind() opKind {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := g.r.IntN(total)
	for i, w := range weights {
		if n < w {
			return opKind(i)
		}
		n -= w
	}
	return opAppend
}

func (g *generator) message() newMessage {
	g.seed++
	m := newMessage{Message: Message{Seed: g.seed, Size: sizeNear(g.r)}, flags: g.flags()}
	if g.r.IntN(5) > 0 {
		m.ID = 1 + g.r.IntN(40)
	}
	if g.r.IntN(2) == 0 {
		m.Parent = 1 + g.r.IntN(40)
		if g.r.IntN(2) == 0 {
			m.Root = 1 + g.r.IntN(40)
		}
	}
	return m
}

func (g *generator) flags() []mail.Flag {
	var out []mail.Flag
	n := g.r.IntN(4)
	if g.keywords > 10 && g.r.IntN(3) == 0 {
		n = 25
	}
	for range n {
		switch g.r.IntN(4) {
		case 0, 1:
			out = append(out, pick(g.r, mail.SystemFlags[:]))
		default:
			out = append(out, mail.Flag(fmt.Sprintf("%s%d", pick(g.r, []string{"k", "K"}), g.r.IntN(g.keywords))))
		}
	}
	if g.r.IntN(80) == 0 {
		out = append(out, pick(g.r, badFlags))
	}
	return out
}

// uids is a set among the UIDs that a mailbox has early in its life, or all.
func (g *generator) uids() mail.UIDSet {
	if g.r.IntN(4) == 0 {
		return rangeOf(1, 4_294_967_295)
	}
	set := mail.UIDSet{}
	top := 30
	if g.r.IntN(3) == 0 {
		top = 400
	}
	for range 1 + g.r.IntN(5) {
		start := mail.UID(1 + g.r.IntN(top))
		set.AddRange(start, start+mail.UID(g.r.IntN(6)))
	}
	return set
}

func (g *generator) annotations() []mail.Annotation {
	var out []mail.Annotation
	for range 1 + g.r.IntN(3) {
		n := mail.Annotation{Name: pick(g.r, []string{"/shared/comment", "/Private/comment", "/private/a", mail.SpecialUseEntry})}
		switch {
		case g.r.IntN(3) == 0:
			n.Nil = true
		case n.Name == mail.SpecialUseEntry:
			n.Value = pick(g.r, []string{`\Sent`, `\Trash \Sent`, `\Nonsense`})
		default:
			n.Value = fmt.Sprint(g.r.IntN(3))
		}
		out = append(out, n)
	}
	return out
}

func (g *generator) quota() mail.Quota {
	switch g.r.IntN(8) {
	case 0:
		return mail.Quota{Storage: 100_000}
	case 1:
		return mail.Quota{Messages: 40}
	case 2:
		return mail.Quota{Storage: -1}
	case 3:
		return mail.Quota{Mailboxes: 12}
	default:
		return mail.Quota{}
	}
}
