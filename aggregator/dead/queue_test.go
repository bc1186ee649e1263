package dead

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// openQueue returns the store at a broker. It publishes until ctx is done.
func openQueue(ctx context.Context, cfg broker.Config) (q *Queue, wait func()) {
	p := broker.NewPublisher(cfg, "test", silent, metrics.NewSet())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	return NewQueue(cfg, func(ctx context.Context, m Message) error {
		headers := make(amqp.Table)
		for name, v := range m.Headers {
			headers[name] = v
		}
		result := make(chan error, 1)
		p.Send(ctx, broker.Message{Exchange: m.Exchange, Key: m.Key, ID: m.MessageID, Type: m.Type, Encoding: m.Encoding,
			Headers: headers, Body: m.Body}, func(err error) { result <- err })
		return <-result
	}, silent), running.Wait
}

type rig struct {
	t      *testing.T
	rabbit *stack.RabbitMQ
	cfg    broker.Config
	q      *Queue
}

func start(t *testing.T) *rig {
	t.Helper()
	f := stack.OpenRabbitMQ(t, 1, stack.Rabbit{Users: []stack.User{stack.Everything("belfry")}})
	r := &rig{t: t, rabbit: f.RabbitMQ, cfg: f.As("belfry")}
	q, wait := openQueue(t.Context(), r.cfg)
	t.Cleanup(wait)
	r.q = q
	return r
}

// purge empties a queue and returns how much was in it.
func (r *rig) purge(queue string) int {
	r.t.Helper()
	conn, err := r.rabbit.Connect(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.End()
	ch, err := conn.Channel()
	if err != nil {
		r.t.Fatal(err)
	}
	n, err := ch.QueuePurge(queue, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) dropAll() {
	r.t.Helper()
	if err := r.q.Visit(r.t.Context(), func(*Letter) (Verdict, error) { return Remove, nil }); err != nil {
		r.t.Error(err)
	}
	want(r.t, r.q)
}

func childRetriesByBroker() {
	cfg := broker.Config{URLs: []string{os.Getenv("BELFRY_DEAD_URL")}, AppID: "test", Files: certs.Files{
		CA: os.Getenv("BELFRY_DEAD_CA"), Cert: os.Getenv("BELFRY_DEAD_CERT"), Key: os.Getenv("BELFRY_DEAD_KEY")}}
	q, _ := openQueue(context.Background(), cfg)
	childRetries(q, func(l *Letter) error {
		m, err := l.Retry()
		if err != nil {
			return err
		}
		return q.publish(context.Background(), m)
	})
}

func TestQueue(t *testing.T) {
	r := start(t)
	t.Run("as any store", func(t *testing.T) { testStore(t, r.q) })
	t.Run("one visitor at a time", func(t *testing.T) {
		bury(t, r.q, letterOf(1), letterOf(2))
		other, _ := openQueue(t.Context(), r.cfg) // as another aggregator would
		err := r.q.Visit(t.Context(), func(*Letter) (Verdict, error) {
			if err := other.Visit(t.Context(), func(*Letter) (Verdict, error) { return Keep, nil }); !errors.Is(err, ErrBusy) {
				t.Errorf("%v, want %v", err, ErrBusy)
			}
			return Keep, nil
		})
		if err != nil {
			t.Error(err)
		}
		if got := list(t, other); len(got) != 2 {
			t.Errorf("%q", got)
		}
		r.dropAll()
	})
	t.Run("killed between publish and ack", func(t *testing.T) {
		l := sealed(t)
		bury(t, r.q, l, letterOf(2))
		killed(t, 1, "BELFRY_DEAD_CHILD=queue-retry", "BELFRY_DEAD_URL="+r.rabbit.URL, "BELFRY_DEAD_CA="+r.cfg.CA,
			"BELFRY_DEAD_CERT="+r.cfg.Cert, "BELFRY_DEAD_KEY="+r.cfg.Key)
		if n := r.purge(broker.EventQueue(0)); n != 1 {
			t.Errorf("%d messages were sent again, want 1", n)
		}
		// The broker may need a moment to see that the visitor is gone.
		for end := time.Now().Add(30 * time.Second); len(list2(r.q)) != 2 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		want(t, r.q, l, letterOf(2))
		r.dropAll()
	})
	t.Run("what others have put there", func(t *testing.T) {
		m := Message{Exchange: broker.Dead, MessageID: "x", Body: []byte("not ours"), Headers: map[string]string{"h": "v"}}
		if err := r.q.publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		err := r.q.Visit(t.Context(), func(l *Letter) (Verdict, error) {
			if string(l.Body) != "not ours" || l.Headers["h"] != "v" || !strings.Contains(l.Reason, "not put here by an aggregator") {
				t.Errorf("%+v", l)
			}
			if m, err := l.Retry(); err == nil {
				t.Errorf("it would be sent to %s", m.Exchange)
			}
			return Keep, nil
		})
		if err != nil {
			t.Error(err)
		}
		r.dropAll()
	})
	// Who fills the headers of a message as far as the broker takes them must still be put away.
	t.Run("headers as long as they can be", func(t *testing.T) {
		l := letterOf(1)
		l.Headers = map[string]string{"h": strings.Repeat("x", maxHeaders-200)}
		bury(t, r.q, l)
		want(t, r.q, l)
		m, err := l.Retry()
		if err == nil {
			err = r.q.publish(t.Context(), m)
		}
		if err != nil || r.purge(broker.Foreign) != 1 {
			t.Errorf("not sent again: %v", err)
		}
		r.dropAll()
	})
	t.Run("counted", func(t *testing.T) {
		bury(t, r.q, letterOf(1), letterOf(2), letterOf(3))
		other := NewQueue(r.cfg, nil, silent)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- other.Run(ctx) }()
		for end := time.Now().Add(30 * time.Second); other.Count() != 3; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("counted %d letters, want 3", other.Count())
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.dropAll()
	})
}

// list2 is list for who waits: an error is no letters.
func list2(s store) (ids []string) {
	err := s.Visit(context.Background(), func(l *Letter) (Verdict, error) {
		ids = append(ids, fmt.Sprint(l.ID))
		return Keep, nil
	})
	if err != nil {
		return nil
	}
	return ids
}
