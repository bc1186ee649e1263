package stack

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/broker"
	"belfry/shared/certs"
)

// ForeignSender is the broker's user who may publish foreign messages, and nothing else.
const ForeignSender = "sender"

// Sender makes the certificate of a sender that is no agent.
func (r *Road) Sender(name string) (certs.Files, error) { return r.issue(name) }

// Token makes a token by the command line, and returns its secret.
func (a *Aggregator) Token(ctx context.Context, name, scopes string) (string, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "token", "create", name, "--scope", scopes)
	return strings.TrimSpace(string(out)), err
}

// RevokeToken ends a token.
func (a *Aggregator) RevokeToken(ctx context.Context, name string) error {
	_, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "token", "revoke", name)
	return err
}

// PublishForeign publishes messages to the exchange of foreign senders, as ForeignSender, and returns when the broker
// has taken them.
func (r *Road) PublishForeign(ctx context.Context, all ...broker.Message) error {
	files, err := r.issue(ForeignSender)
	if err != nil {
		return err
	}
	p := broker.NewPublisher(broker.Config{URLs: []string{r.Rabbit.URL}, Files: files}, "sender", slog.New(slog.DiscardHandler), metrics.NewSet())
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()
	defer func() {
		stop()
		<-ended //nolint:errcheck // it was told to end
	}()
	for _, m := range all {
		m.Exchange = broker.Foreign
		done := make(chan error, 1)
		p.Send(ctx, m, func(err error) { done <- err })
		if err := <-done; err != nil {
			return fmt.Errorf("publish to %s: %w", m.Exchange, err)
		}
	}
	return nil
}
