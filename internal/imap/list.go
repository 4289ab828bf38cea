package imap

// List is LIST. RFC 9051 section 6.3.9, RFC 5258, RFC 6154, RFC 5819.
type List struct {
	Extended  bool // any of the extended syntax was used
	Select    ListOptions
	Reference string
	Patterns  []string
	Return    ListOptions
	Status    StatusItems // with ListStatus in Return
}

// LSub is LSUB. RFC 3501 section 6.3.9.
type LSub struct{ Reference, Pattern string }

// ListOptions are the options of an extended LIST, as bits. RFC 9051 sections 6.3.9.1 and 6.3.9.2.
type ListOptions uint8

// The options: which are allowed for selection and which for return stands behind them.
const (
	ListSubscribed     ListOptions = 1 << iota // both
	ListRemote                                 // selection
	ListRecursiveMatch                         // selection
	ListSpecialUse                             // both, RFC 6154 section 4
	ListChildren                               // return
	ListStatus                                 // return, RFC 5819
)
