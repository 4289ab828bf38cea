package master

import (
	"fmt"
	"reflect"
	"strings"
)

// differences lists what a reload changes, a line each: services and events that come, go and change, in the order of the
// configuration. Where an entry stands in its file is no difference.
func differences(before, after *Config) []string {
	out := diffEntries("service", entries(before.Services, serviceName), entries(after.Services, serviceName))
	out = append(out, diffEntries("event", entries(before.Events, eventName), entries(after.Events, eventName))...)
	if before.Grace != after.Grace {
		out = append(out, fmt.Sprintf("grace time: %v, was %v", after.Grace, before.Grace))
	}
	return out
}

// entry is a service or an event; events of one name are told apart by their order.
type entry struct {
	name  string
	value reflect.Value
}

func serviceName(s *Service) string { return s.Name }
func eventName(e *Event) string     { return e.Name }

func entries[T any](list []T, name func(*T) string) []entry {
	out := make([]entry, 0, len(list))
	seen := map[string]int{}
	for k := range list {
		n := name(&list[k])
		if seen[n]++; seen[n] > 1 {
			n = fmt.Sprintf("%s (%d)", n, seen[n])
		}
		out = append(out, entry{n, reflect.ValueOf(list[k])})
	}
	return out
}

func diffEntries(kind string, before, after []entry) (out []string) {
	old := map[string]reflect.Value{}
	for _, e := range before {
		old[e.name] = e.value
	}
	for _, e := range after {
		was, there := old[e.name]
		delete(old, e.name)
		if !there {
			out = append(out, fmt.Sprintf("%s %s: new", kind, e.name))
		} else if what := diffFields(was, e.value); len(what) > 0 {
			out = append(out, fmt.Sprintf("%s %s: %s", kind, e.name, strings.Join(what, ", ")))
		}
	}
	for _, e := range before {
		if _, left := old[e.name]; left {
			out = append(out, fmt.Sprintf("%s %s: removed", kind, e.name))
		}
	}
	return out
}

// diffFields names the fields that differ, with both values. An environment is only named: it may hold secrets.
func diffFields(was, is reflect.Value) (out []string) {
	for k := range is.NumField() {
		name := is.Type().Field(k).Name
		a, b := was.Field(k).Interface(), is.Field(k).Interface()
		switch {
		case name == "Where" || reflect.DeepEqual(a, b):
		case name == "Env":
			out = append(out, "another environment")
		default:
			out = append(out, fmt.Sprintf("%s %v, was %v", strings.ToLower(name), b, a))
		}
	}
	return out
}
