package cyrusconf

import (
	"testing"
	"time"
)

func TestImapdFiles(t *testing.T) {
	const dir = "configdirectory: /var/lib/cyrus\n"
	for _, c := range []struct{ text, proc, report string }{
		{"", "", ""},
		{dir, "/var/lib/cyrus/proc", ""},
		{dir + "proc_path: /run/cyrus/proc\n", "/run/cyrus/proc", ""},
		{dir + "proc_path: {configdirectory}/p/\n", "/var/lib/cyrus/p", ""},
		{dir + "proc_path: /\n", "/var/lib/cyrus/proc", ""},
		{dir + "proc_path: relative\n", "/var/lib/cyrus/proc", ""},
		{dir + "prometheus_enabled: yes\n", "/var/lib/cyrus/proc", "/var/lib/cyrus/stats/master.txt"},
		{"prometheus_enabled: 1\nprometheus_stats_dir: /run/stats\n", "", "/run/stats/master.txt"},
		{"prometheus_enabled: t\nprometheus_stats_dir: stats\n", "", ""},
		{dir + "prometheus_stats_dir: /run/stats\n", "/var/lib/cyrus/proc", ""},
	} {
		o := ParseImapd(c.text)
		if o.ProcDir() != c.proc || o.ReportFile() != c.report {
			t.Errorf("%q: %q and %q, want %q and %q", c.text, o.ProcDir(), o.ReportFile(), c.proc, c.report)
		}
	}
}

func TestImapdDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 10 * time.Second, "5": 5 * time.Second, "2m": 2 * time.Minute, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour,
		"1m5": 65 * time.Second, "x": 10 * time.Second, "5x": 10 * time.Second, "0": 10 * time.Second,
	} {
		if got := ParseImapd("prometheus_update_freq: " + text + "\n").ReportEvery(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	o := ParseImapd("prometheus_update_freq: 1\nprometheus_service_update_freq: 2\nprometheus_master_update_freq: 3\n")
	if got := o.ReportEvery(); got != 3*time.Second {
		t.Errorf("the master's own: %v", got)
	}
}
