//go:build !amd64

package proc

// oldWaits are calls that newer architectures do not have.
var oldWaits map[int64]string
