package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/backoff"
)

// maxOutstanding bounds the messages of one publisher that wait for their confirm. It also sizes the buffer of
// returns: were that full, the library would drop them.
const maxOutstanding = 128

// settled is how long a connection must have lasted for the next outage to begin with a short pause again.
const settled = 10 * time.Second

// Message is one message. Its ID is the AMQP message-id, and must be its own.
type Message struct {
	Exchange, Key string
	ID            string
	Type          string // content-type
	Encoding      string // content-encoding, "" for none
	Headers       amqp.Table
	Body          []byte
	Fleeting      bool // of no use later: not kept on a disk, and no matter whether anybody takes it
}

// Publisher publishes messages over a connection of its own that it keeps up: mandatory and persistent, but for fleeting
// ones. Of each it tells whether the broker has taken it. Send may be called by several goroutines.
type Publisher struct {
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	changed chan struct{} // closed when session, blocked or the number outstanding changes
	session *session      // nil while there is no connection
	blocked bool
	waiting int
	lastErr error
	outside bool // lastErr is from before there was a connection; of Run
	follow  *follow

	confirms, failures, connects *metrics.Counter
}

// session is one connection with its channel.
type session struct {
	conn    *Conn
	channel *amqp.Channel
	user    string

	mu       sync.Mutex
	returns  chan amqp.Return
	returned map[string]amqp.Return
	refusing time.Time // when the queues began to take nothing; zero if they do
}

// NewPublisher returns a publisher. prefix begins the names of its metrics. It connects in Run.
func NewPublisher(cfg Config, prefix string, log *slog.Logger, set *metrics.Set) *Publisher {
	p := &Publisher{
		cfg: cfg, log: log, changed: make(chan struct{}), lastErr: errors.New("not connected yet"),
		confirms: set.NewCounter(prefix + "_confirms_total"),
		failures: set.NewCounter(prefix + "_failures_total"),
		connects: set.NewCounter(prefix + "_connects_total"),
	}
	set.NewGauge(prefix+"_blocked", func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.blocked {
			return 1
		}
		return 0
	})
	return p
}

// LastError says why nothing goes, or nil. It begins with the Class.
func (p *Publisher) LastError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked {
		return errors.New("blocked: the broker is short of memory or disk")
	}
	return Classified(p.lastErr)
}

// Run keeps the connection up until ctx is done.
func (p *Publisher) Run(ctx context.Context) error {
	pause := backoff.Backoff{Min: 500 * time.Millisecond, Max: time.Minute}
	for ctx.Err() == nil {
		begin := time.Now()
		err := p.connected(ctx)
		if ctx.Err() != nil {
			break
		}
		if p.note(err) {
			p.log.Warn("no connection to the broker", "class", string(ClassOf(err)), "err", err)
		}
		if time.Since(begin) > settled {
			pause.Reset()
		}
		pause.Wait(ctx)
	}
	return nil
}

// note keeps an error for LastError; it returns true for the first of its class.
func (p *Publisher) note(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.lastErr == nil || ClassOf(p.lastErr) != ClassOf(err)
	p.lastErr = err
	return first
}

// connected holds one connection until it ends.
func (p *Publisher) connected(ctx context.Context) error {
	s, err := p.open(ctx)
	if err != nil {
		p.outside = true
		return err
	}
	defer s.conn.End()
	closed := s.conn.NotifyClose(make(chan *amqp.Error, 1))
	channelClosed := s.channel.NotifyClose(make(chan *amqp.Error, 1))
	blocked := s.conn.NotifyBlocked(make(chan amqp.Blocking, 16))
	p.set(func() {
		p.session, p.blocked = s, false
		// What was refused on a connection is over when something is taken, not when there is another connection.
		if class := ClassOf(p.lastErr); p.outside || class != Refused && class != NotFound {
			p.lastErr = nil
		}
		p.outside = false
	})
	defer p.set(func() { p.session, p.blocked = nil, false })
	p.connects.Inc()
	p.log.Info("connected to the broker", "as", s.user)
	if p.follow != nil {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go p.keepFollowing(ctx, s.conn)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-blocked:
			p.log.Warn("the broker blocks publishing", "blocked", b.Active, "reason", b.Reason)
			p.set(func() { p.blocked = b.Active })
		case err := <-closed:
			return lost(err)
		case err := <-channelClosed:
			return lost(err)
		}
	}
}

func lost(err *amqp.Error) error {
	if err == nil {
		return errLost
	}
	return err
}

func (p *Publisher) open(ctx context.Context) (*session, error) {
	user, err := p.cfg.Name()
	if err != nil {
		return nil, err
	}
	conn, err := Dial(ctx, p.cfg)
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		conn.End()
		return nil, fmt.Errorf("open channel: %w", err)
	}
	s := &session{conn: conn, channel: ch, user: user, returned: make(map[string]amqp.Return)}
	s.returns = ch.NotifyReturn(make(chan amqp.Return, maxOutstanding))
	return s, nil
}

// set changes the state and wakes who waits for it.
func (p *Publisher) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// acquire waits until something may be published, and counts it.
func (p *Publisher) acquire(ctx context.Context) (*session, error) {
	for {
		p.mu.Lock()
		s, ok, changed := p.session, p.session != nil && !p.blocked && p.waiting < maxOutstanding, p.changed
		if ok {
			p.waiting++
		}
		p.mu.Unlock()
		if ok {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Send publishes one message. It blocks while there is no connection, or the broker blocks, until ctx is done. It
// calls done exactly once: with nil when the broker has taken the message, with an error when it must be sent again.
func (p *Publisher) Send(ctx context.Context, m Message, done func(error)) {
	s, err := p.acquire(ctx)
	if err != nil {
		done(err)
		return
	}
	mode := amqp.Persistent
	if m.Fleeting {
		mode = amqp.Transient
	}
	confirm, err := s.channel.PublishWithDeferredConfirm(m.Exchange, m.Key, !m.Fleeting, false, amqp.Publishing{
		MessageId: m.ID, ContentType: m.Type, ContentEncoding: m.Encoding, Headers: m.Headers, Body: m.Body,
		DeliveryMode: mode, UserId: s.user, AppId: p.cfg.AppID, Timestamp: time.Now(),
	})
	if err != nil {
		p.release(fmt.Errorf("publish: %w", err), m.Fleeting, done)
		return
	}
	go func() { p.release(p.wait(s, m.ID, confirm), m.Fleeting, done) }()
}

func (p *Publisher) release(err error, fleeting bool, done func(error)) {
	if err != nil {
		p.failures.Inc()
	} else {
		p.confirms.Inc()
	}
	p.set(func() {
		p.waiting--
		// That an announcement gets through says nothing about what others wait for.
		if class := ClassOf(err); !fleeting && (class == Unroutable || class == Nacked || err == nil && p.session != nil) {
			p.lastErr = err
		}
	})
	done(Classified(err))
}

// wait returns when a message is confirmed, or will never be.
func (p *Publisher) wait(s *session, id string, confirm *amqp.DeferredConfirmation) error {
	t := time.NewTimer(p.cfg.confirmTimeout())
	defer t.Stop()
	for {
		select {
		case <-confirm.Done():
			p.judge(s, confirm.Acked())
			return s.verdict(id, confirm.Acked())
		case <-t.C:
			if !p.isBlocked() {
				s.conn.Cut() // what it may still confirm nobody waits for
				return errTimeout
			}
			t.Reset(p.cfg.confirmTimeout())
		}
	}
}

// judge ends a session in which the queues have taken nothing for as long as one confirm may take. What was full on a
// channel of RabbitMQ 3.10 stays so until that is opened again, if the queue's limit is taken away meanwhile.
func (p *Publisher) judge(s *session, acked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := time.Now(); {
	case acked:
		s.refusing = time.Time{}
	case s.refusing.IsZero():
		s.refusing = now
	case now.Sub(s.refusing) >= p.cfg.confirmTimeout():
		s.conn.Cut()
	}
}

func (p *Publisher) isBlocked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.blocked
}

// verdict joins a confirm with the return that came before it: a message that no queue took is confirmed as well.
func (s *session) verdict(id string, acked bool) error {
	if !acked {
		if s.conn.IsClosed() || s.channel.IsClosed() {
			return errLost
		}
		return errNacked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for drained := false; !drained; {
		select {
		case r, ok := <-s.returns:
			if ok {
				s.returned[r.MessageId] = r
			}
			drained = !ok
		default:
			drained = true
		}
	}
	if r, ok := s.returned[id]; ok {
		delete(s.returned, id)
		return fmt.Errorf("%w: exchange %s, key %s: %s", errUnroutable, r.Exchange, r.RoutingKey, r.ReplyText)
	}
	return nil
}
