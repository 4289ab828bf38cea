//go:build cgo

package master

const cgo = true
