// Package amqp is the road to a RabbitMQ broker: batches go to the exchange of events by their slot, over TLS, and each
// is taken when the broker has confirmed it. A batch that comes back (no queue is bound), is refused, or gets no
// confirm in time must be sent again; so must all that were under way when the connection was lost.
package amqp

import (
	"context"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/heartbeat"
)

// Road is a way to the broker. See broker.Publisher for how it fails and recovers.
type Road struct{ *broker.Publisher }

// followAgain is how long the queue of acknowledgements is left alone when it cannot be read: it may be declared one day.
const followAgain = time.Minute

// New returns the road. It connects in Run. indexed is called with each acknowledgement of the index.
func New(cfg broker.Config, indexed func(*heartbeat.Ack), log *slog.Logger, set *metrics.Set) (*Road, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	name, err := cfg.Name()
	if err != nil {
		return nil, err
	}
	r := &Road{broker.NewPublisher(cfg, "belfry_agent_ship_amqp", log, set)}
	r.Follow(broker.AckQueue(name), followAgain, func(body []byte) {
		ack, err := heartbeat.ParseAck(body)
		if err != nil {
			log.Warn("acknowledgement of the index not understood", "err", err)
			return
		}
		indexed(ack)
	})
	return r, nil
}

// Send publishes one batch. It blocks while there is no connection, or the broker blocks.
func (r *Road) Send(ctx context.Context, b *batch.Sealed, done func(error)) {
	m := b.Manifest
	headers := amqp.Table{batch.ManifestHeader: string(b.Header)}
	for name, value := range b.Proof.Headers() {
		headers[name] = value
	}
	r.Publisher.Send(ctx, broker.Message{
		Exchange: broker.Events, Key: batch.Slot(m.Agent, m.Lane), ID: m.ID.String(),
		Type: batch.ContentType, Encoding: batch.ContentEncoding,
		Headers: headers, Body: b.Body,
	}, done)
}
