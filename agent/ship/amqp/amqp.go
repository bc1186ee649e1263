// Package amqp is the road to a RabbitMQ broker: batches go to the exchange of events by their slot, over TLS, and each
// is taken when the broker has confirmed it. A batch that comes back (no queue is bound), is refused, or gets no
// confirm in time must be sent again; so must all that were under way when the connection was lost.
package amqp

import (
	"context"
	"log/slog"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
)

// Road is a way to the broker. See broker.Publisher for how it fails and recovers.
type Road struct{ *broker.Publisher }

// New returns the road. It connects in Run.
func New(cfg broker.Config, log *slog.Logger, set *metrics.Set) (*Road, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Road{broker.NewPublisher(cfg, "belfry_agent_ship_amqp", log, set)}, nil
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
