package broker

import (
	"context"
	"errors"
	"fmt"
)

// Reach tries each of the brokers until ctx is done, all at once: TLS, the login, and whether the exchanges are there. It
// changes nothing. The errors are in the order of the URLs, nil where all is well.
func Reach(ctx context.Context, cfg Config, exchanges ...Exchange) []error {
	errs := make([]error, len(cfg.URLs))
	done := make(chan struct{})
	for i, address := range cfg.URLs {
		go func() {
			errs[i] = reachOne(ctx, cfg, address, exchanges)
			done <- struct{}{}
		}()
	}
	for range cfg.URLs {
		<-done
	}
	return errs
}

func reachOne(ctx context.Context, cfg Config, address string, exchanges []Exchange) error {
	conn, err := dialOne(ctx, cfg, address)
	if err != nil {
		return Classified(answered(ctx, err))
	}
	defer conn.End()
	stop := context.AfterFunc(ctx, conn.Cut)
	defer stop()
	var errs []error
	for _, x := range exchanges {
		ch, err := conn.Channel() // an exchange that is not there ends it
		if err != nil {
			return fmt.Errorf("open channel: %w", answered(ctx, err))
		}
		if err := ch.ExchangeDeclarePassive(x.Name, x.Kind, true, false, false, false, nil); err != nil {
			errs = append(errs, fmt.Errorf("exchange %s: %w", x.Name, Classified(answered(ctx, err))))
		}
		ch.Close()
	}
	return errors.Join(errs...)
}

// answered says that there was no answer in time where that is why a connection was cut.
func answered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
	return err
}
