package config

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"belfry/shared/conf"
)

// Ledger says when what has not arrived is missing. Both times are those of the data in the queue, not of the clock: a
// queue that stands still makes no gap, and nobody silent.
type Ledger struct {
	GapGrace     conf.Duration `yaml:"gap_grace"`     // how long bytes may be late; default 5m
	SilenceAfter conf.Duration `yaml:"silence_after"` // how long a host may say nothing; default 5m
}

const (
	defaultGrace = conf.Duration(5 * time.Minute)
	minGrace     = conf.Duration(time.Second)
	maxGrace     = conf.Duration(7 * 24 * time.Hour)
)

func (l Ledger) withDefaults() Ledger {
	return Ledger{GapGrace: cmp.Or(l.GapGrace, defaultGrace), SilenceAfter: cmp.Or(l.SilenceAfter, defaultGrace)}
}

// Validate reports every fault, each with its key.
func (l Ledger) Validate() error {
	l = l.withDefaults()
	var errs []error
	check := func(key string, d conf.Duration) {
		if d < minGrace || d > maxGrace {
			errs = append(errs, fmt.Errorf("%s: %v is not between %v and %v", key, d, minGrace, maxGrace))
		}
	}
	check("gap_grace", l.GapGrace)
	check("silence_after", l.SilenceAfter)
	return errors.Join(errs...)
}
