package fleet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// DB is the file of the fleet and of the gaps, and the aggregator's own stream: what it has to say of itself becomes
// durable here together with what it says it of, and goes into the index from here, each event at its own offset, so
// that the ledger knows a repeat. It is safe for concurrent use; one process at a time may have it open.
//
// Format (version 1): a bbolt file. state: "version" = "1", "cursor" = uint64, "self" = 16 bytes (the
// aggregator's own stream, drawn when the file is made). own: offset (uint64) → JSON of an event
// that is not in the index yet; its sequence is the number of events that were said. agents: id → JSON. streams:
// position (agent, stream: 16 bytes each; epoch: uint64) → JSON. forgotten: position → nothing. expected: name → JSON.
// queues: name → JSON. gaps: id → JSON. holes: position → JSON. All numbers are big-endian.
type DB struct {
	bolt *bbolt.DB
	self ledger.Position
}

// The buckets.
const (
	bucketState     = "state"
	bucketOwn       = "own"
	bucketAgents    = "agents"
	bucketStreams   = "streams"
	bucketForgotten = "forgotten"
	bucketExpected  = "expected"
	bucketQueues    = "queues"
	BucketGaps      = "gaps"
	BucketHoles     = "holes"
)

var buckets = []string{bucketState, bucketOwn, bucketAgents, bucketStreams, bucketForgotten, bucketExpected, bucketQueues,
	BucketGaps, BucketHoles}

const (
	dbVersion = "1"
	lockWait  = 2 * time.Second // for another process to let go of the file
)

// Put is one value of a bucket; a nil Value removes it.
type Put struct {
	Bucket     string
	Key, Value []byte
}

func openDB(path string, self event.Key) (*DB, error) {
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("open fleet %s: another process has it open: does another aggregator work here?", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open fleet %s: %w", path, err)
	}
	d := &DB{bolt: bolt}
	if err := bolt.Update(func(tx *bbolt.Tx) error { return d.begin(tx, self) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open fleet %s: %w", path, err), bolt.Close())
	}
	return d, nil
}

func (d *DB) begin(tx *bbolt.Tx, agent event.Key) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	state := tx.Bucket([]byte(bucketState))
	if err := knownVersion(state); err != nil {
		return err
	}
	if state.Get([]byte("version")) == nil {
		id := event.RandomKey()
		if err := errors.Join(
			state.Put([]byte("version"), []byte(dbVersion)),
			state.Put([]byte("self"), id[:]),
		); err != nil {
			return err
		}
	}
	self := state.Get([]byte("self"))
	if len(self) != 16 {
		return errors.New("it does not name its own stream: damaged")
	}
	d.self = ledger.Position{Agent: agent, Stream: event.Key(self)}
	return nil
}

// Close closes the file.
func (d *DB) Close() error { return d.bolt.Close() }

// Copy writes a copy of the file, as of one moment, which may be opened in its place.
func (d *DB) Copy(w io.Writer) error {
	return d.bolt.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
}

func (d *DB) cursor() (at uint64) {
	_ = d.bolt.View(func(tx *bbolt.Tx) error { // only fails when closed
		if v := tx.Bucket([]byte(bucketState)).Get([]byte("cursor")); len(v) == 8 {
			at = binary.BigEndian.Uint64(v)
		}
		return nil
	})
	return at
}

// Write stores values, and events that the aggregator says of itself, in one transaction.
func (d *DB) Write(puts []Put, says []*event.Event) error {
	if len(puts) == 0 && len(says) == 0 {
		return nil
	}
	puts = slices.Clone(puts)
	slices.SortStableFunc(puts, func(x, y Put) int { // in any other order many of them take bbolt very long
		return cmp.Or(cmp.Compare(x.Bucket, y.Bucket), bytes.Compare(x.Key, y.Key))
	})
	err := d.bolt.Update(func(tx *bbolt.Tx) error {
		for _, p := range puts {
			b := tx.Bucket([]byte(p.Bucket))
			if p.Value == nil {
				if err := b.Delete(p.Key); err != nil {
					return err
				}
			} else if err := b.Put(p.Key, p.Value); err != nil {
				return err
			}
		}
		own := tx.Bucket([]byte(bucketOwn))
		for _, e := range says {
			n, err := own.NextSequence()
			if err != nil {
				return err
			}
			if err := own.Put(binary.BigEndian.AppendUint64(nil, n-1), d.place(e, n-1).AppendJSON(nil)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the fleet's file: %w", err)
	}
	return nil
}

// place gives an event its place in the aggregator's own stream.
func (d *DB) place(e *event.Event, offset uint64) *event.Event {
	e.Set("event.id", event.ID(d.self.Agent, d.self.Stream, d.self.Epoch, offset).String())
	return e
}

// Each calls fn for each value of a bucket, in the order of their keys. Both are fn's only until it returns.
func (d *DB) Each(bucket string, fn func(key, value []byte) error) error {
	return d.bolt.View(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).ForEach(fn) })
}

func (d *DB) has(bucket string, key []byte) (ok bool) {
	_ = d.bolt.View(func(tx *bbolt.Tx) error { // only fails when closed
		ok = tx.Bucket([]byte(bucket)).Get(key) != nil
		return nil
	})
	return ok
}

// Self returns the position of the aggregator's own stream.
func (d *DB) Self() ledger.Position { return d.self }

// Own is an event that the aggregator says of itself.
type Own struct {
	Offset uint64 // in Self
	Event  *event.Event
}

// Unsaid returns the oldest events that are not in the index yet, at most so many.
func (d *DB) Unsaid(most int) (all []Own, err error) {
	var dec event.Decoder
	err = d.bolt.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucketOwn)).Cursor()
		for k, v := c.First(); k != nil && len(all) < most; k, v = c.Next() {
			offset := binary.BigEndian.Uint64(k)
			e, err := dec.Decode(v)
			if err != nil { // it would hold up all others
				e = d.place(unreadable(v, err), offset)
			}
			all = append(all, Own{offset, e})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is to be said: %w", err)
	}
	return all, nil
}

// unreadable stands for an event of our own that cannot be read back.
func unreadable(text []byte, err error) *event.Event {
	const most = 4 << 10
	e := Say(time.Now(), "belfry.own", "unreadable", "what the aggregator had to say cannot be read: "+err.Error())
	e.Set("event.original", strings.ToValidUTF8(string(text[:min(len(text), most)]), "\uFFFD"))
	return e
}

// Said takes events out that are in the index, durably.
func (d *DB) Said(all []Own) error {
	puts := make([]Put, len(all))
	for i, o := range all {
		puts[i] = Put{bucketOwn, binary.BigEndian.AppendUint64(nil, o.Offset), nil}
	}
	return d.Write(puts, nil)
}

// Say begins an event that the aggregator says of itself; it goes into DB.Write.
func Say(now time.Time, dataset, action, message string) *event.Event {
	e := new(event.Event)
	at := now.UTC().Format(time.RFC3339Nano)
	e.Set("@timestamp", at)
	e.Set("event.created", at)
	e.Set("event.kind", "event")
	e.Set("event.dataset", dataset)
	e.Set("event.action", action)
	e.Set("message", message)
	return e
}

// PositionKey returns a position as the key of a bucket.
func PositionKey(p ledger.Position) []byte {
	return binary.BigEndian.AppendUint64(append(append(make([]byte, 0, 40), p.Agent[:]...), p.Stream[:]...), p.Epoch)
}

// ParsePosition reads a position that is the key of a bucket.
func ParsePosition(key []byte) (p ledger.Position, err error) {
	if len(key) != 40 {
		return p, fmt.Errorf("%d bytes are no position", len(key))
	}
	return ledger.Position{Agent: event.Key(key[:16]), Stream: event.Key(key[16:32]), Epoch: binary.BigEndian.Uint64(key[32:])}, nil
}
