package amqp

import (
	"context"
	"log/slog"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
)

// Publisher publishes over a connection of its own. It is safe for concurrent use.
type Publisher struct{ out *broker.Publisher }

// NewPublisher returns a publisher. It connects in Run.
func NewPublisher(cfg broker.Config, log *slog.Logger, set *metrics.Set) *Publisher {
	return &Publisher{broker.NewPublisher(cfg, "belfry_receive_publish", log, set)}
}

// Run keeps the connection up until ctx is done.
func (p *Publisher) Run(ctx context.Context) error { return p.out.Run(ctx) }

// LastError says why nothing can be published, or nil.
func (p *Publisher) LastError() error { return p.out.LastError() }

// Publish returns when the broker has taken the message.
func (p *Publisher) Publish(ctx context.Context, exchange, key string, m Message) error {
	headers := make(amqp.Table, len(m.Headers)+1)
	for name, v := range m.Headers {
		headers[name] = v
	}
	if len(m.Manifest) > 0 {
		headers[batch.ManifestHeader] = string(m.Manifest)
	}
	return p.send(ctx, broker.Message{
		Exchange: exchange, Key: key, ID: m.MessageID, Type: m.ContentType, Encoding: m.ContentEncoding,
		Headers: headers, Body: m.Body,
	})
}

// Tell is Publish for what is of no use later, and for whom it may concern.
func (p *Publisher) Tell(ctx context.Context, exchange, key string, m Message) error {
	return p.send(ctx, broker.Message{
		Exchange: exchange, Key: key, ID: m.MessageID, Type: m.ContentType, Body: m.Body, Fleeting: true,
	})
}

func (p *Publisher) send(ctx context.Context, m broker.Message) error {
	result := make(chan error, 1)
	p.out.Send(ctx, m, func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
