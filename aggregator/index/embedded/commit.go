package embedded

import (
	"context"
	"fmt"
	"slices"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// job is what the loop that commits hands to the one that applies.
type job struct {
	group []*pending
	idle  chan<- struct{} // if not nil: closed when all before is done
}

// Run writes what is queued until ctx is done or the index is closed, which is no error, or until a fault. Before it
// returns, everything that was queued is written or refused. It runs once: a second Run is refused, and one that begins
// behind Close with index.ErrClosed.
func (x *Index) Run(ctx context.Context) error {
	if err := x.life.Begin(); err != nil {
		return err
	}
	defer close(x.life.Ended)
	applied := make(chan struct{})
	go func() {
		defer close(applied)
		x.applyLoop()
	}()
	x.commitLoop(ctx)
	_ = x.life.Halt(index.ErrClosed) // what stopped it before tells more
	x.commitRest()
	x.refuseQueued()
	close(x.applying)
	<-applied
	return x.life.Failure()
}

// checkEvery is how often the loop looks whether a checkpoint is due.
const checkEvery = time.Second

// commitLoop commits what is queued until it is to stop, or until a fault.
func (x *Index) commitLoop(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	x.last = x.now()
	for {
		select {
		case p := <-x.queue:
			x.commit(x.collect(p))
		case fn := <-x.asks:
			fn()
		case <-tick.C:
			x.keepSize(x.now())
		case <-x.life.Stop:
			return
		case <-ctx.Done():
			return
		}
		if x.life.Failure() != nil {
			return
		}
		if x.checkpointDue() {
			_ = x.makeCheckpoint() // it tells
		}
	}
}

// commitRest writes what was queued when the index stopped, unless there was a fault.
func (x *Index) commitRest() {
	for x.life.Failure() == nil {
		select {
		case p := <-x.queue:
			x.commit(x.collect(p))
		default:
			return
		}
	}
}

// refuseQueued answers what is left in the queue.
func (x *Index) refuseQueued() {
	reason := x.life.Halt(index.ErrClosed)
	for {
		select {
		case p := <-x.queue:
			x.gate.Leave(p.cost)
			p.done(index.Result{}, reason)
		default:
			return
		}
	}
}

// collect takes what else is queued, as far as it fits into one group.
func (x *Index) collect(first *pending) []*pending {
	group := []*pending{first}
	for size := first.cost; size < groupBytes; {
		select {
		case p := <-x.queue:
			group = append(group, p)
			size += p.cost
		default:
			return group
		}
	}
	return group
}

// commit makes a group durable and hands it on. After a fault of the log nothing of the group is claimed, and all of it
// is refused.
func (x *Index) commit(group []*pending) {
	if err := x.disk.roomy(x.now()); err != nil {
		x.measures.refused.Add(len(group))
		x.handOn(group, err)
		return
	}
	change := x.ledger.Begin()
	err := x.append(group, change)
	if err == nil {
		err = x.sync()
	}
	if err != nil {
		err = fmt.Errorf("write the log: %w", err)
		x.life.Fail(err)
		x.handOn(group, err)
		return
	}
	change.Commit()
	x.position.Store(x.wal.Next() - 1)
	x.handOn(group, nil)
}

// handOn gives a group, with the error if all of it is refused, to the loop that applies: so all answers are in order.
func (x *Index) handOn(group []*pending, err error) {
	if err != nil {
		for _, p := range group {
			p.fresh, p.recorded, p.err = nil, false, err
		}
	}
	x.applying <- job{group: group}
}

func (x *Index) append(group []*pending, change *ledger.Change) error {
	for _, p := range group {
		inner := change.Begin()
		if p.err = x.pick(p, inner); p.err != nil {
			p.fresh = nil
			continue
		}
		if len(p.fresh) > 0 || !inner.Empty() {
			rec := x.encoded(p)
			lsn, err := x.wal.Append(rec)
			if err != nil {
				return err
			}
			x.grown += int64(len(rec))
			x.logBytes.Add(int64(len(rec)))
			p.recorded, p.result.Position = true, lsn
			inner.Commit()
		} else {
			p.result.Position = x.wal.Next() - 1
		}
		p.record = nil
	}
	return nil
}

// pick finds out which items of a write are new, and adds its ranges to the change. After an error the change is to be
// dropped.
func (x *Index) pick(p *pending, change *ledger.Change) error {
	items := p.w.Items
	p.fresh = make([]int, 0, len(items))
	for i := range items {
		if it := &items[i]; !it.Ranged || !change.Held(it.Pos, it.Offset) {
			p.fresh = append(p.fresh, i)
		}
	}
	for i := range p.w.Ranges {
		r := &p.w.Ranges[i]
		if err := change.Add(r.Pos, r.Kind, r.First, r.End); err != nil {
			return err
		}
	}
	for _, i := range p.fresh {
		if it := &items[i]; it.Ranged && !change.Held(it.Pos, it.Offset) {
			return fmt.Errorf("%w: stream %s, offset %d", errUncovered, it.Pos.Stream, it.Offset)
		}
	}
	x.pickNamed(p)
	p.result.New = len(p.fresh)
	p.result.Repeats += len(items) - len(p.fresh)
	return nil
}

// tagNoID says that an event may be there twice.
const tagNoID = "no_id"

// pickNamed leaves out the events whose names are known, and keeps the names of the others. A write that has come so
// far is not refused any more: its names are on the disk with it, or the log has a fault and nothing counts any more.
func (x *Index) pickNamed(p *pending) {
	kept := p.fresh[:0]
	for _, i := range p.fresh {
		it := &p.w.Items[i]
		if it.Named {
			key, _ := event.ParseKey(it.Event.Get("event.id")) // was checked
			known, noted := x.names.add(p.day, key)
			if known {
				p.result.Known = append(p.result.Known, i)
				continue
			}
			if !noted {
				it.Named, p.changed = false, true
				it.Event.Add("tags", tagNoID)
				x.measures.unkept.Inc()
			}
		}
		kept = append(kept, i)
	}
	p.fresh = kept
}

// encoded returns the record of what is new of a write.
func (x *Index) encoded(p *pending) []byte {
	if len(p.fresh) == len(p.w.Items) && !p.changed {
		return p.record
	}
	enc := recordWriters.Get().(*recordWriter)
	defer recordWriters.Put(enc)
	enc.day = p.day
	picked := func(i int) bool {
		_, ok := slices.BinarySearch(p.fresh, i)
		return ok
	}
	return enc.encode(p.record[:0], p.w.Ranges, p.w.Items, picked, len(p.fresh))
}

func (x *Index) sync() error {
	begin := time.Now()
	err := x.wal.Sync()
	x.measures.sync.UpdateDuration(begin)
	return err
}
