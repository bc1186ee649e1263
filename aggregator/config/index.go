package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"belfry/aggregator/index/elastic"
	"belfry/shared/batch"
	"belfry/shared/conf"
)

// The engines of the index.
const (
	EngineEmbedded = "embedded"
	EngineElastic  = "elastic"
)

// Index is where events are kept.
type Index struct {
	Engine   string          `yaml:"engine"` // embedded or elastic; default: elastic if there is a section of that name
	Embedded Embedded        `yaml:"embedded"`
	Elastic  *elastic.Config `yaml:"elastic"`
}

// Embedded is the index of one machine.
type Embedded struct {
	Retention conf.Durations `yaml:"retention"` // how long events are kept, of each class; default 90d
	MaxBytes  conf.Bytes     `yaml:"max_bytes"` // of all events on disk; beyond, the oldest days go; default: no bound
	Memory    conf.Bytes     `yaml:"memory"`    // for the index's caches; default 1GiB
	Names     int            `yaml:"names"`     // named events of a day that are known when they come again, for some 60 bytes each; default 4194304
}

// The bounds of the embedded index.
const (
	defaultRetention = conf.Duration(90 * 24 * time.Hour)
	minRetention     = 24 * time.Hour
	maxRetention     = 50 * 365 * 24 * time.Hour
	minMemory        = 16 << 20
	minBytes         = 16 << 20
	maxNames         = 1 << 28
)

func (x Index) withDefaults() Index {
	switch {
	case x.Engine != "":
	case x.Elastic != nil:
		x.Engine = EngineElastic
	default:
		x.Engine = EngineEmbedded
	}
	x.Embedded.Retention = withRetention(x.Embedded.Retention)
	return x
}

// withRetention adds how long what has no class of its own is kept.
func withRetention(d conf.Durations) conf.Durations {
	all := conf.Durations{conf.Default: defaultRetention}
	maps.Copy(all, d)
	return all
}

// Keep returns how long an engine keeps the events of a class.
func (x Index) Keep(engine, class string) time.Duration {
	all := x.Embedded.Retention
	if engine == EngineElastic {
		all = x.Elastic.Retention
	}
	all = withRetention(all)
	return time.Duration(cmp.Or(all[class], all[conf.Default]))
}

// Retention is how long the events are kept that are kept the longest.
func (x Index) Retention() time.Duration {
	if x.Engine == EngineElastic {
		return time.Duration(withRetention(x.Elastic.Retention).Longest())
	}
	return time.Duration(x.Embedded.Retention.Longest())
}

// Validate reports every fault, each with its key.
func (x Index) Validate() error {
	var errs []error
	switch x.Engine {
	case "", EngineEmbedded, EngineElastic:
	default:
		errs = append(errs, fmt.Errorf("engine: %q is neither %s nor %s", x.Engine, EngineEmbedded, EngineElastic))
	}
	if x.Engine == EngineElastic && x.Elastic == nil {
		errs = append(errs, errors.New("elastic: must say where the servers are"))
	}
	for _, e := range conf.Split(x.Embedded.Validate()) {
		errs = append(errs, fmt.Errorf("embedded.%w", e))
	}
	if x.Elastic != nil {
		for _, e := range conf.Split(x.Elastic.Validate()) {
			errs = append(errs, fmt.Errorf("elastic.%w", e))
		}
	}
	return errors.Join(errs...)
}

// Validate reports every fault, each with its key.
func (c Embedded) Validate() error {
	errs := []error{checkRetention(c.Retention)}
	if c.MaxBytes != 0 && c.MaxBytes < minBytes {
		errs = append(errs, fmt.Errorf("max_bytes: %d bytes, at least %d are needed", c.MaxBytes, minBytes))
	}
	if c.Memory != 0 && c.Memory < minMemory {
		errs = append(errs, fmt.Errorf("memory: %d bytes, at least %d are needed", c.Memory, minMemory))
	}
	if c.Names < 0 || c.Names > maxNames {
		errs = append(errs, fmt.Errorf("names: %d is not between 1 and %d", c.Names, maxNames))
	}
	return errors.Join(errs...)
}

// checkRetention looks at how long each class is kept.
func checkRetention(d conf.Durations) error {
	var errs []error
	for _, class := range slices.Sorted(maps.Keys(d)) {
		key := "retention"
		if len(d) > 1 || class != conf.Default {
			key += "." + class
		}
		if !batch.ValidClass(class) {
			errs = append(errs, fmt.Errorf("%s: a class is 1 to 32 of a-z, 0-9 and _", key))
		}
		if keep := time.Duration(d[class]); keep < minRetention || keep > maxRetention {
			errs = append(errs, fmt.Errorf("%s: %v is not between %v and %v", key, keep, minRetention, maxRetention))
		}
	}
	return errors.Join(errs...)
}
