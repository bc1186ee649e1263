package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/backoff"
	"belfry/shared/event"
)

const (
	maxShared    = 100_000          // alerts that wait; more are one story that the search tells better
	savesAtATime = 8                // of the alerts of one batch: each is a request of its own
	docPatience  = 10 * time.Second // for one request
	lookEvery    = 5 * time.Second  // at the alerts of others, and to say that this one lives
	deadLooks    = 6                // so often unchanged, an aggregator's sign of life says that it has none
	clockSkew    = 2 * time.Minute  // between aggregators, at most, for one to see at once what another has saved
)

// outbox is the alerts of an index that several aggregators share, as documents beside its events: each alert is made
// once, whoever makes it, and belongs to the one who did, who delivers it at once. What one cannot deliver any more, as
// it died, another does: none is lost, and none comes twice but where one dies, or stands still, between the two steps
// of delivering and of noting that.
//
// An aggregator shows that it lives by saving a document of its own again and again. Others know it for dead when that
// is gone, or stays the same while they look at it several times: so nobody's clock is compared with another's.
//
// Documents: "alert-ID" is an alertDoc, "owner-NAME" an ownerDoc.
type outbox struct {
	docs  index.Docs
	home  string // names the aggregator, also after a restart
	self  string // names this process: home, and what is its own
	limit int    // maxShared but for tests
	log   *slog.Logger

	hurried chan struct{} // closed: nothing waits for servers any more
	hurry   func()

	mu     sync.Mutex
	cursor uint64
	mine   []held          // oldest first
	others map[string]held // by id: what waits, and is not this one's, as far as is known
	owed   map[string]held // delivered, which is not saved yet
	shown  time.Time       // when it showed life last

	looks map[string]look // at the owners of what waits; of look alone
	since time.Time       // what was saved before has been seen; likewise
}

// alertDoc is the document of an alert.
type alertDoc struct {
	alert.Waiting
	Owner     string `json:"owner"` // a process, which delivers it
	Delivered bool   `json:"delivered"`
}

// ownerDoc shows that a process lives, by changing.
type ownerDoc struct {
	At time.Time `json:"at"` // by its clock
}

// held is a document in a version.
type held struct {
	alertDoc
	version ledger.Version
}

// look is what was seen of an owner.
type look struct {
	version ledger.Version
	times   int // so often in a row
}

const (
	alertPrefix = "alert-"
	ownerPrefix = "owner-"
)

// openOutbox reads nothing yet: the servers may be away. home names the aggregator, and after the restart of one what it
// had not delivered is its own again.
func openOutbox(docs index.Docs, home string, log *slog.Logger) *outbox {
	o := &outbox{
		docs: docs, home: home, self: home + "." + event.RandomKey().String(), limit: maxShared, log: log,
		hurried: make(chan struct{}),
		others:  make(map[string]held), owed: make(map[string]held), looks: make(map[string]look),
	}
	o.hurry = sync.OnceFunc(func() { close(o.hurried) })
	return o
}

// Cursor returns the position up to which this process has evaluated events. It is kept nowhere: what was not
// acknowledged is shown again, by whom it was sent.
func (o *outbox) Cursor() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursor
}

// Pending returns how many alerts wait, whosever they are.
func (o *outbox) Pending() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.mine) + len(o.others)
}

// Take makes the alerts that nobody has made yet. It waits while the servers are away, until hurry is called.
func (o *outbox) Take(alerts []alert.Alert, cursor uint64, now time.Time) (p alert.Taking, err error) {
	if len(alerts) > 0 {
		if p, err = o.make(alerts, now); err != nil {
			return alert.Taking{}, fmt.Errorf("store alerts: %w", err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cursor = max(o.cursor, cursor)
	return p, nil
}

func (o *outbox) make(alerts []alert.Alert, now time.Time) (p alert.Taking, err error) {
	if err := o.patiently(o.liveliness); err != nil { // before somebody takes them for a dead one's
		return p, err
	}
	alerts = slices.Clone(alerts)
	seen := make(map[event.Key]bool, len(alerts))
	alerts = slices.DeleteFunc(alerts, func(a alert.Alert) bool {
		twice := seen[a.ID]
		seen[a.ID] = true
		return twice
	})
	made, errs := make([]bool, len(alerts)), make([]error, savesAtATime)
	room := max(0, o.limit-o.Pending())
	var all sync.WaitGroup
	for w := range savesAtATime {
		all.Go(func() {
			for i := w; i < min(len(alerts), room); i += savesAtATime {
				made[i], errs[w] = o.create(alerts[i], now)
				if errs[w] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for i, a := range alerts {
		if made[i] {
			p.Taken = append(p.Taken, a)
		}
	}
	p.Left = max(0, len(alerts)-room)
	return p, errors.Join(errs...)
}

// create makes the document of an alert, and reports whether there was none.
func (o *outbox) create(a alert.Alert, now time.Time) (fresh bool, err error) {
	h := held{alertDoc: alertDoc{Waiting: alert.Waiting{Alert: a, Taken: now.UTC()}, Owner: o.self}}
	err = o.patiently(func(ctx context.Context) error {
		fresh, err = o.createOnce(ctx, &h)
		return err
	})
	if err != nil || !fresh {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keep(h)
	return true, nil
}

// createOnce tries once. One that is there may be what an earlier try has made, of which no answer came.
func (o *outbox) createOnce(ctx context.Context, h *held) (fresh bool, err error) {
	if err := o.save(ctx, h); !errors.Is(err, ledger.ErrConflict) {
		return err == nil, err
	}
	there, ok, err := o.load(ctx, h.id())
	if err != nil || !ok || there.Owner != o.self || there.Delivered || o.knows(h.id()) {
		return false, err
	}
	*h = there
	return true, nil
}

// knows reports whether an alert of this process's own is no news.
func (o *outbox) knows(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.has(id)
}

// has is knows for who holds the lock.
func (o *outbox) has(id string) bool {
	_, owed := o.owed[id]
	return owed || slices.ContainsFunc(o.mine, func(m held) bool { return m.id() == id })
}

func (d *alertDoc) id() string { return alertPrefix + d.Alert.ID.String() }

// keep adds what is this one's to deliver. The caller holds the lock.
func (o *outbox) keep(h held) {
	i, _ := slices.BinarySearchFunc(o.mine, h, func(a, b held) int {
		return cmp.Or(a.Taken.Compare(b.Taken), strings.Compare(a.id(), b.id()))
	})
	o.mine = slices.Insert(o.mine, i, h)
}

// Oldest returns the alert that is to be delivered next. One who has shown no life for a while, as he stood still or the
// servers were away, looks whether it is still his; if he cannot, it is better told twice than not at all.
func (o *outbox) Oldest() (w alert.Waiting, ok bool, err error) {
	for {
		o.mu.Lock()
		if len(o.mine) == 0 {
			o.mu.Unlock()
			return w, false, nil
		}
		first, doubt := o.mine[0], time.Since(o.shown) > deadLooks*lookEvery/2
		o.mu.Unlock()
		if !doubt || o.stillMine(first) {
			return first.Waiting, true, nil
		}
		o.drop(first.id())
	}
}

func (o *outbox) stillMine(h held) bool {
	ctx, cancel := context.WithTimeout(context.Background(), docPatience)
	defer cancel()
	there, ok, err := o.load(ctx, h.id())
	return err != nil || ok && there.Owner == o.self && !there.Delivered
}

func (o *outbox) drop(id string) (h held, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.mine, func(m held) bool { return m.id() == id })
	if i < 0 {
		return h, false
	}
	h = o.mine[i]
	o.mine = slices.Delete(o.mine, i, i+1)
	return h, true
}

// Delivered notes that an alert needs nobody any more. What cannot be saved now is saved later.
func (o *outbox) Delivered(id event.Key) error {
	h, ok := o.drop(alertPrefix + id.String())
	if !ok {
		return nil
	}
	o.mu.Lock()
	o.owed[h.id()] = h
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), docPatience)
	defer cancel()
	if err := o.settle(ctx, h); err != nil && !errors.Is(err, index.ErrAway) && ctx.Err() == nil {
		return fmt.Errorf("mark alert as delivered: %w", err)
	}
	return nil
}

// settle saves that an alert was delivered, whatever has become of its document meanwhile.
func (o *outbox) settle(ctx context.Context, h held) error {
	for {
		there, ok, err := o.load(ctx, h.id())
		if err != nil {
			return err
		}
		if ok && !there.Delivered {
			there.Delivered = true
			err = o.save(ctx, &there)
		}
		if errors.Is(err, ledger.ErrConflict) {
			continue // somebody takes it over, and shall not deliver it again
		}
		if err == nil {
			o.mu.Lock()
			delete(o.owed, h.id())
			o.mu.Unlock()
		}
		return err
	}
}

// save saves a document in its version, and makes a new one of it in the zero version.
func (o *outbox) save(ctx context.Context, h *held) error {
	body, err := json.Marshal(h.alertDoc)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	return o.docs.Save(ctx, h.id(), body, h.version)
}

func (o *outbox) load(ctx context.Context, id string) (h held, ok bool, err error) {
	body, v, err := o.docs.Load(ctx, id)
	if err != nil || body == nil {
		return h, false, err
	}
	h.version = v
	if err := json.Unmarshal(body, &h.alertDoc); err != nil {
		return h, false, fmt.Errorf("alert %s: %w", id, err)
	}
	return h, true, nil
}

// patiently does something until the servers are there to have it done, or nobody may wait any more.
func (o *outbox) patiently(do func(ctx context.Context) error) error {
	pause := backoff.Backoff{Min: 200 * time.Millisecond, Max: 5 * time.Second}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), docPatience)
		err := do(ctx)
		late := ctx.Err() != nil
		cancel()
		if err == nil || !errors.Is(err, index.ErrAway) && !late {
			return err
		}
		select {
		case <-o.hurried:
			return errors.Join(context.Canceled, err)
		case <-time.After(pause.Next()):
		}
	}
}
