package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

// queue is the one queue that all senders publish to, seen from its other end.
type queue struct {
	conn   *broker.Conn
	ch     *amqp.Channel
	opener *batch.Opener
}

// openQueue declares the exchanges and the queue as `belfry topology apply` does, and looks at it.
func openQueue(ctx context.Context, r *stack.RabbitMQ) (*queue, error) {
	if err := r.Apply(ctx, 1); err != nil {
		return nil, err
	}
	opener, err := batch.NewOpener()
	if err != nil {
		return nil, err
	}
	conn, err := r.Connect(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		conn.End()
		return nil, err
	}
	return &queue{conn, ch, opener}, nil
}

func (q *queue) close() { q.conn.End() }

// messages is how many it holds.
func (q *queue) messages() (int, error) {
	state, err := q.ch.QueueDeclarePassive(broker.EventQueue(0), true, false, false, false, nil)
	return state.Messages, err
}

// empty throws all away and returns how many messages that were.
func (q *queue) empty() (int, error) { return q.ch.QueuePurge(broker.EventQueue(0), false) }

// drain takes all batches out, opens each, and counts them and the lines that they carry: all events but what the agent
// says of itself. With a name, it writes them to that file.
func (q *queue) drain(name string) (batches, lines int, err error) {
	out := io.Discard
	if name != "" {
		f, err := os.Create(name)
		if err != nil {
			return 0, 0, err
		}
		w := bufio.NewWriter(f)
		defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()
		out = w
	}
	batches, err = q.messages()
	if err != nil || batches == 0 {
		return 0, 0, err
	}
	deliveries, err := q.ch.Consume(broker.EventQueue(0), "drain", true, false, false, false, nil)
	if err != nil {
		return 0, 0, err
	}
	for range batches {
		d, ok := <-deliveries
		if !ok {
			return 0, 0, errors.New("the broker ended the connection")
		}
		n, err := q.count(&d)
		if err != nil {
			return 0, 0, err
		}
		lines += n
		headers, err := json.Marshal(d.Headers)
		if err != nil {
			return 0, 0, err
		}
		if err := writeParcel(out, parcel{headers, d.Body}); err != nil {
			return 0, 0, err
		}
	}
	return batches, lines, q.ch.Cancel("drain", false)
}

// count opens a batch and counts its lines.
func (q *queue) count(d *amqp.Delivery) (int, error) {
	header, _ := d.Headers[batch.ManifestHeader].(string)
	m, err := batch.ParseManifest([]byte(header))
	if err != nil {
		return 0, err
	}
	events, err := q.opener.Open(m, d.Body)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range events {
		if !bytes.Contains(e, []byte(`"dataset":"belfry.`)) { // what the agent says of itself
			n++
		}
	}
	return n, nil
}

// expect fails if what came is not what was sent.
func expect(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%d %s arrived of %d", got, what, want)
	}
	return nil
}
