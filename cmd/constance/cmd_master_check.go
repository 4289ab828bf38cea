package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/constance-mail/constance/internal/master/cyrusconf"
)

// checkConfig lists what is wrong or odd in cyrus.conf and in the master's options of imapd.conf, and fails if a master
// would not start with them. Neither a socket nor a program is touched.
func (f *masterFlags) checkConfig(out io.Writer) error {
	file := f.confFile()
	list := cyrusconf.Check(file, f.confOptions())
	wrong := 0
	for _, finding := range list {
		if finding.Level == "error" {
			wrong++
		}
	}
	if f.json {
		if err := json.NewEncoder(out).Encode(list); err != nil {
			return err
		}
	} else {
		for _, finding := range list {
			fmt.Fprintln(out, finding)
		}
		fmt.Fprintf(out, "%s: %s, %s\n", file, count(wrong, "error"), count(len(list)-wrong, "warning"))
	}
	if wrong > 0 {
		return quietError(exitConfig)
	}
	return nil
}
