package elastic

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// checkTimeout bounds the whole of Check.
const checkTimeout = 10 * time.Second

// Check asks the servers what they are, and how the index template is. It changes nothing there. The text is for people.
func Check(ctx context.Context, cfg Config, log *slog.Logger) (text string, err error) {
	if err := cfg.Validate(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	c, err := newClient(cfg.withDefaults(), log)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.close() }() // nothing was begun
	f, err := c.greet(ctx)
	if err != nil {
		return "", err
	}
	version, _, err := c.installed(ctx)
	if err != nil {
		return "", fmt.Errorf("read the index template: %w", err)
	}
	text = f.Product
	if f.Version != "" {
		text += " " + f.Version
	}
	switch {
	case version == 0:
		return text + ", without the index template yet: the aggregator makes it when it starts", nil
	case version < templateVersion:
		return fmt.Sprintf("%s, with index template %d: the aggregator makes it %d when it starts", text, version, templateVersion), nil
	}
	return fmt.Sprintf("%s, with index template %d", text, version), nil
}
