// Package metrics counts what a process does, for Prometheus. Each process has one Set with a registry of its own; the
// engines know nothing of it: the program calls its methods from their events. Merge makes one exposition of those of all
// processes.
//
// All names begin with constance_; times are seconds, sizes octets. Labels have few values by construction: a command's
// name only if the server has such a command, an outcome out of a handful, never a user or an address.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/constance-mail/constance/internal/wait"
)

// Set is the metrics of one process. Safe for any goroutine.
type Set struct {
	registry *prometheus.Registry

	sessions   *prometheus.CounterVec   // by end
	octets     *prometheus.CounterVec   // by direction
	logins     *prometheus.CounterVec   // by outcome
	commands   *prometheus.HistogramVec // by command
	outcomes   *prometheus.CounterVec   // by command and outcome
	deliveries *prometheus.HistogramVec // by outcome
	rejected   *prometheus.CounterVec   // by reason
	waits      *prometheus.CounterVec   // seconds by state

	answers kept[answer, answered]
	waited  kept[wait.State, prometheus.Counter]
}

// answer is how a command was answered; answered is where that is counted.
type (
	answer   struct{ name, outcome string }
	answered struct {
		seconds prometheus.Observer
		number  prometheus.Counter
	}
)

// Direction is which way octets go, seen from the server.
type Direction string

// The directions.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// fast are the bounds of histograms of what should take milliseconds, in seconds.
var fast = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// New makes the metrics of a process. Goroutines, memory and descriptors of the process come with it.
func New() *Set {
	s := &Set{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		s.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: fast}, labels)
		s.registry.MustRegister(h)
		return h
	}
	s.sessions = counter("constance_sessions_total", "Sessions that ended, by how.", "end")
	s.octets = counter("constance_session_octets_total", "Octets of sessions that ended, before TLS.", "direction")
	s.logins = counter("constance_logins_total", "Attempts to log in, by outcome.", "outcome")
	s.commands = histogram("constance_imap_command_seconds", "From a command's first octet to the end of its answer.", "command")
	s.outcomes = counter("constance_imap_commands_total", "Commands by tagged answer.", "command", "outcome")
	s.deliveries = histogram("constance_delivery_seconds", "Delivery to one recipient, by outcome (ok or the kind of error).", "outcome")
	s.rejected = counter("constance_rejected_recipients_total", "Recipients refused before the message came, by kind of error.", "reason")
	s.waits = counter("constance_wait_seconds_total", "What commands (IMAP) and sessions (LMTP) spent their time on.", "state")
	s.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return s
}

// Handler writes the metrics as text.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}

// Register adds a collector of somebody else. Two of the same name are our bug.
func (s *Set) Register(c prometheus.Collector) { s.registry.MustRegister(c) }

// Gauge adds a number that is read when it is asked for.
func (s *Set) Gauge(name, help string, read func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Counter adds a number that only grows and is read when it is asked for.
func (s *Set) Counter(name, help string, read func() float64) {
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// SessionEnd counts a session that ended, and its octets.
func (s *Set) SessionEnd(end string, in, out int64) {
	s.sessions.WithLabelValues(end).Inc()
	s.octets.WithLabelValues(string(In)).Add(float64(in))
	s.octets.WithLabelValues(string(Out)).Add(float64(out))
}

// Waits counts what time was spent on.
func (s *Set) Waits(spent *wait.Times) {
	for state, d := range spent {
		if d > 0 {
			s.waited.of(wait.State(state), s.waitsOf).Add(d.Seconds())
		}
	}
}

func (s *Set) waitsOf(state wait.State) prometheus.Counter {
	return s.waits.WithLabelValues(state.String())
}

// Command counts an IMAP command.
func (s *Set) Command(name, outcome string, d time.Duration) {
	a := s.answers.of(answer{name, outcome}, s.answersOf)
	a.seconds.Observe(d.Seconds())
	a.number.Inc()
}

func (s *Set) answersOf(a answer) answered {
	return answered{s.commands.WithLabelValues(a.name), s.outcomes.WithLabelValues(a.name, a.outcome)}
}

// Login counts an attempt to log in.
func (s *Set) Login(outcome string) { s.logins.WithLabelValues(outcome).Inc() }

// Delivery counts a delivery to one recipient.
func (s *Set) Delivery(outcome string, d time.Duration) {
	s.deliveries.WithLabelValues(outcome).Observe(d.Seconds())
}

// Rejected counts a recipient that was refused.
func (s *Set) Rejected(reason string) { s.rejected.WithLabelValues(reason).Inc() }
