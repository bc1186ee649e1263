package dead

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/backoff"
	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/event"
)

const (
	// lock is a queue that only one connection may have: who has it visits the letters. Two visitors at once would each
	// see a part of them, and take it for all.
	lock = broker.Dead + ".visitor"

	// maxHeld bounds the letters of one visit that stay in the queue: until it ends, the broker remembers each of them
	// as not acknowledged.
	maxHeld = 10_000

	// headerReason bounds the reason in a header of the letter, where it is for people with tools of the broker's.
	headerReason = 500

	// maxHeaders bounds the headers of a message that is sent again: a broker ends the connection over more than 128 KiB,
	// and with it what others publish.
	maxHeaders = 126 << 10

	countEvery = 10 * time.Second // how often the letters are counted
	settleWait = 10 * time.Second // for letters that were looked at to be back in the queue
	settleTick = 20 * time.Millisecond
)

// ErrBusy says that somebody else visits the letters.
var ErrBusy = errors.New("another aggregator looks through the dead letters right now: try again")

// Queue keeps letters at the broker, in the queue belfry.dead, where all aggregators find them.
type Queue struct {
	cfg     broker.Config
	publish func(context.Context, Message) error
	log     *slog.Logger
	visits  chan struct{} // holds one token: one visit at a time
	count   atomic.Int64
}

// NewQueue returns the store. publish sends a message, and returns when the broker has confirmed it. Run counts.
func NewQueue(cfg broker.Config, publish func(context.Context, Message) error, log *slog.Logger) *Queue {
	return &Queue{cfg: cfg, publish: publish, log: log, visits: make(chan struct{}, 1)}
}

// Where says where the letters are, for people.
func (q *Queue) Where() string { return "queue " + broker.Dead }

// Count returns the number of letters when they were counted last.
func (q *Queue) Count() int { return int(q.count.Load()) }

// Run counts the letters until ctx is done.
func (q *Queue) Run(ctx context.Context) error {
	pause := backoff.Backoff{Min: time.Second, Max: time.Minute}
	for ctx.Err() == nil {
		if err := q.keepCounting(ctx, pause.Reset); err != nil && ctx.Err() == nil {
			q.log.Debug("dead letters are not counted", "err", err)
		}
		pause.Wait(ctx)
	}
	return nil
}

func (q *Queue) keepCounting(ctx context.Context, good func()) error {
	conn, err := broker.Dial(ctx, q.cfg)
	if err != nil {
		return err
	}
	defer conn.End()
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if err := q.countOnce(ctx, ch); err != nil {
			return err
		}
		good()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// countOnce counts while nobody of this process visits: a letter that is looked at is not counted by the broker.
func (q *Queue) countOnce(ctx context.Context, ch *amqp.Channel) error {
	select {
	case q.visits <- struct{}{}:
		defer func() { <-q.visits }()
	case <-ctx.Done():
		return nil
	}
	n, err := ready(ch)
	if err == nil {
		q.count.Store(int64(n))
	}
	return err
}

// ready returns how many letters lie in the queue, without those that somebody looks at.
func ready(ch *amqp.Channel) (int, error) {
	st, err := ch.QueueDeclarePassive(broker.Dead, true, false, false, false, nil)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", broker.Classified(err))
	}
	return st.Messages, nil
}

// Bury publishes a letter: the broker has it on its disks when Bury returns nil.
func (q *Queue) Bury(ctx context.Context, l *Letter) error {
	text, err := l.Marshal()
	if err != nil {
		return err
	}
	err = q.publish(ctx, Message{
		Exchange: broker.Dead, MessageID: event.RandomKey().String(), Type: "application/x-belfry-letter", Body: text,
		Headers: map[string]string{
			LetterHeader: l.ID.String(), "belfry-class": string(l.Class), "belfry-reason": cutText(l.Reason, headerReason),
		},
	})
	if err != nil {
		return fmt.Errorf("publish dead letter: %w", err)
	}
	q.count.Add(1)
	return nil
}

// Visit calls fn for each letter that is there when it begins, until fn fails. A letter of which fn says Remove is
// acknowledged then. All others go back when the visit ends, or is interrupted; a broker counts that as a delivery. It
// gives those that were looked at before those that were not, and after a visit that ended early the order has turned:
// sort by Received where it matters. The same message buried twice is two letters with one id. Beyond maxHeld letters
// that stay it ends with an error.
func (q *Queue) Visit(ctx context.Context, fn func(*Letter) (Verdict, error)) error {
	select {
	case q.visits <- struct{}{}:
		defer func() { <-q.visits }()
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := broker.Dial(ctx, q.cfg)
	if err != nil {
		return err
	}
	defer conn.End()
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	if err := lockFor(ch); err != nil {
		return err
	}
	total, err := ready(ch)
	if err != nil {
		return err
	}
	stay, err := visit(ctx, ch, total, fn)
	ch.Close() // all that was not acknowledged goes back
	if settled := settle(conn, stay); settled >= 0 {
		q.count.Store(int64(settled))
	}
	return err
}

// lockFor makes this connection the one that visits.
func lockFor(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(lock, false, true, true, false, nil)
	var refused *amqp.Error
	if errors.As(err, &refused) && refused.Code == amqp.ResourceLocked {
		return ErrBusy
	}
	if err != nil {
		return fmt.Errorf("begin to look through the dead letters: %w", broker.Classified(err))
	}
	return nil
}

// visit takes up to total letters, one by one, so that no more than one is in memory. What is published meanwhile, a
// retried one that fails again too, lies behind them. It returns how many of the total stay.
func visit(ctx context.Context, ch *amqp.Channel, total int, fn func(*Letter) (Verdict, error)) (stay int, err error) {
	stay = total
	for seen := range total {
		if err := ctx.Err(); err != nil {
			return stay, err
		}
		if kept := stay - (total - seen); kept == maxHeld {
			return stay, fmt.Errorf("there are more than %d dead letters, and only those were looked at", maxHeld)
		}
		d, ok, err := ch.Get(broker.Dead, false)
		if err != nil {
			return stay, fmt.Errorf("take dead letter: %w", broker.Classified(err))
		}
		if !ok { // somebody took them by other means
			return stay - (total - seen), nil
		}
		verdict, fnErr := fn(open(&d))
		if verdict == Remove {
			if err := d.Ack(false); err != nil {
				return stay, errors.Join(fnErr, fmt.Errorf("remove dead letter: %w", err))
			}
			stay--
		}
		if errors.Is(fnErr, ErrStop) {
			return stay, nil
		}
		if fnErr != nil {
			return stay, fnErr
		}
	}
	return stay, nil
}

// open reads a letter. What somebody else has put into the queue is shown as one, so that it can be looked at and
// dropped.
func open(d *amqp.Delivery) *Letter {
	l, err := Unmarshal(d.Body)
	if err == nil {
		return l
	}
	m := Message{MessageID: d.MessageId, Type: d.ContentType, Encoding: d.ContentEncoding, Body: d.Body, Headers: make(map[string]string)}
	for name, v := range d.Headers {
		if s, ok := v.(string); ok {
			m.Headers[name] = s
		}
	}
	other := New(m, d.UserId, Undecodable, fmt.Errorf("not put here by an aggregator: %w", err))
	other.Received, other.Queue = d.Timestamp.UTC(), broker.Dead
	return &other
}

// settle waits until as many letters as stay are in the queue again, so that whoever comes
// next finds them all: a quorum queue takes them back a little after the channel is closed. It returns their number,
// -1 if that is not known.
func settle(conn *broker.Conn, stay int) int {
	ch, err := conn.Channel()
	if err != nil {
		return -1
	}
	for end := time.Now().Add(settleWait); ; time.Sleep(settleTick) {
		n, err := ready(ch)
		switch {
		case err != nil:
			return -1
		case n >= stay:
			return n
		case time.Now().After(end):
			return -1
		}
	}
}

// Retry returns the message that sends a letter the road again: to the slot that its manifest names, or where it came
// from.
func (l *Letter) Retry() (Message, error) {
	if !l.Whole() {
		return Message{}, fmt.Errorf("letter %s: only %d of its %d bytes were kept", l.ID, len(l.Body), l.Bytes)
	}
	m := l.Message
	m.Headers = make(map[string]string, len(l.Headers)+3)
	for name, v := range l.Headers {
		m.Headers[name] = v
	}
	if man, err := l.Manifest(); err == nil {
		m.Exchange, m.Key = broker.Events, batch.Slot(man.Agent, man.Lane)
	}
	if m.Exchange != broker.Events && m.Exchange != broker.Foreign {
		return m, fmt.Errorf("letter %s: it came from exchange %q, and has no manifest that says where to send it", l.ID, m.Exchange)
	}
	if m.MessageID == "" {
		m.MessageID = l.ID.String() // the same for every retry
	}
	m.Headers[SenderHeader] = l.Sender
	m.Headers[LetterHeader] = l.ID.String()
	m.Headers[RetriesHeader] = fmt.Sprint(l.Retries + 1)
	size := 0
	for name, v := range m.Headers {
		size += len(name) + len(v) + len("_S____") // a length, a type and a length
	}
	if size > maxHeaders {
		return m, fmt.Errorf("letter %s: its headers have %d bytes, a broker takes %d", l.ID, size, maxHeaders)
	}
	return m, nil
}
