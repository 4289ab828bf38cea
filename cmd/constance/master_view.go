package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/constance-mail/constance/internal/admin"
	"github.com/constance-mail/constance/internal/master"
)

// askMaster is how long the master's loop may take to answer.
const askMaster = 3 * time.Second

// masterStatus is the master's status in the words of the admin socket.
func masterStatus(m *master.Master) admin.Status {
	ctx, cancel := context.WithTimeout(context.Background(), askMaster)
	defer cancel()
	st, err := m.Status(ctx)
	if err != nil {
		return admin.Status{Master: &admin.Master{}}
	}
	now := time.Now()
	out := &admin.Master{Services: []admin.Service{}}
	for _, s := range st.Services {
		v := admin.Service{Name: s.Name, Listen: s.Listen, Ready: s.Ready, Active: s.Busy, Prefork: s.Prefork, MaxChild: s.MaxChild, Workers: []admin.Worker{}}
		switch {
		case s.Leaving:
			v.Trouble = "ending"
		case s.PausedFor > 0:
			v.Trouble = "workers fail; the next in " + s.PausedFor.Truncate(time.Second).String()
		case s.Pending > 0 && s.Ready == 0:
			v.Trouble = "clients wait"
		}
		for _, w := range s.Workers {
			v.Workers = append(v.Workers, admin.Worker{PID: w.PID, State: w.State, Since: now.Add(-w.Since)})
		}
		out.Services = append(out.Services, v)
	}
	return admin.Status{Draining: st.Stopping, Master: out}
}

// masterCollector gives the master's numbers to Prometheus. Each scrape asks its loop once.
type masterCollector struct{ m *master.Master }

// desc describes a metric of the master.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("constance_master_"+name, help, labels, nil)
}

var (
	descStage    = desc("stage_seconds", "Time that the loop spent in each of its stages, a round.", "stage")
	descRounds   = desc("rounds_total", "Rounds of the loop.")
	descStalls   = desc("stalls_total", "Rounds that took too long.")
	descLongest  = desc("longest_round_seconds", "The longest round, without waiting.")
	descGap      = desc("longest_gap_seconds", "The longest that something waited for the loop to come to it.")
	descDropped  = desc("log_dropped_total", "Lines that the log could not take in time.")
	descHung     = desc("hung_total", "Workers that were replaced because they gave no sign of life.", "worker_service")
	descNoForks  = desc("fork_failures_total", "Workers that could not be started.")
	descWorkers  = desc("workers", "Workers by state.", "worker_service", "state")
	descForks    = desc("forks_total", "Workers started.", "worker_service")
	descFails    = desc("failures_total", "Workers that crashed or failed.", "worker_service")
	descPending  = desc("pending", "Clients that waited to be accepted at the last look.", "worker_service")
	descMessages = desc("messages_total", "Messages from workers, by whether they could be read.", "kind")
)

// Describe implements prometheus.Collector: nothing, what there is is only known when it is asked for.
func (masterCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c masterCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askMaster)
	defer cancel()
	st, err := c.m.Status(ctx)
	if err != nil {
		return // the processes's own metrics still come; constance_master_rounds_total is missing
	}
	number := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	number(descRounds, prometheus.CounterValue, float64(st.Rounds))
	number(descStalls, prometheus.CounterValue, float64(st.Stalls))
	number(descLongest, prometheus.GaugeValue, st.Longest.Seconds())
	number(descGap, prometheus.GaugeValue, st.LongestGap.Seconds())
	number(descDropped, prometheus.CounterValue, float64(st.LogDropped))
	number(descNoForks, prometheus.CounterValue, float64(st.Counters.ForkFails))
	number(descMessages, prometheus.CounterValue, float64(st.Counters.Messages), "read")
	number(descMessages, prometheus.CounterValue, float64(st.Counters.Garbage), "garbage")
	for _, h := range st.Stages {
		ch <- stageMetric(h)
	}
	for _, s := range sumServices(st.Services) {
		for state, n := range map[string]int{"ready": s.Ready, "busy": s.Busy, "draining": s.Draining} {
			number(descWorkers, prometheus.GaugeValue, float64(n), s.Name, state)
		}
		number(descForks, prometheus.CounterValue, float64(s.Forks), s.Name)
		number(descFails, prometheus.CounterValue, float64(s.Fails), s.Name)
		number(descHung, prometheus.CounterValue, float64(s.Hung), s.Name)
		number(descPending, prometheus.GaugeValue, float64(s.Pending), s.Name)
	}
}

// sumServices adds up the listeners of each service: a name may have several, and each metric stands once.
func sumServices(list []master.ServiceStatus) []master.ServiceStatus {
	var out []master.ServiceStatus
	at := map[string]int{}
	for _, s := range list {
		i, ok := at[s.Name]
		if !ok {
			at[s.Name] = len(out)
			out = append(out, s)
			continue
		}
		o := &out[i]
		o.Ready, o.Busy, o.Draining = o.Ready+s.Ready, o.Busy+s.Busy, o.Draining+s.Draining
		o.Forks, o.Fails, o.Pending, o.Hung = o.Forks+s.Forks, o.Fails+s.Fails, o.Pending+s.Pending, o.Hung+s.Hung
	}
	return out
}

// stageMetric makes a histogram of the master's powers of two microseconds.
func stageMetric(h master.Histogram) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range h.Counts {
		total += n
		if i < len(h.Counts)-1 {
			buckets[math.Ldexp(1e-6, i)] = total
		}
	}
	return prometheus.MustNewConstHistogram(descStage, total, h.Sum.Seconds(), buckets, h.Stage)
}
