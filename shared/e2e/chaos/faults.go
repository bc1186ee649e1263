package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

const (
	hands     = 2 // faults at once
	undoTries = 5
)

// faults carries a plan out.
type faults struct {
	*town
	say    func(string, ...any)
	begin  time.Time
	done   atomic.Int64
	kills  atomic.Int64
	errors []error // of the faults themselves; valid after run
	mu     sync.Mutex
}

// run carries out the plan, hands at a time, and returns when all is undone.
func (f *faults) run(ctx context.Context, all []fault) error {
	f.begin = time.Now()
	next := make(chan fault)
	go func() {
		defer close(next)
		for _, x := range all {
			select {
			case next <- x:
			case <-ctx.Done():
				return
			}
		}
	}()
	var busy sync.WaitGroup
	for range hands {
		busy.Go(func() {
			for x := range next {
				if !sleep(ctx, time.Until(f.begin.Add(x.at))) {
					continue
				}
				if err := f.commit(ctx, x); err != nil && ctx.Err() == nil {
					f.mu.Lock()
					f.errors = append(f.errors, fmt.Errorf("%s: %w", x.kind, err))
					f.mu.Unlock()
				}
			}
		})
	}
	busy.Wait()
	return errors.Join(f.errors...)
}

// sleep waits, and reports whether ctx is not done.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// lasting tells of a fault and waits until it is over.
func (f *faults) lasting(ctx context.Context, x fault, format string, args ...any) {
	f.done.Add(1)
	f.say("fault: "+format+", for %v", append(args, x.length.Round(100*time.Millisecond))...)
	sleep(ctx, x.length)
}

// commit does one fault, and undoes it, whatever it is.
func (f *faults) commit(ctx context.Context, x fault) error {
	host := hostNames[x.agent]
	switch x.kind {
	case killAgent, restartAgent, pauseAgent:
		return f.disturb(ctx, x, "agent of "+host, &f.agentLocks[x.agent], f.agents[x.agent])
	case killAggregator, restartAggregator, pauseAggregator:
		a := f.aggregators[x.other]
		return f.disturb(ctx, x, a.name, &a.lock, a)
	case killBroker, restartBroker, pauseBroker:
		return f.disturb(ctx, x, "broker", &f.brokerLock, &ordered{f.rabbit})
	case killElastic, restartElastic, pauseElastic:
		return f.disturb(ctx, x, fmt.Sprintf("Elasticsearch node %d", x.other), &f.elasticLock, &node{f.elastic, x.other})
	case killBoth:
		return f.killBoth(ctx, x)
	case cutAgent:
		f.cutLink(&f.agentLinkLocks[x.agent], f.agentLinks[x.agent], "connection of the agent of "+host)
		return nil
	case cutAggregator:
		a := f.aggregators[x.other]
		f.cutLink(&a.linkLock, a.link, "connections of the "+a.name)
		return nil
	case holdAgent:
		f.hold(ctx, x, &f.agentLinkLocks[x.agent], f.agentLinks[x.agent], "wire of the agent of "+host)
		return nil
	case holdAggregator:
		a := f.aggregators[x.other]
		f.hold(ctx, x, &a.linkLock, a.link, "wires of the "+a.name)
		return nil
	case fullQueues, memoryAlarm, diskAlarm:
		return f.order(ctx, x)
	case unbound:
		return f.unbind(ctx, x)
	}
	return fmt.Errorf("no fault of this kind: %q", x.kind)
}

// server is what a fault needs of a program.
type server interface {
	Start(context.Context) error
	Stop() error
	Kill()
	Pause() error
	Resume() error
}

// ordered is a broker: its stop ends more than its node.
type ordered struct{ *stack.RabbitMQ }

func (o *ordered) Stop() error { return o.Halt() }

// node is one of an Elasticsearch.
type node struct {
	e *stack.Elastic
	i int
}

func (n *node) Start(ctx context.Context) error { return n.e.Restart(ctx, n.i) }
func (n *node) Stop() error                     { return n.e.Halt(n.i) }
func (n *node) Kill()                           { n.e.Kill(n.i) }
func (n *node) Pause() error                    { return n.e.Pause(n.i) }
func (n *node) Resume() error                   { return n.e.Resume(n.i) }
func (n *node) died() error                     { return n.e.Died(n.i) }

func (f *faults) disturb(ctx context.Context, x fault, name string, lock *sync.Mutex, p server) error {
	lock.Lock()
	defer lock.Unlock()
	switch x.kind {
	case pauseAgent, pauseAggregator, pauseBroker, pauseElastic:
		if err := p.Pause(); err != nil {
			return err
		}
		f.lasting(ctx, x, "SIGSTOP %s", name)
		return p.Resume()
	case restartAgent, restartAggregator, restartBroker, restartElastic:
		if err := p.Stop(); err != nil {
			f.say("stop of the %s: %v", name, err) // it was killed then, and that is one more fault
			f.kills.Add(1)
		}
		f.lasting(ctx, x, "%s stopped in order", name)
	default:
		p.Kill()
		f.kills.Add(1)
		f.lasting(ctx, x, "SIGKILL %s", name)
	}
	return f.start(ctx, p)
}

func (f *faults) start(ctx context.Context, p server) error {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	return p.Start(ctx)
}

func (f *faults) killBoth(ctx context.Context, x fault) error {
	f.agentLocks[x.agent].Lock()
	defer f.agentLocks[x.agent].Unlock()
	a := f.aggregators[x.other]
	a.lock.Lock()
	defer a.lock.Unlock()
	f.agents[x.agent].Kill()
	a.Kill()
	f.kills.Add(2)
	f.lasting(ctx, x, "SIGKILL agent of %s and %s", hostNames[x.agent], a.name)
	return errors.Join(f.start(ctx, f.agents[x.agent]), f.start(ctx, a))
}

func (f *faults) cutLink(lock *sync.Mutex, k *stack.Link, name string) {
	lock.Lock()
	defer lock.Unlock()
	k.Cut()
	f.done.Add(1)
	f.say("fault: %s cut", name)
}

// hold makes a wire half open: what one side says, or both, does not arrive, and nobody is told.
func (f *faults) hold(ctx context.Context, x fault, lock *sync.Mutex, k *stack.Link, name string) {
	lock.Lock()
	defer lock.Unlock()
	for _, s := range x.held() {
		k.Hold(s)
	}
	end := "freed"
	if x.cut {
		end = "cut"
	}
	f.lasting(ctx, x, "%s holds %s and is then %s", name, x.sides, end)
	if x.cut {
		k.Cut()
	}
	for _, s := range x.held() {
		k.Free(s)
	}
}

func (x fault) held() []stack.Side {
	switch x.sides {
	case clientSide:
		return []stack.Side{stack.Client}
	case serverSide:
		return []stack.Side{stack.Server}
	}
	return []stack.Side{stack.Client, stack.Server}
}

// order is a fault that the broker is ordered to have.
func (f *faults) order(ctx context.Context, x fault) error {
	f.brokerLock.Lock()
	defer f.brokerLock.Unlock()
	begin, end := f.orders(x.kind)
	if _, err := f.rabbit.Control(ctx, begin...); err != nil {
		return err
	}
	f.lasting(ctx, x, "%s", x.kind)
	return undo(ctx, func() error {
		_, err := f.rabbit.Control(ctx, end...)
		return err
	})
}

// undo tries several times to end a fault: one that stays would look like a loss.
func undo(ctx context.Context, try func() error) error {
	var err error
	for range undoTries {
		if err = try(); err == nil || !sleep(ctx, time.Second) {
			break
		}
	}
	return err
}

// orders are what rabbitmqctl is told, at the beginning and at the end.
func (f *faults) orders(k kind) (begin, end []string) {
	switch k {
	case memoryAlarm:
		return []string{"set_vm_memory_high_watermark", "absolute", "1"}, []string{"set_vm_memory_high_watermark", "0.4"}
	case diskAlarm:
		return []string{"set_disk_free_limit", "1000000000000000"}, []string{"set_disk_free_limit", "50000000"}
	}
	return []string{"set_policy", "--apply-to", "queues", "full", `^belfry\.events\.`, `{"max-length":1,"overflow":"reject-publish"}`},
		[]string{"clear_policy", "full"}
}

// unbind takes the binding of an agent's slot away, and puts it back.
func (f *faults) unbind(ctx context.Context, x fault) error {
	f.brokerLock.Lock()
	defer f.brokerLock.Unlock()
	slot := f.slots[x.agent]
	conn, err := f.rabbit.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.End()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	for n := range broker.DefaultQueues { // of those that are not bound nothing is said
		if err := ch.QueueUnbind(broker.EventQueue(n), slot, broker.Events, nil); err != nil {
			return err
		}
	}
	f.lasting(ctx, x, "slot %s of the agent of %s is bound to no queue", slot, hostNames[x.agent])
	return undo(ctx, func() error { return f.rabbit.Apply(ctx, broker.DefaultQueues) })
}
