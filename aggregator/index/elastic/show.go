package elastic

import (
	"context"
	"fmt"
	"slices"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// showLoop takes the Writes in order, waits until the documents of each are durable, shows their events and hands them
// to ackLoop. When ctx is done it hands on what it has with an error.
func (x *Index) showLoop(ctx context.Context) {
	for {
		select {
		case p := <-x.order:
			select {
			case <-p.stored:
				x.show(p)
			case <-ctx.Done():
				p.err = x.life.Halt(index.ErrClosed)
			}
			p.docs = nil
			x.acks <- p // has room for as many as the gate lets in
		case <-ctx.Done():
			return
		}
	}
}

// show shows the events of a Write that the ledger does not hold to who watches, and adds its ranges to the ledger.
func (x *Index) show(p *pending) {
	if p.err = x.life.Failure(); p.err != nil {
		return
	}
	fresh, err := x.pick(p)
	if err != nil {
		p.err = err
		return
	}
	events := make([]*event.Event, 0, len(fresh))
	for _, i := range fresh {
		if p.states[i].fate != buried {
			events = append(events, p.w.Items[i].Event)
		}
	}
	if x.hooks.Watch != nil && len(events) > 0 {
		if err := x.hooks.Watch(p.position, events); err != nil {
			p.err = fmt.Errorf("hand on record %d: %w", p.position, err)
			x.life.Fail(p.err)
			return
		}
	}
	p.err = x.note(p)
	p.result.Position = p.position
	x.count(p)
	if p.err == nil {
		x.position.Store(p.position)
	}
}

// count fills in the result.
func (x *Index) count(p *pending) {
	for i := range p.states {
		switch p.states[i].fate {
		case fresh:
			p.result.New++
		case repeat:
			p.result.Repeats++
			if p.w.Items[i].Named {
				p.result.Known = append(p.result.Known, i)
			}
		case held:
			p.result.Repeats++
		}
	}
}

// note adds the ranges of a Write to the ledger. What another aggregator adds at the same time stays.
func (x *Index) note(p *pending) error {
	for i := range p.w.Ranges {
		r := &p.w.Ranges[i]
		if r.Kind != batch.Data {
			if err := x.ledger.Add(r.Pos, r.Kind, r.First, r.End); err != nil {
				return err
			}
			continue
		}
		if err := x.noteData(p, r.Pos, r.First, r.End); err != nil {
			return err
		}
	}
	return nil
}

// noteData adds a range of data, but for what of it was buried: that is dead.
func (x *Index) noteData(p *pending, pos ledger.Position, first, end uint64) error {
	var graves [][2]uint64
	for i := range p.states {
		if it := &p.w.Items[i]; p.states[i].fate == buried && it.Ranged && it.Pos == pos && first <= it.Offset && it.Offset < end {
			graves = append(graves, [2]uint64{it.Offset, p.endOf(i)})
		}
	}
	slices.SortFunc(graves, func(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) })
	for _, g := range graves {
		if first < g[0] {
			if err := x.ledger.Add(pos, batch.Data, first, g[0]); err != nil {
				return err
			}
		}
		if err := x.ledger.Add(pos, batch.Dead, g[0], g[1]); err != nil {
			return err
		}
		first = g[1]
	}
	if first >= end {
		return nil
	}
	return x.ledger.Add(pos, batch.Data, first, end)
}
