package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	amqpin "belfry/aggregator/receive/amqp"
	"belfry/shared/broker"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// acksEvery is how often is looked whether the index is further. What has not changed is said again with each heartbeat:
// a broker that starts again has forgotten it.
const acksEvery = heartbeat.Every / 3

// said is what an agent was told last, and when.
type said struct {
	text string
	at   time.Time
}

// acknowledge tells each agent now and then, by way of the broker, how far the index has its streams, until ctx is done.
func (a *Aggregator) acknowledge(ctx context.Context) error {
	told := make(map[event.Key]said)
	return a.repeat(ctx, chore{
		every: acksEvery, do: func(ctx context.Context) error { return a.tellAcks(ctx, told) },
		level: slog.LevelWarn, fails: "agents are not told how far the index is, trying again",
		mended: "agents are told again how far the index is",
	})
}

// writeAcks writes how far the index has the streams of the agents of one certificate, an object a line.
func (a *Aggregator) writeAcks(w io.Writer, name string) error {
	out := json.NewEncoder(w)
	for ack := range a.fleet.AcksOf(name, a.index.Ledger(), time.Now()) {
		if err := out.Encode(ack); err != nil {
			return err
		}
	}
	return nil
}

// tellAcks publishes what is due. An agent whose queue is not there goes without.
func (a *Aggregator) tellAcks(ctx context.Context, told map[event.Key]said) error {
	ctx, cancel := context.WithTimeout(ctx, acksEvery)
	defer cancel()
	here, now := make(map[event.Key]bool), time.Now()
	for ack := range a.fleet.Acks(a.index.Ledger(), now) {
		here[ack.Agent] = true
		name, known := a.fleet.Owner(ack.Agent)
		text, err := json.Marshal(ack)
		if err != nil {
			return fmt.Errorf("write acknowledgement: %w", err)
		}
		last := told[ack.Agent]
		if !known || last.text == string(text) && now.Sub(last.at) < heartbeat.Every {
			continue
		}
		if err := a.publish.Tell(ctx, broker.Acks, name, amqpin.Message{
			Body: text, ContentType: "application/json", MessageID: event.RandomKey().String(),
		}); err != nil {
			return fmt.Errorf("tell %s: %w", name, err)
		}
		told[ack.Agent] = said{string(text), now}
	}
	for id := range told {
		if !here[id] {
			delete(told, id)
		}
	}
	return nil
}
