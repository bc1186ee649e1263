package topology

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
)

var agents = []string{"agent-1", "web.1", "webx1"}

// All that needs a broker, on one: each part begins and ends with a topology that is as it is wanted.
func TestBroker(t *testing.T) {
	r := start(t)
	part := func(name string, f func(t *testing.T)) {
		if t.Failed() {
			return // what a part leaves behind is no beginning
		}
		t.Run(name, func(t *testing.T) {
			outer := r.T
			r.T = t
			defer func() { r.T = outer }()
			f(t)
		})
	}
	part("apply", r.testApply)
	part("rights", r.testRights)
	part("move", r.testMove)
	part("given up", r.testGivenUp)
	part("stuck", r.testStuck)
	part("differences", r.testDifferences)
	part("left to the operator", r.testLeft)
	part("in the way", r.testBlocked)
	part("errors", r.testErrors)
	part("without management", r.testBlind)
	part("command", r.testCommand)
	part("login and leaders", r.testLogin)
}

func (r *rig) testApply(t *testing.T) {
	top := r.open(2, agents)
	before := r.plan(top)
	if again := r.plan(top); len(before.Steps) == 0 || strings.Join(lines(again.Steps), "\n") != strings.Join(lines(before.Steps), "\n") {
		t.Fatal("a plan changes something")
	}
	sameLines(t, r.apply(top), lines(before.Steps))
	r.clean(top)
	if done := r.apply(top); len(done) != 0 {
		t.Errorf("the second time it does %q", done)
	}
}

// may tries what a user may do, on a channel that a refusal closes.
func (r *rig) may(conn *broker.Conn, want bool, what string, f func(*amqp.Channel) error) {
	r.Helper()
	ch, err := conn.Channel()
	if err != nil {
		r.Fatal(err)
	}
	defer ch.Close()
	err = f(ch)
	if got := err == nil; got != want || err != nil && broker.ClassOf(err) != broker.Refused {
		r.Errorf("%s: want it allowed: %v; got %v", what, want, err)
	}
}

// publish waits for the broker's word.
func publish(ctx context.Context, exchange, key string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		if err := ch.Confirm(false); err != nil {
			return err
		}
		c, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, amqp.Publishing{Body: []byte("x")})
		if err != nil {
			return err
		}
		if ok, err := c.WaitContext(ctx); ok || err != nil {
			return err
		}
		return <-closed
	}
}

func consume(queue string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		_, err := ch.Consume(queue, "", true, false, false, false, nil)
		return err
	}
}

func (r *rig) testRights(t *testing.T) {
	ctx := within(t)
	conn := r.connect("web.1")
	r.may(conn, true, "publish a batch", publish(ctx, broker.Events, "00"))
	r.may(conn, true, "read its acknowledgements", consume("belfry.acks.web.1"))
	r.may(conn, false, "publish to the dead letters", publish(ctx, broker.Dead, ""))
	r.may(conn, false, "publish acknowledgements", publish(ctx, broker.Acks, "web.1"))
	r.may(conn, false, "publish past the exchanges", publish(ctx, "", "belfry.dead"))
	r.may(conn, false, "read those of a name that its own would match", consume("belfry.acks.webx1"))
	r.may(conn, false, "read events", consume("belfry.events.00"))
	r.may(conn, false, "declare a queue", func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("belfry.acks.web.1.more", true, false, false, false, nil)
		return err
	})
	r.may(conn, false, "declare an exchange", func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare("mine", "fanout", true, false, false, false, nil)
	})
	r.may(conn, false, "bind its queue to the events", func(ch *amqp.Channel) error {
		return ch.QueueBind("belfry.acks.web.1", "00", broker.Events, false, nil)
	})
	r.may(conn, false, "purge the events", func(ch *amqp.Channel) error {
		_, err := ch.QueuePurge("belfry.events.00", false)
		return err
	})
	r.may(conn, false, "delete a queue", func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete("belfry.acks.web.1", false, false, false)
		return err
	})
	// the last word counts
	acks := r.connect("belfry")
	for range 3 {
		r.may(acks, true, "acknowledge", publish(ctx, broker.Acks, "agent-1"))
	}
	ch, err := r.connect("agent-1").Channel()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ok := true; ok; {
		if _, ok, err = ch.Get("belfry.acks.agent-1", true); err != nil {
			t.Fatal(err)
		} else if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d acknowledgements wait, want the last", n)
	}
	if _, err := r.connect("belfry").Exists("belfry.events.00"); err != nil {
		t.Error(err)
	}
}

// cut does the first steps of a plan, and ends without a word, as by kill -9.
func (r *rig) cut(top *Topology, at func(*Plan) int) {
	r.Helper()
	p := r.plan(top)
	n := at(p)
	if n <= 0 || n >= len(p.Steps) {
		r.Fatalf("%d of %d steps is no cut", n, len(p.Steps))
	}
	a := &applier{Topology: top, held: make(map[string]Step)}
	defer a.close()
	if err := a.run(r.Context(), p.Steps[:n]); err != nil {
		r.Fatal(err)
	}
}

// steps returns the place of the first step of a kind, and of the last.
func (p *Plan) of(do string) (first, last int) {
	first = -1
	for i, s := range p.Steps {
		if s.Do == do {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return first, last
}

// applyFull applies while queues are full, and nothing is taken from them until somebody waits for that.
func (r *rig) applyFull(t *Topology, f *traffic) {
	r.Helper()
	release := f.full()
	defer release()
	if err := t.Apply(r.Context(), r.plan(t), Progress{Waiting: func(string, int, int, int) { release() }}); err != nil {
		r.Fatal(err)
	}
}

// Slots move while an agent publishes and an aggregator takes, and whoever moves them is killed again and again: nothing
// is lost, and the order of each slot is kept.
func (r *rig) testMove(t *testing.T) {
	f := r.traffic(t, true)
	f.flows()
	four := r.open(4, agents)
	first := func(do string, more int) func(*Plan) int {
		return func(p *Plan) int { n, _ := p.of(do); return n + more }
	}
	r.cut(four, first(hold, 70)) // some are held
	r.cut(four, first(drain, 0)) // all are held
	r.apply(four)
	f.flows()
	r.clean(four)
	three := r.open(3, agents)
	r.applyFull(three, f)
	f.flows()
	f.settle()
	r.clean(three)
	if there, err := r.connect("belfry").Exists(broker.EventQueue(3)); there || err != nil {
		t.Errorf("the queue that was left over: %v, %v", there, err)
	}
}

// Who gives up binds what he held where it was.
func (r *rig) testGivenUp(t *testing.T) {
	f := r.traffic(t, true)
	f.flows()
	top := r.open(4, nil)
	p := r.plan(top)
	ctx, cancel := context.WithCancel(t.Context())
	restored := 0
	err := top.Apply(ctx, p, Progress{
		Done: func(s Step) {
			if s.Do == hold && s.Key == "80" {
				go cancel() // in the middle of a step, perhaps
			}
		},
		Restored: func(Step) { restored++ },
	})
	if !errors.Is(err, context.Canceled) || restored == 0 {
		t.Errorf("%d restored, %v", restored, err)
	}
	f.flows()
	back := r.open(3, agents)
	for _, s := range r.plan(back).Steps { // the queue that was added is left over
		if s.Do != drain && s.Do != deleteQueue {
			t.Errorf("a slot is not where it was: %s", s)
		}
	}
	r.api("DELETE", vhost("queues", broker.EventQueue(3)), nil)
	f.settle()
	r.clean(back)
}

// A queue that nobody consumes is named, and all is as before.
func (r *rig) testStuck(t *testing.T) {
	conn := r.connect("agent-1")
	r.may(conn, true, "publish a batch", publish(within(t), broker.Events, "00"))
	top := r.open(2, agents)
	eventually(t, func() error {
		if q, _, err := top.queue(t.Context(), broker.EventQueue(0)); err != nil || q.Ready != 1 {
			return fmt.Errorf("%d messages, %v", q.Ready, err)
		}
		return nil
	})
	top.cfg.Drain = time.Second
	told := 0
	err := top.Apply(t.Context(), r.plan(top), Progress{Waiting: func(q string, ready, _, consumers int) {
		if q == broker.EventQueue(0) && ready == 1 && consumers == 0 {
			told++
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "belfry.events.00: holds 1 messages, and nobody consumes it") {
		t.Errorf("%v", err)
	}
	if told == 0 {
		t.Error("nobody was told what it waits for")
	}
	r.clean(r.open(3, agents))
	ch, err := r.connect("belfry").Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueuePurge(broker.EventQueue(0), false); err != nil {
		t.Fatal(err)
	}
}
