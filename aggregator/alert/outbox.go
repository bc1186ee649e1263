package alert

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"belfry/shared/event"
)

const (
	maxPending = 100_000             // alerts that wait; more are one story that the search tells better
	keepTaken  = 31 * 24 * time.Hour // how long an id is remembered after the alert was taken
	lockWait   = 2 * time.Second     // for another process to let go of the file
)

// Outbox is a Store on the disk of one aggregator: the alerts that have fired, until they are delivered, and the cursor into the index's log. It is
// safe for concurrent use; one process at a time may have it open.
//
// Format (version 1): a bbolt file with three buckets. state: "version" = "1", "cursor" = uint64. pending: sequence
// number (uint64) → JSON of a Waiting. taken: id (16 bytes) → when it was taken, in unix seconds (uint64), and while
// it is pending its sequence number (uint64). All numbers are big-endian.
type Outbox struct {
	db      *bbolt.DB
	cursor  atomic.Uint64
	pending atomic.Int64
	limit   int        // of pending; maxPending but for tests
	mu      sync.Mutex // of what changes the file, so that the two above change with it
}

var (
	bucketState   = []byte("state")
	bucketPending = []byte("pending")
	bucketTaken   = []byte("taken")
	keyVersion    = []byte("version")
	keyCursor     = []byte("cursor")
)

const outboxVersion = "1"

// OpenOutbox opens the outbox at path, or makes a new one.
func OpenOutbox(path string) (*Outbox, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("open outbox %s: another process has it open: does another aggregator work here?", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open outbox %s: %w", path, err)
	}
	o := &Outbox{db: db, limit: maxPending}
	if err := db.Update(o.load); err != nil {
		return nil, errors.Join(fmt.Errorf("open outbox %s: %w", path, err), db.Close())
	}
	return o, nil
}

func (o *Outbox) load(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketState, bucketPending, bucketTaken} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	state := tx.Bucket(bucketState)
	switch v := state.Get(keyVersion); {
	case v == nil:
		if err := state.Put(keyVersion, []byte(outboxVersion)); err != nil {
			return err
		}
	case string(v) != outboxVersion:
		return fmt.Errorf("its format is version %q, and this program knows %s", v, outboxVersion)
	}
	if v := state.Get(keyCursor); len(v) == 8 {
		o.cursor.Store(binary.BigEndian.Uint64(v))
	}
	o.pending.Store(int64(tx.Bucket(bucketPending).Stats().KeyN))
	return nil
}

// Close closes the file. The outbox must not be used any more.
func (o *Outbox) Close() error { return o.db.Close() }

// Copy writes a copy of the file, as of one moment, which may be opened in its place.
func (o *Outbox) Copy(w io.Writer) error {
	return o.db.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
}

// Cursor returns the position up to which events were evaluated, as it is on disk; 0 before the first.
func (o *Outbox) Cursor() uint64 { return o.cursor.Load() }

// Pending returns how many alerts wait to be delivered.
func (o *Outbox) Pending() int { return int(o.pending.Load()) }

// Take is Store's.
func (o *Outbox) Take(alerts []Alert, cursor uint64, now time.Time) (Taking, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var p Taking
	cursor = max(cursor, o.cursor.Load())
	err := o.db.Update(func(tx *bbolt.Tx) error {
		for _, a := range alerts {
			switch {
			case tx.Bucket(bucketTaken).Get(a.ID[:]) != nil:
				continue
			case o.Pending()+len(p.Taken) >= o.limit:
				p.Left++
				continue
			}
			if err := store(tx, Waiting{Alert: a, Taken: now}); err != nil {
				return err
			}
			p.Taken = append(p.Taken, a)
		}
		return tx.Bucket(bucketState).Put(keyCursor, binary.BigEndian.AppendUint64(nil, cursor))
	})
	if err != nil {
		return Taking{}, fmt.Errorf("store alerts: %w", err)
	}
	o.pending.Add(int64(len(p.Taken)))
	o.cursor.Store(cursor)
	return p, nil
}

func store(tx *bbolt.Tx, e Waiting) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	n, err := tx.Bucket(bucketPending).NextSequence()
	if err != nil {
		return err
	}
	seq := binary.BigEndian.AppendUint64(nil, n)
	if err := tx.Bucket(bucketPending).Put(seq, text); err != nil {
		return err
	}
	when := binary.BigEndian.AppendUint64(nil, uint64(e.Taken.Unix()))
	return tx.Bucket(bucketTaken).Put(e.Alert.ID[:], append(when, seq...))
}

// Oldest is Store's.
func (o *Outbox) Oldest() (e Waiting, ok bool, err error) {
	err = o.db.View(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket(bucketPending).Cursor().First()
		if k == nil {
			return nil
		}
		ok = true
		return json.Unmarshal(v, &e)
	})
	if err != nil {
		return Waiting{}, false, fmt.Errorf("read the oldest alert: %w", err)
	}
	return e, ok, nil
}

// Delivered is Store's.
func (o *Outbox) Delivered(id event.Key) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	gone := false
	err := o.db.Update(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketTaken).Get(id[:])
		if len(v) != 16 {
			return nil
		}
		gone = true
		if err := tx.Bucket(bucketPending).Delete(v[8:]); err != nil {
			return err
		}
		return tx.Bucket(bucketTaken).Put(id[:], append([]byte(nil), v[:8]...))
	})
	if err != nil {
		return fmt.Errorf("mark alert as delivered: %w", err)
	}
	if gone {
		o.pending.Add(-1)
	}
	return nil
}

// maxForget bounds how many ids one transaction forgets: alerts wait for it.
const maxForget = 10_000

// Forget is Store's.
func (o *Outbox) Forget(before time.Time) (more bool, err error) {
	err = o.db.Update(func(tx *bbolt.Tx) error {
		var old [][]byte
		c := tx.Bucket(bucketTaken).Cursor()
		for k, v := c.First(); k != nil && len(old) < maxForget; k, v = c.Next() {
			if len(v) == 8 && int64(binary.BigEndian.Uint64(v)) < before.Unix() {
				old = append(old, append([]byte(nil), k...))
			}
		}
		more = len(old) == maxForget
		for _, k := range old {
			if err := tx.Bucket(bucketTaken).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("forget old alerts: %w", err)
	}
	return more, nil
}
