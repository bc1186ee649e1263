package spool

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"belfry/shared/conf"
)

// Config bounds the spool. The zero value is the default.
type Config struct {
	MaxBytes  conf.Bytes    `yaml:"max_bytes"`  // of all queues together, on disk; default 1GiB
	MinFree   conf.Bytes    `yaml:"min_free"`   // of the file system: while less is free nothing is put; default 256MiB
	SyncAfter conf.Duration `yaml:"sync_after"` // longest time between Put and the disk; default 50ms
}

const (
	defaultMaxBytes  = 1 << 30
	defaultMinFree   = 256 << 20
	defaultSyncAfter = 50 * time.Millisecond
	leastMaxBytes    = 1 << 20
	mostSyncAfter    = 100 * time.Millisecond

	// A segment is freed as a whole: small ones give their room back soon, large ones cost fewer files.
	segments     = 64 // that the bound is cut into
	leastSegment = 128 << 10
	mostSegment  = 64 << 20
)

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf(key+": "+format, args...))
	}
	if c.MaxBytes != 0 && c.MaxBytes < leastMaxBytes {
		fault("max_bytes", "%d is less than %d", c.MaxBytes, leastMaxBytes)
	}
	if c.MinFree < 0 {
		fault("min_free", "%d is less than 0", c.MinFree)
	}
	if c.SyncAfter < 0 || time.Duration(c.SyncAfter) > mostSyncAfter {
		fault("sync_after", "%v is not between 0s and %v", c.SyncAfter, mostSyncAfter)
	}
	return errors.Join(errs...)
}

func (c Config) maxBytes() int64 { return cmp.Or(int64(c.MaxBytes), defaultMaxBytes) }
func (c Config) minFree() int64  { return cmp.Or(int64(c.MinFree), defaultMinFree) }
func (c Config) syncAfter() time.Duration {
	return cmp.Or(time.Duration(c.SyncAfter), defaultSyncAfter)
}

// segment returns the size of a segment: 16 MiB by default.
func (c Config) segment() int64 { return min(max(c.maxBytes()/segments, leastSegment), mostSegment) }

// maxPayload returns what Put takes at most: two records of that size have room at once.
func (c Config) maxPayload() int { return int(min(c.maxBytes()/2-recordCost, mostPayload)) }
