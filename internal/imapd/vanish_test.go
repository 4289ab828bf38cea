package imapd

import "testing"

// TestVanishingPeerIsNoFaultOfOurs: a client that goes within a literal costs nothing but its own command, of which no
// error is reported, and its message is not kept.
func TestVanishingPeerIsNoFaultOfOurs(t *testing.T) {
	commands := make(chan CommandEnd, 10)
	s := startServer(t, func(o *Options) { o.Events.Command = func(e CommandEnd) { commands <- e } })
	for _, c := range []string{"APPEND INBOX {100+}\r\nSubject: ", "APPEND INBOX CATENATE (TEXT {100+}\r\nSubject: "} {
		k := s.login("ann")
		<-commands
		k.send("x " + c)
		k.Close()
		if e := <-commands; e.Verb != "APPEND" || e.Outcome != "NO" || e.Err != nil {
			t.Errorf("%s: ended as %+v", c, e)
		}
		<-s.ends
	}
	k := s.login("ann")
	if got := k.do("STATUS INBOX (MESSAGES)")[0]; got != `* STATUS "INBOX" (MESSAGES 0)` {
		t.Errorf("got %q", got)
	}
}
