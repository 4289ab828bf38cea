package sim

import "github.com/constance-mail/constance/internal/master/roster"

// Mistake is a mistake that is made on purpose, to show that an invariant finds it: in roster, or between it and the
// world. Fields that are nil make none. Only tests make any.
type Mistake struct {
	Cheat  roster.Cheat
	Hear   func(*roster.Event) bool             // what roster hears of an event; false: it is overlooked
	Read   func(*roster.Config)                 // what roster makes of a configuration
	Times  func(roster.Action) int              // how often an action is carried out
	Rounds func(interrupted bool) []roster.Turn // what the loop does in a round
}

func (m *Mistake) hears(e *roster.Event) bool { return m.Hear == nil || m.Hear(e) }

func (m *Mistake) reads(c *roster.Config) {
	if m.Read != nil {
		m.Read(c)
	}
}

func (m *Mistake) times(a roster.Action) int {
	if m.Times == nil {
		return 1
	}
	return m.Times(a)
}

func (m *Mistake) turns(interrupted bool) []roster.Turn {
	if m.Rounds == nil {
		return roster.Round[:]
	}
	return m.Rounds(interrupted)
}
