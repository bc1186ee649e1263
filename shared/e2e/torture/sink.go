package main

import (
	"context"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

// underWay is how many batches of a queue may be under way to the sink.
const underWay = 32

// sink takes all that arrives at the broker, opens it as an aggregator does, and keeps a record for each agent, by the
// user that the broker has checked.
type sink struct {
	conn   *broker.Conn
	opener *batch.Opener
	work   sync.WaitGroup

	mu      sync.Mutex
	records map[string]*record // by user
	err     error              // why it takes no more
}

// openSink consumes all queues of events.
func openSink(ctx context.Context, rabbit *stack.RabbitMQ) (*sink, error) {
	s := &sink{records: map[string]*record{}}
	var err error
	if s.opener, err = batch.NewOpener(); err != nil {
		return nil, err
	}
	if s.conn, err = rabbit.Connect(ctx); err != nil {
		return nil, err
	}
	for n := range broker.DefaultQueues {
		if err := s.consume(broker.EventQueue(n)); err != nil {
			s.conn.End()
			return nil, fmt.Errorf("consume %s: %w", broker.EventQueue(n), err)
		}
	}
	return s, nil
}

func (s *sink) consume(queue string) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(underWay, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(queue, "torture", false, false, false, false, nil)
	if err != nil {
		return err
	}
	s.work.Go(func() {
		for d := range deliveries {
			s.take(&d)
			if err := d.Ack(false); err != nil {
				s.fail(fmt.Errorf("take from %s: %w", queue, err))
			}
		}
		s.fail(fmt.Errorf("the broker ended the consumption of %s", queue))
	})
	return nil
}

// take notes a batch. One that an aggregator would refuse is a fault of the agent that sent it.
func (s *sink) take(d *amqp.Delivery) {
	header, _ := d.Headers[batch.ManifestHeader].(string)
	m, err := batch.ParseManifest([]byte(header))
	var events [][]byte
	if err == nil {
		events, err = s.opener.Open(m, d.Body)
	}
	if err != nil {
		s.of(d.UserId).refuse(err)
		return
	}
	s.of(d.UserId).take(m, events)
}

// of is the record of an agent.
func (s *sink) of(user string) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[user]
	if r == nil {
		r = newRecord()
		s.records[user] = r
	}
	return r
}

// forget drops the record of an agent that has ended.
func (s *sink) forget(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, user)
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// failed says why nothing is taken any more, or nil.
func (s *sink) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close ends the consumption.
func (s *sink) close() {
	s.conn.End()
	s.work.Wait()
}
