package metrics

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Part is the exposition of one process.
type Part struct {
	Service string
	PID     int
	Text    io.Reader
}

// Merge writes the metrics of several processes as one exposition: each metric gets the labels service and pid, so that
// one worker can be told from another and a sum over a service is the reader's `sum by (service)`. (Sums made here would
// fall whenever a worker ends.) A part that cannot be read is left out and its error returned.
func Merge(w io.Writer, parts []Part) error {
	all := map[string]*dto.MetricFamily{}
	var failures []error
	for _, p := range parts {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(p.Text)
		if err != nil {
			failures = append(failures, fmt.Errorf("metrics of %s %d: %w", p.Service, p.PID, err))
			continue
		}
		for name, f := range families {
			label(f, "service", p.Service)
			label(f, "pid", strconv.Itoa(p.PID))
			known, ok := all[name]
			if !ok {
				all[name] = f
				continue
			}
			if known.GetType() != f.GetType() {
				failures = append(failures, fmt.Errorf("metrics of %s %d: %s is of another type", p.Service, p.PID, name))
				continue
			}
			known.Metric = append(known.Metric, f.Metric...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, err := expfmt.MetricFamilyToText(w, all[name]); err != nil {
			return errors.Join(append(failures, err)...)
		}
	}
	return errors.Join(failures...)
}

// label adds a label to all metrics of a family.
func label(f *dto.MetricFamily, name, value string) {
	for _, m := range f.Metric {
		m.Label = append(m.Label, &dto.LabelPair{Name: &name, Value: &value})
	}
}
