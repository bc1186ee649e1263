package amqp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// inbox is a handler that remembers, and fails when it is told to.
type inbox struct {
	mu   sync.Mutex
	got  []Message
	fail func(Message) error
}

func (b *inbox) take(_ context.Context, m Message, done func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	if b.fail != nil {
		err = b.fail(m)
	}
	if err == nil {
		b.got = append(b.got, m)
	}
	go done(err)
}

func (b *inbox) bodies() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.got {
		all = append(all, string(m.Body))
	}
	return all
}

type rig struct {
	rabbit  *stack.RabbitMQ
	cfg     broker.Config
	publish *Publisher
}

func start(t *testing.T) *rig {
	t.Helper()
	f := stack.OpenRabbitMQ(t, 4, stack.Rabbit{Users: []stack.User{stack.Everything("belfry")}})
	cfg := f.As("belfry")
	r := &rig{f.RabbitMQ, cfg, NewPublisher(cfg, silent, metrics.NewSet())}
	run(t, r.publish.Run)
	return r
}

// run runs an actor until the returned function is called, or the test ends.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Error("does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

func (r *rig) receive(t *testing.T, b *inbox) (stop func()) {
	return run(t, r.receiver(b, 4).Run)
}

// receiver is one that does not wait long.
func (r *rig) receiver(b *inbox, queues int) *Receiver {
	return New(Config{Broker: r.cfg, Queues: queues, Announce: 500 * time.Millisecond}, r.publish, b.take, silent, metrics.NewSet())
}

// declare makes a queue without bindings: those of a topology stay, and the slots would lead to two.
func (r *rig) declare(t *testing.T, name string) {
	t.Helper()
	conn, err := r.rabbit.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.End()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) send(t *testing.T, exchange, key string, bodies ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, s := range bodies {
		err := r.publish.Publish(ctx, exchange, key, Message{Body: []byte(s), MessageID: s, Manifest: []byte("m-" + s),
			Headers: map[string]string{"h": "v"}, ContentType: "text/plain"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (b *inbox) want(t *testing.T, want ...string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got := b.bodies()
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestReceive(t *testing.T) {
	r := start(t)
	t.Run("all that is published, in order", func(t *testing.T) {
		b := new(inbox)
		defer r.receive(t, b)()
		r.send(t, broker.Events, "00", numbers(0, 100)...)
		b.want(t, numbers(0, 100)...)
		m := b.got[0]
		if string(m.Manifest) != "m-0" || m.UserID != "belfry" || m.Headers["h"] != "v" || m.Queue != broker.EventQueue(0) ||
			m.MessageID != "0" || m.ContentType != "text/plain" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("foreign", func(t *testing.T) {
		b := new(inbox)
		defer r.receive(t, b)()
		r.send(t, broker.Foreign, "", "f")
		b.want(t, "f")
	})
	t.Run("what fails comes again", func(t *testing.T) {
		tries := 0
		b := &inbox{fail: func(m Message) error {
			if string(m.Body) == "5" && tries < 3 {
				tries++
				return errors.New("index is away")
			}
			return nil
		}}
		defer r.receive(t, b)()
		r.send(t, broker.Events, "01", numbers(0, 40)...)
		seen := make(map[string]bool)
		for end := time.Now().Add(30 * time.Second); len(seen) < 40 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			for _, s := range b.bodies() {
				seen[s] = true
			}
		}
		if len(seen) != 40 || tries != 3 {
			t.Errorf("%d of 40 came, after %d failures: %q", len(seen), tries, b.bodies())
		}
	})
	t.Run("what is not consumed is told", func(t *testing.T) {
		b := new(inbox)
		v := r.receiver(b, 5) // there are four
		says := func(want string) {
			t.Helper()
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				err := v.LastError()
				if want == "" && err == nil || want != "" && err != nil && strings.Contains(err.Error(), want) {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("%v, want %q", err, want)
				}
			}
		}
		says("not connected yet")
		defer run(t, v.Run)()
		says("consuming belfry.events.04: not-found")
		r.send(t, broker.Events, "00", "x") // the others are
		b.want(t, "x")
		r.declare(t, broker.EventQueue(4))
		says("")
	})
	t.Run("index is away for long", r.overdue)
	t.Run("shared", r.shared)
	t.Run("live", r.live)
	t.Run("farewell", r.farewell)
	t.Run("a message that ends the process", r.killer)
	t.Run("broker is killed", func(t *testing.T) {
		// A broker writes the names of its new quorum queues down when it stops, or after minutes: killed before, it may
		// come back with queues that never get a leader (seen with 3.10).
		if err := r.rabbit.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		// One that has tried in vain for as long as a restart takes would wait the longer for the next.
		r := &rig{r.rabbit, r.cfg, NewPublisher(r.cfg, silent, metrics.NewSet())}
		defer run(t, r.publish.Run)()
		b := new(inbox)
		defer r.receive(t, b)()
		r.send(t, broker.Events, "00", "x")
		b.want(t, "x")
		r.rabbit.Kill()
		if err := r.rabbit.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.send(t, broker.Events, "00", "y")
		for end := time.Now().Add(60 * time.Second); !slices.Contains(b.bodies(), "y"); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing comes after the restart")
			}
		}
	})
}

// What another member consumes is none of ours, and no fault of ours.
func TestLastError(t *testing.T) {
	v := New(Config{Queues: 2}, nil, nil, silent, metrics.NewSet())
	f := func(want string) {
		t.Helper()
		if err := v.LastError(); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("consuming: network: not connected yet")
	v.note(faultConnection, nil)
	f("")
	v.note(broker.EventQueue(1), errLost)
	f("")
	v.members.self.Queues = []string{broker.EventQueue(0)}
	f("")
	v.members.self.Queues = []string{broker.EventQueue(1)}
	f("consuming belfry.events.01: ")
	v.note(faultMembers, errLost)
	f("hearing the other aggregators: ")
}
