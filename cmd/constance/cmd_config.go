package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/constance-mail/constance/internal/config"
)

const configLong = `Prints what the configuration changes, as a file that would change the same;
nothing if everything is at its default. With --defaults it prints every key with
its meaning, unit, bounds and default: a file to start from.

The configuration is one TOML file: that of --config, or constance.toml in the data
directory. It is checked as a whole. A key that is unknown, a value of a wrong
type or out of its bounds is an error with the line, and then nothing starts (exit
code 78). The server reads it when it starts; its services read it when they start.`

func (p *program) configCmd() *cobra.Command {
	defaults := false
	c := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration and print what it changes",
		Long:  configLong,
		Example: `  constance config --defaults > data/constance.toml
  constance config                    # what differs from the defaults
  constance config --json             # all settings`,
		Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if defaults {
				_, err := p.stdout.Write(config.AppendDefaults(nil))
				return err
			}
			conf, err := p.load()
			if err != nil {
				return err
			}
			if p.json {
				e := json.NewEncoder(p.stdout)
				e.SetIndent("", "  ")
				return e.Encode(conf.Map())
			}
			_, err = fmt.Fprintf(p.stdout, "%s", conf.AppendChanged(nil))
			return err
		},
	}
	c.Flags().BoolVar(&defaults, "defaults", false, "print every key with its meaning and default")
	return c
}
