package embedded

import (
	"fmt"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// applyLoop puts what is durable into the storage, tells the alerts, and answers. After a fault it refuses the rest.
func (x *Index) applyLoop() {
	for j := range x.applying {
		x.apply(j)
	}
}

func (x *Index) apply(j job) {
	if j.idle != nil {
		close(j.idle)
		return
	}
	if x.refusal == nil {
		x.addRows(j.group)
	}
	for _, p := range j.group {
		if x.refusal == nil {
			x.refusal = x.tell(p)
		}
		x.answer(p, x.refusal)
	}
}

// tell shows a record to the alerts.
func (x *Index) tell(p *pending) error {
	if !p.recorded {
		return nil
	}
	events := make([]*event.Event, len(p.fresh))
	for i, k := range p.fresh {
		events[i] = p.w.Items[k].Event
	}
	err := x.onDurable(p.result.Position, events)
	if err != nil {
		err = fmt.Errorf("hand on record %d: %w", p.result.Position, err)
		x.life.Fail(err)
	}
	return err
}

func (x *Index) answer(p *pending, fault error) {
	if p.err == nil {
		p.err = fault
	}
	x.gate.Leave(p.cost)
	if p.err != nil {
		p.done(index.Result{}, p.err)
		return
	}
	x.measures.rows.Add(p.result.New)
	x.measures.repeats.Add(p.result.Repeats)
	p.done(p.result, nil)
}
