package stack

import (
	"context"
	"strings"

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
