// Package index says what an index is asked and told. The engines are packages below it; all of them answer alike.
package index

import (
	"context"
	"errors"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// The errors by which a caller may tell what to do.
var (
	ErrClosed   = errors.New("index is closed")
	ErrDiskFull = errors.New("index: the disk is nearly full")                    // try the write again later
	ErrBadWrite = errors.New("index: write that can never be taken")              // nor later
	ErrNotFound = errors.New("index: no such event")                              // of Get
	ErrRefused  = errors.New("index: this engine cannot do that")                 // the text says why, and what to do instead
	ErrQuestion = errors.New("index: a question that cannot be answered")         // a wrong argument; the text says which
	ErrAway     = errors.New("index: the servers cannot be reached, or are busy") // try again later
)

// Index is an engine. It is safe for concurrent use.
type Index interface {
	Searcher

	// Write queues a write and returns; it blocks while too much is queued. done is called once, by another goroutine
	// or by this one, in the order in which the writes are committed: with nil when every event is durable, the events
	// were shown to those who watch (Watch), and the ledger is durable too, in this order. done must not block.
	//
	// The index may change the events where it would not take them as they are, and owns them from then on.
	// ledger.ErrFull and ErrBadWrite say that this Write alone can never be taken; ErrDiskFull that it can later; the
	// context's error that it was not queued. While servers are away it waits. After ErrClosed or a fault nothing is
	// taken any more.
	Write(ctx context.Context, w Write, done func(Result, error))
	// Refuses says why no Write with this event can be taken, or nil. It is an ErrBadWrite.
	Refuses(e *event.Event) error
	// Held reports whether the event at offset is durable, or was a part of a batch that is: then it need not be parsed.
	// Its Write must be made all the same, without it, to be answered.
	Held(pos ledger.Position, offset uint64) bool
	// Ledger returns the ledger, for reading. Where several aggregators share an index it holds what this one knows.
	Ledger() *ledger.Ledger

	// Since calls fn for each record from position on that is durable, in order, with its events, as far as the engine
	// keeps them; an engine whose writers are told again (by the broker) keeps none.
	Since(position uint64, fn Watch) error
	// AlertsAt says that all who watch have done with every record up to position.
	AlertsAt(position uint64)

	// Erase removes the events that a search finds, for good, and returns how many: ErrRefused says that, and why, the
	// engine cannot. progress, if not nil, is told how many are gone so far.
	Erase(ctx context.Context, s Search, progress func(gone uint64)) (uint64, error)
	// Drop removes the days of a retention class that are over before a day, as "2026-11-23" in UTC, and returns how
	// many days went.
	Drop(ctx context.Context, class, before string) (int, error)

	// Run writes what is queued, and keeps house, until ctx is done or the index is closed, which is no error, or until
	// a fault. It runs once.
	Run(ctx context.Context) error
	Stats() Stats
	// Close ends Run and the searches and makes everything that was acknowledged durable.
	Close() error
}

// Watch is shown what has become durable: in order of position, which grows; each event at least once. The events are
// shared from then on, and nobody may change them. An error is final: the engine takes no more.
type Watch func(position uint64, events []*event.Event) error

// Stats says how an index is. What an engine does not know is zero.
type Stats struct {
	Engine     string `json:"engine"`           // "embedded" or "elastic"
	Rows       uint64 `json:"rows"`             // events in it
	Bytes      uint64 `json:"bytes"`            // of them, on disk
	LogBytes   int64  `json:"log_bytes"`        // of the write-ahead log
	Position   uint64 `json:"position"`         // of the last record that is durable
	Checkpoint uint64 `json:"checkpoint"`       // position that the last checkpoint covers
	Positions  int    `json:"ledger_positions"` // epochs of streams in the ledger
	DiskFree   int64  `json:"disk_free_bytes"`
	DiskFull   bool   `json:"disk_full"`         // writes are refused
	Failure    string `json:"failure,omitempty"` // the fault after which nothing is written any more
	Trouble    string `json:"trouble,omitempty"` // why writes wait, which may pass: servers away, or busy

	Classes []ClassStats `json:"classes,omitempty"`
}

// ClassStats says what an index holds of a retention class.
type ClassStats struct {
	Class string `json:"class"`
	Rows  uint64 `json:"rows"`
	Bytes uint64 `json:"bytes"`
	First string `json:"first_day"` // as "2026-11-23", UTC; "" if there is none
	Last  string `json:"last_day"`
	Keep  string `json:"keep"` // how long, as it was configured
}
