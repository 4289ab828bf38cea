// Package model holds a model of the master's accounting and fairness in Promela, master.pml, and the test that has spin
// go through every state of it. docs/master-proof.md says how to read it.
package model
