package elastic

import (
	"context"
	"sync"
	"time"

	"belfry/aggregator/index"
)

// drainTime is how long what is queued may still be written when the index is to stop.
const drainTime = 10 * time.Second

// Run writes what is queued, and keeps house, until ctx is done or the index is closed, which is no error, or until a
// fault. What is queued then is written, if the servers take it at once, or refused. It runs once.
func (x *Index) Run(ctx context.Context) error {
	if err := x.life.Begin(); err != nil {
		return err
	}
	defer close(x.life.Ended)
	drain, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var all sync.WaitGroup
	for range x.cfg.BulkWorkers {
		all.Go(func() { x.work(drain) })
	}
	all.Go(func() { x.showLoop(drain) })
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		x.ackLoop(drain)
	}()
	house, leave := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { x.house.run(house) })
	select {
	case <-ctx.Done():
	case <-x.life.Stop:
	}
	_ = x.life.Halt(index.ErrClosed) // what stopped it before tells more
	leave()
	others.Wait()
	x.drain()
	cancel()
	all.Wait()
	close(x.acks)
	<-answered
	x.refuseQueued()
	return x.life.Failure()
}

// drain waits until everything that was queued is answered, for a while.
func (x *Index) drain() {
	end := time.NewTimer(drainTime)
	defer end.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for x.gate.Taken() > 0 && x.life.Failure() == nil {
		select {
		case <-look.C:
		case <-end.C:
			return
		}
	}
}

// refuseQueued answers what is left in the queue.
func (x *Index) refuseQueued() {
	reason := x.life.Halt(index.ErrClosed)
	for {
		select {
		case p := <-x.order:
			x.answer(p, reason)
		default:
			return
		}
	}
}

// answer answers a Write.
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
