package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/gauge"
)

// orders is what the bare publisher is told, as one line of JSON. Then it connects and says "ready"; when its input
// ends, it publishes and prints a bareResult.
type orders struct {
	URL   string
	Files certs.Files
	Key   string // routing key
	CPU   string // that it runs on
}

type bareResult struct {
	Batches int
	gauge.Spent
}

// outstanding is how many messages wait for their confirm at once, as many as the agent's publisher allows.
const outstanding = 128

// parcel is a batch as it goes over the wire.
type parcel struct {
	headers []byte // of the message, as JSON
	body    []byte
}

func bare(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	var o orders
	input := bufio.NewReader(in)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	parcels, err := readParcels(name)
	if err != nil {
		return err
	}
	conn, err := broker.Dial(ctx, broker.Config{URLs: []string{o.URL}, Files: o.Files, AppID: "bare"})
	if err != nil {
		return err
	}
	defer conn.End()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	if _, err := io.Copy(io.Discard, input); err != nil {
		return err
	}
	spent, err := gauge.ClockOwn(o.CPU, func() error { return publishAll(ctx, ch, o.Key, parcels) })
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(bareResult{len(parcels), spent})
}

// publishAll publishes with deferred confirms, and returns when the last one has come.
func publishAll(ctx context.Context, ch *amqp.Channel, key string, parcels []parcel) error {
	headers := make([]amqp.Table, len(parcels))
	for i, p := range parcels {
		if err := json.Unmarshal(p.headers, &headers[i]); err != nil {
			return fmt.Errorf("read batches: %w", err)
		}
	}
	var waiting []*amqp.DeferredConfirmation
	oldest := func() error {
		acked, err := waiting[0].WaitContext(ctx)
		waiting = waiting[1:]
		if err == nil && !acked {
			err = errors.New("the broker refused a batch")
		}
		return err
	}
	for i, p := range parcels {
		for len(waiting) >= outstanding {
			if err := oldest(); err != nil {
				return err
			}
		}
		c, err := ch.PublishWithDeferredConfirm(broker.Events, key, true, false, amqp.Publishing{
			ContentType: batch.ContentType, ContentEncoding: batch.ContentEncoding, DeliveryMode: amqp.Persistent,
			Headers: headers[i], Body: p.body,
		})
		if err != nil {
			return err
		}
		waiting = append(waiting, c)
	}
	for len(waiting) > 0 {
		if err := oldest(); err != nil {
			return err
		}
	}
	return nil
}

// writeParcel appends a batch to a file: each part with its length before it, four bytes, big end first.
func writeParcel(w io.Writer, p parcel) error {
	for _, part := range [][]byte{p.headers, p.body} {
		if err := binary.Write(w, binary.BigEndian, uint32(len(part))); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func readParcels(name string) ([]parcel, error) {
	all, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	next := func() (part []byte, err error) {
		if len(all) < 4 || uint64(len(all)-4) < uint64(binary.BigEndian.Uint32(all)) {
			return nil, fmt.Errorf("read batches: %s is cut off", name)
		}
		n := int(binary.BigEndian.Uint32(all)) + 4
		part, all = all[4:n:n], all[n:]
		return part, nil
	}
	var parcels []parcel
	for len(all) > 0 {
		headers, err1 := next()
		body, err2 := next()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		parcels = append(parcels, parcel{headers, body})
	}
	return parcels, nil
}
