package config

import (
	"strings"
)

// AppendDefaults appends a file with every key at its default, each with its meaning, what it may be and its unit. It
// can be used as a configuration as it stands.
func AppendDefaults(b []byte) []byte {
	b = append(b, "# The configuration of Constance, TOML. Every key stands here with its default; leave out what you do not change.\n"...)
	for _, s := range Default().sections() {
		b = append(b, '\n')
		b = appendComment(b, s.doc)
		b = append(b, "["+s.name+"]\n"...)
		for _, f := range s.fields {
			b = appendComment(b, f.doc+" ("+f.value.unit()+")")
			b = append(b, f.key+" = "+f.value.toml()+"\n"...)
		}
	}
	return b
}

// AppendChanged appends the keys that differ from their defaults, as a file. Nothing if none does.
func (c *Config) AppendChanged(b []byte) []byte {
	defaults := Default().sections()
	for i, s := range c.sections() {
		head := "[" + s.name + "]\n"
		for j, f := range s.fields {
			if f.value.toml() == defaults[i].fields[j].value.toml() {
				continue
			}
			b = append(b, head+f.key+" = "+f.value.toml()+"\n"...)
			head = ""
		}
	}
	return b
}

// Map is all settings as nested maps of plain values, for JSON.
func (c *Config) Map() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, s := range c.sections() {
		out[s.name] = map[string]string{}
		for _, f := range s.fields {
			out[s.name][f.key] = unquote(f.value.toml())
		}
	}
	return out
}

// commentWidth is where comments of the printed file break.
const commentWidth = 100

// appendComment appends text as lines of comment.
func appendComment(b []byte, text string) []byte {
	line := "#"
	for _, w := range strings.Fields(text) {
		if len(line)+1+len(w) > commentWidth {
			b = append(b, line+"\n"...)
			line = "#"
		}
		line += " " + w
	}
	return append(b, line+"\n"...)
}
