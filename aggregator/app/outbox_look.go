package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
)

// lookAround shows that this process lives, saves what it owes, and takes over what the dead have left. It returns
// whether there is something new to deliver.
func (o *outbox) lookAround(ctx context.Context) (news bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	if err := o.showLife(ctx); err != nil {
		return false, fmt.Errorf("show that this aggregator delivers alerts: %w", err)
	}
	if err := o.settleOwed(ctx); err != nil {
		return false, fmt.Errorf("mark alerts as delivered: %w", err)
	}
	begin := time.Now()
	if err := o.docs.Each(ctx, o.since, o.note); err != nil {
		return false, fmt.Errorf("look at the alerts of others: %w", err)
	}
	o.since = begin.Add(-clockSkew)
	return o.inherit(ctx)
}

// liveliness is showLife for who has just shown it, or not.
func (o *outbox) liveliness(ctx context.Context) error {
	o.mu.Lock()
	shown := o.shown
	o.mu.Unlock()
	if time.Since(shown) < 2*lookEvery {
		return nil
	}
	return o.showLife(ctx)
}

func (o *outbox) showLife(ctx context.Context) error {
	at := time.Now()
	body, err := json.Marshal(ownerDoc{at.UTC()})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, v, err := o.docs.Load(ctx, ownerPrefix+o.self)
	if err == nil {
		err = o.docs.Save(ctx, ownerPrefix+o.self, body, v)
	}
	if err != nil && !errors.Is(err, ledger.ErrConflict) { // it has shown it at the same time
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shown = at
	return nil
}

func (o *outbox) settleOwed(ctx context.Context) error {
	o.mu.Lock()
	var all []held
	for _, h := range o.owed {
		all = append(all, h)
	}
	o.mu.Unlock()
	for _, h := range all {
		if err := o.settle(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// note takes in what a document says.
func (o *outbox) note(id string, body []byte, v ledger.Version) error {
	if !strings.HasPrefix(id, alertPrefix) {
		return nil
	}
	h := held{version: v}
	if err := json.Unmarshal(body, &h.alertDoc); err != nil || h.id() != id {
		o.log.Error("document is no alert", "id", id, "err", err)
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, waits := o.others[id] // to be claimed, and may have been, by a try of which no answer came
	if h.Delivered || h.Owner == o.self && !waits {
		delete(o.others, id)
	} else {
		o.others[id] = h
	}
	return nil
}

// inherit takes over what waits of those who are dead.
func (o *outbox) inherit(ctx context.Context) (news bool, err error) {
	o.mu.Lock()
	left := make(map[string][]held) // by owner
	for _, h := range o.others {
		left[h.Owner] = append(left[h.Owner], h)
	}
	o.mu.Unlock()
	for owner := range o.looks {
		if left[owner] == nil {
			delete(o.looks, owner)
		}
	}
	for owner, all := range left {
		dead, err := o.dead(ctx, owner)
		if err != nil {
			return news, fmt.Errorf("look whether aggregator %s lives: %w", owner, err)
		}
		if !dead {
			continue
		}
		o.log.Info("alerts of an aggregator that is gone are taken over", "owner", owner, "alerts", len(all))
		for _, h := range all {
			got, err := o.claim(ctx, h)
			if err != nil {
				return news, fmt.Errorf("take over an alert: %w", err)
			}
			news = news || got
		}
	}
	return news, nil
}

// dead reports whether a process that has alerts to deliver is there no more. What this aggregator was before it was
// started again is not.
func (o *outbox) dead(ctx context.Context, owner string) (bool, error) {
	if strings.HasPrefix(owner, o.home+".") {
		return true, nil
	}
	body, v, err := o.docs.Load(ctx, ownerPrefix+owner)
	if err != nil || body == nil {
		return err == nil, err
	}
	l := o.looks[owner]
	if l.version != v {
		l = look{version: v}
	}
	l.times++
	o.looks[owner] = l
	return l.times > deadLooks, nil
}

// claim makes an alert this process's own, unless somebody else has it by now. One that is its own already is what an
// earlier try has made, of which no answer came.
func (o *outbox) claim(ctx context.Context, h held) (got bool, err error) {
	h.Owner = o.self
	err = o.save(ctx, &h)
	if got = err == nil; errors.Is(err, ledger.ErrConflict) {
		var there held
		if there, got, err = o.load(ctx, h.id()); got && there.Owner == o.self && !there.Delivered {
			h = there
		} else {
			got = false
		}
	}
	if err != nil {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.others, h.id()) // who has changed it has it, and it will be seen
	if got = got && !o.has(h.id()); got {
		o.keep(h)
	}
	return got, nil
}

// keepOwner is how long the sign of life of one that died is kept; it is of no use, but small.
const keepOwner = 24 * time.Hour

// Forget removes what was delivered and taken before a time. It looks at everything, so that what was missed by
// clocks that differ is seen too.
func (o *outbox) Forget(before time.Time) (more bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), forgetPatience)
	defer cancel()
	type doc struct {
		id string
		v  ledger.Version
	}
	var old []doc
	err = o.docs.Each(ctx, time.Time{}, func(id string, body []byte, v ledger.Version) error {
		var d struct {
			alertDoc
			ownerDoc
		}
		if json.Unmarshal(body, &d) == nil && (d.Delivered && d.Taken.Before(before) ||
			strings.HasPrefix(id, ownerPrefix) && d.At.Before(time.Now().Add(-keepOwner))) {
			old = append(old, doc{id, v})
			return nil
		}
		return o.note(id, body, v)
	})
	for _, d := range old {
		if err == nil {
			err = o.docs.Remove(ctx, d.id, d.v)
		}
		if errors.Is(err, ledger.ErrConflict) {
			err = nil // another is at it
		}
	}
	if errors.Is(err, index.ErrAway) || ctx.Err() != nil {
		err = nil // it has time
	}
	return false, err
}

const (
	lookPatience   = time.Minute
	forgetPatience = 10 * time.Minute
)

// Close lets the others deliver at once what this process has not.
func (o *outbox) Close() error {
	o.hurry()
	ctx, cancel := context.WithTimeout(context.Background(), docPatience)
	defer cancel()
	err := o.settleOwed(ctx)
	body, v, loadErr := o.docs.Load(ctx, ownerPrefix+o.self)
	err = errors.Join(err, loadErr)
	if body != nil {
		err = errors.Join(err, o.docs.Remove(ctx, ownerPrefix+o.self, v))
	}
	if err != nil { // others notice that it is gone
		o.log.Warn("the other aggregators were not told that this one delivers no more alerts", "err", err)
	}
	return nil
}
