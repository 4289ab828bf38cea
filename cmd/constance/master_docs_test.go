package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var flagOf = regexp.MustCompile(`(?m)^ +(-\w)?,? *(--[a-z-]+)`)

// The document for administrators names every option and verb of the master.
func TestMasterDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/master.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(text)
	c, _, err := (&program{}).root().Find([]string{"master"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flagOf.FindAllStringSubmatch(c.LocalNonPersistentFlags().FlagUsages(), -1) {
		row := "`" + f[1] + "`, `" + f[2]
		if f[1] == "" {
			row = "`" + f[2]
		}
		if f[2] != "--help" && !strings.Contains(document, "| "+row) {
			t.Errorf("docs/master.md: no row for %s among the options", f[2])
		}
	}
	for _, verb := range c.Commands() {
		if name := "`constance master " + verb.Name(); !strings.Contains(document, name) {
			t.Errorf("docs/master.md: nothing about %s`", name)
		}
	}
}
