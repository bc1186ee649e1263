package topology

import (
	"context"
	"fmt"

	"belfry/shared/broker"
)

// lane does steps over AMQP, on a connection of its own that it makes when it needs one. The zero value is ready.
type lane struct{ conn *broker.Conn }

func (l *lane) close() {
	if l.conn != nil {
		l.conn.End()
	}
}

// do does one step. When ctx is done before the broker answers, the connection ends with it.
func (l *lane) do(ctx context.Context, cfg broker.Config, s Step) error {
	if l.conn == nil || l.conn.IsClosed() {
		conn, err := broker.Dial(ctx, cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", broker.ClassOf(err), err)
		}
		l.conn = conn
	}
	stop := context.AfterFunc(ctx, l.conn.Cut)
	err := l.ask(s)
	if !stop() {
		l.conn = nil // it was cut, and may not know yet
	}
	return err
}

func (l *lane) ask(s Step) error {
	ch, err := l.conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close()
	switch s.Do {
	case addExchange:
		return broker.Exchange{Name: s.Exchange, Kind: s.Kind}.Declare(ch)
	case addQueue:
		return broker.Queue{Name: s.Queue, Args: s.Args}.Declare(ch)
	case bind:
		return broker.Classified(ch.QueueBind(s.Queue, s.Key, s.Exchange, false, nil))
	case hold, unbind:
		return broker.Classified(ch.QueueUnbind(s.Queue, s.Key, s.Exchange, nil))
	case deleteQueue:
		_, err := ch.QueueDelete(s.Queue, false, false, false) // quorum queues know no if-empty
		return broker.Classified(err)
	}
	return fmt.Errorf("%q is no step over AMQP", s.Do)
}
