package amqp

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
)

const (
	// stopTimeout is how long an ordered stop waits for what is under way, and for a broker that may not answer: a quorum
	// queue without a leader says nothing for a minute.
	stopTimeout = 3 * time.Second
	// farewellTimeout bounds the announcement of a stop.
	farewellTimeout = time.Second
)

// session is one connection to the broker, with the queues that are consumed over it.
type session struct {
	*Receiver
	conn    *broker.Conn
	hard    context.Context    // done when nobody waits for what is with the handler
	workers map[string]*worker // by queue; of attend
	hearing atomic.Bool        // the others are heard, and itself
	news    chan struct{}      // there may be something to say
}

// worker is the consumption of one queue, in a goroutine of its own.
type worker struct {
	release context.CancelFunc // takes no more, and settles what it has
	ended   chan struct{}
}

func newSession(r *Receiver, conn *broker.Conn) *session {
	return &session{Receiver: r, conn: conn, workers: make(map[string]*worker), news: make(chan struct{}, 1)}
}

// run works until the connection ends or ctx is done, and settles what was taken.
func (s *session) run(ctx context.Context) {
	var abandon context.CancelFunc
	s.hard, abandon = context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	closed := s.conn.NotifyClose(make(chan *amqp.Error, 1))
	attending, leave := context.WithCancel(ctx)
	defer leave()
	var all sync.WaitGroup
	all.Go(func() { s.attend(attending) })
	all.Go(func() {
		s.keepSpeaking(attending)
		if ctx.Err() != nil {
			s.sayFarewell()
		}
	})
	select {
	case err := <-closed:
		if err != nil {
			s.log.Warn("connection to the broker lost", "err", err)
		}
		s.note(faultConnection, errLost)
		abandon() // nothing can be acknowledged any more
	case <-ctx.Done():
		defer time.AfterFunc(stopTimeout, func() { abandon(); s.conn.Cut() }).Stop()
	}
	leave()
	all.Wait()
}

// attend hears the others, and consumes what is this receiver's own by that, until ctx is done.
func (s *session) attend(ctx context.Context) {
	heard, joined := make(chan announcement, maxMembers), make(chan struct{}, 1)
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.keepHearing(ctx, heard, joined) })
	if s.cfg.Viewers != nil {
		all.Go(func() { s.keepViewing(ctx) })
	}
	defer s.live.audience.Store(false)
	tick := time.NewTicker(s.times.announce / looks)
	defer tick.Stop()
	s.with(func(m *members) { m.listenAnew(time.Now()) })
	for ctx.Err() == nil {
		select {
		case a := <-heard:
			s.with(func(m *members) { m.hear(time.Now(), a) })
		case <-joined:
			s.with(func(m *members) { m.listenAnew(time.Now()) })
		case <-tick.C:
		case <-ctx.Done():
			continue
		}
		s.look(ctx)
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
	for _, w := range s.workers {
		<-w.ended
	}
}

func (s *session) with(f func(*members)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.members)
}

// look judges what was heard, and does by it.
func (s *session) look(ctx context.Context) {
	var before, mine []string
	var rival *Member
	there := 0
	s.with(func(m *members) {
		had := m.rival
		before = m.self.Queues
		mine = m.look(time.Now())
		there = len(m.peers) + 1
		s.live.audience.Store(m.watched())
		if had == nil {
			rival = m.rival
		}
	})
	if rival != nil {
		s.log.Error("another aggregator with an index of its own was there first: this one takes nothing from the queues",
			"host", rival.Host, "process", rival.PID)
	}
	if !slices.Equal(before, mine) {
		s.log.Info("queues are shared anew", "members", there, "own", mine)
	}
	s.own(ctx, mine)
}

// own sees to it that these queues are consumed, and no others. One that is let go and wanted again is consumed again
// when it is let go.
func (s *session) own(ctx context.Context, queues []string) {
	for name, w := range s.workers {
		if !slices.Contains(queues, name) {
			w.release()
		}
		select {
		case <-w.ended:
			delete(s.workers, name)
		default:
		}
	}
	for _, name := range queues {
		if s.workers[name] != nil {
			continue
		}
		ctx, release := context.WithCancel(ctx)
		w := &worker{release, make(chan struct{})}
		s.workers[name] = w
		go func() {
			defer close(w.ended)
			defer release()
			s.keepConsuming(ctx, name)
		}()
	}
}
