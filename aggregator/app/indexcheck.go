package app

import (
	"errors"
	"fmt"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index/embedded"
)

type indexCheckCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

// Run looks through the embedded index on this machine, which no aggregator may have open.
func (i indexCheckCmd) Run(c *CLI) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if cfg.Index.Engine == config.EngineElastic {
		return errors.New("index check looks through the files of the embedded index; the servers of this one check their own")
	}
	begin := time.Now()
	found, err := embedded.Check(cfg.Dir("index"))
	if err != nil {
		return fmt.Errorf("%w (stop the aggregator first, if one runs)", err)
	}
	if i.JSON {
		err = printJSON(c, found)
	} else {
		for _, f := range found.Faults {
			fmt.Fprintln(c.out(), printable(f.String()))
		}
		word := "all is well"
		if n := len(found.Faults); n > 0 {
			word = fmt.Sprintf("%d faults", n)
		}
		_, err = fmt.Fprintf(c.out(), "%s: a checkpoint at record %d with %d epochs of streams and %d names, records %d to %d of the log with %d events, "+
			"%d classes, %d days, %d parts, in %v\n", word, found.Checkpoint, found.Positions, found.Names, found.First, found.Last, found.Events,
			len(found.Classes), found.Days, found.Parts, time.Since(begin).Round(time.Millisecond))
	}
	if err == nil && len(found.Faults) > 0 {
		err = errFindings
	}
	return err
}
