// Package arch holds the rules of the code's architecture as tests: which package may import which, what may be imported
// at all, which sections of RFCs may be cited, that exported names are documented, that nothing runs before main. It has
// no code of its own.
package arch
