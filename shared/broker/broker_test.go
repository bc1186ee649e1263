package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/conf"
	"belfry/shared/e2e/stack"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// rig is a real broker with the topology, a user who may do all, and an agent.
type rig struct {
	t      *testing.T
	rabbit *stack.Fixture
}

func start(t *testing.T, extra string) *rig {
	t.Helper()
	f := stack.OpenRabbitMQ(t, 4, stack.Rabbit{Extra: extra, Users: []stack.User{
		{Name: "belfry", Configure: `^(belfry|test)\.`, Write: `^(belfry|test)\.`, Read: `^(belfry|test)\.`},
		{Name: "agent-h", Configure: `^$`, Write: `^belfry\.events$`, Read: `^$`},
	}})
	return &rig{t, f}
}

func (r *rig) config(user string) broker.Config { return r.rabbit.As(user) }

// publisher runs a publisher until the test ends.
func (r *rig) publisher(cfg broker.Config) *broker.Publisher {
	r.t.Helper()
	p := broker.NewPublisher(cfg, "test", silent, metrics.NewSet())
	r.run(p)
	return p
}

// run runs a publisher until the test ends.
func (r *rig) run(p *broker.Publisher) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Error(err)
			}
		case <-time.After(30 * time.Second):
			r.t.Error("publisher does not stop")
		}
	})
}

func send(t *testing.T, p *broker.Publisher, m broker.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	result := make(chan error, 1)
	p.Send(ctx, m, func(err error) { result <- err })
	return <-result
}

func (r *rig) channel() *amqp.Channel {
	r.t.Helper()
	conn, err := r.rabbit.Connect(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(conn.End)
	ch, err := conn.Channel()
	if err != nil {
		r.t.Fatal(err)
	}
	return ch
}

// take consumes n messages of a queue. It fails if they do not come.
func (r *rig) take(queue string, n int) (all []amqp.Delivery) {
	r.t.Helper()
	deliveries, err := r.channel().Consume(queue, "", true, false, false, false, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for late := time.After(60 * time.Second); len(all) < n; {
		select {
		case d := <-deliveries:
			all = append(all, d)
		case <-late:
			r.t.Fatalf("%s: %d of %d messages came", queue, len(all), n)
		}
	}
	return all
}

// eventually waits until f returns nil.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func class(t *testing.T, p *broker.Publisher, want broker.Class) {
	t.Helper()
	eventually(t, func() error {
		if err := p.LastError(); err == nil || !strings.HasPrefix(err.Error(), string(want)+": ") {
			return errors.Join(errors.New("want class "+string(want)), err)
		}
		return nil
	})
}

// A queue that is followed may come later, and what is published to it in between is there.
func (r *rig) follows(t *testing.T) {
	got := make(chan string, 16)
	p := broker.NewPublisher(r.config("belfry"), "test", silent, metrics.NewSet())
	p.Follow("test.acks", 100*time.Millisecond, func(body []byte) { got <- string(body) })
	r.run(p)
	eventually(t, func() error {
		if err := p.FollowError(); err == nil || !strings.HasPrefix(err.Error(), "not-found: ") {
			return errors.Join(errors.New("want not-found"), err)
		}
		return nil
	})
	m := broker.Message{Exchange: broker.Acks, Key: "agent-h", ID: "a1", Fleeting: true, Body: []byte("lost")}
	if err := send(t, p, m); err != nil || p.LastError() != nil {
		t.Errorf("nobody takes it: %v, %v", err, p.LastError())
	}
	ch := r.channel()
	if _, err := ch.QueueDeclare("test.acks", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind("test.acks", "agent-h", broker.Acks, false, nil); err != nil {
		t.Fatal(err)
	}
	m.Body = []byte("taken")
	if err := send(t, p, m); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "taken" || p.FollowError() != nil {
		t.Errorf("%q, %v", body, p.FollowError())
	}
}

func TestPublish(t *testing.T) {
	r := start(t, "")
	t.Run("follow a queue", r.follows)
	t.Run("reach", r.reaches)
	t.Run("apply again", func(t *testing.T) {
		if err := r.rabbit.Apply(t.Context(), 4); err != nil {
			t.Error(err)
		}
	})
	agent := r.publisher(r.config("agent-h"))
	t.Run("slot finds its queue", func(t *testing.T) {
		m := broker.Message{Exchange: broker.Events, Key: "ff", ID: "m1", Type: "text/plain", Body: []byte("x")}
		if err := send(t, agent, m); err != nil {
			t.Fatal(err)
		}
		got := r.take(broker.EventQueue(255%4), 1)[0]
		if string(got.Body) != "x" || got.MessageId != "m1" || got.UserId != "agent-h" || got.DeliveryMode != 2 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("lost binding comes back and heals", func(t *testing.T) {
		ch := r.channel()
		if err := ch.QueueUnbind(broker.EventQueue(1), "01", broker.Events, nil); err != nil {
			t.Fatal(err)
		}
		m := broker.Message{Exchange: broker.Events, Key: "01", ID: "m2", Body: []byte("x")}
		if err := send(t, agent, m); broker.ClassOf(err) != broker.Unroutable {
			t.Errorf("want unroutable: %v", err)
		}
		class(t, agent, broker.Unroutable)
		// That nobody takes what is fleeting is no error, and that it went says nothing about what waits.
		fleeting := m
		fleeting.ID, fleeting.Fleeting = "m3", true
		if err := send(t, agent, fleeting); err != nil {
			t.Errorf("%v", err)
		}
		class(t, agent, broker.Unroutable)
		if err := r.rabbit.Apply(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		if err := send(t, agent, m); err != nil || agent.LastError() != nil {
			t.Errorf("%v, %v", err, agent.LastError())
		}
	})
	t.Run("full queue nacks", func(t *testing.T) {
		ch := r.channel()
		args := amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"}
		if _, err := ch.QueueDeclare("test.full", false, false, false, false, args); err != nil {
			t.Fatal(err)
		}
		if err := ch.ExchangeDeclare("test.x", "fanout", false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := ch.QueueBind("test.full", "", "test.x", false, nil); err != nil {
			t.Fatal(err)
		}
		all := r.publisher(r.config("belfry"))
		nacked := 0
		for i := range 5 {
			err := send(t, all, broker.Message{Exchange: "test.x", ID: string(rune('a' + i)), Body: []byte("x")})
			if broker.ClassOf(err) == broker.Nacked {
				nacked++
			}
		}
		if nacked == 0 {
			t.Error("nothing was nacked")
		}
	})
	t.Run("full queue whose limit is taken away", func(t *testing.T) {
		control := func(args ...string) {
			t.Helper()
			if _, err := r.rabbit.Control(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
		cfg := r.config("agent-h")
		cfg.Confirm = conf.Duration(2 * time.Second)
		p := r.publisher(cfg)
		m := broker.Message{Exchange: broker.Events, Key: "01", ID: "m5", Body: []byte("x")}
		control("set_policy", "--apply-to", "queues", "full", `^belfry\.events\.01$`, `{"max-length":1,"overflow":"reject-publish"}`)
		eventually(t, func() error {
			if err := send(t, p, m); broker.ClassOf(err) != broker.Nacked {
				return fmt.Errorf("not nacked but %w", err)
			}
			return nil
		})
		control("clear_policy", "full")
		eventually(t, func() error { return send(t, p, m) })
	})
	t.Run("no permission", func(t *testing.T) {
		p := r.publisher(r.config("agent-h"))
		if err := send(t, p, broker.Message{Exchange: broker.Dead, ID: "m3", Body: []byte("x")}); err == nil {
			t.Error("an agent may publish to the dead letters")
		}
		class(t, p, broker.Refused)
	})
	t.Run("no such exchange", func(t *testing.T) {
		p := r.publisher(r.config("belfry"))
		if err := send(t, p, broker.Message{Exchange: "test.none", ID: "m4", Body: []byte("x")}); err == nil {
			t.Error("published to nothing")
		}
		class(t, p, broker.NotFound)
	})
	t.Run("unknown user", func(t *testing.T) { class(t, r.publisher(r.config("agent-other")), broker.Refused) })
	t.Run("wrong authority", func(t *testing.T) {
		other, err := certs.NewAuthority(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		files, err := other.Issue("x", certs.Request{CommonName: "belfry", Client: true})
		if err != nil {
			t.Fatal(err)
		}
		class(t, r.publisher(broker.Config{URLs: []string{r.rabbit.URL}, Files: files}), broker.TLS)
	})
	t.Run("queue declared otherwise", func(t *testing.T) {
		ch := r.channel()
		if _, err := ch.QueueDeclare(broker.EventQueue(4), true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		err := r.rabbit.Apply(t.Context(), 5)
		if broker.ClassOf(err) != broker.Mismatch || !strings.Contains(err.Error(), broker.EventQueue(4)) {
			t.Errorf("%v", err)
		}
	})
}

// A killed broker loses nothing that was confirmed, and the publisher comes back by itself.
func TestBrokerIsKilled(t *testing.T) {
	r := start(t, "")
	p := r.publisher(r.config("agent-h"))
	confirmed := make(map[string]bool)
	publish := func(id string) {
		for send(t, p, broker.Message{Exchange: broker.Events, Key: "00", ID: id, Body: []byte(id)}) != nil {
			if t.Context().Err() != nil {
				return
			}
		}
		confirmed[id] = true
	}
	for i := range 50 {
		publish("before-" + string(rune('A'+i)))
	}
	r.rabbit.Kill()
	restarted := make(chan error, 1)
	go func() { restarted <- r.rabbit.Start(t.Context()) }()
	publish("after")
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, d := range r.take(broker.EventQueue(0), len(confirmed)) {
		got[string(d.Body)] = true
	}
	for id := range confirmed {
		if !got[id] {
			t.Errorf("%s was confirmed, and is lost", id)
		}
	}
}

// A broker that is short of memory blocks Send, and nothing hangs when all is stopped.
func TestBlocked(t *testing.T) {
	r := start(t, "vm_memory_high_watermark.absolute = 1MB\n")
	p := r.publisher(r.config("agent-h"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			p.Send(ctx, broker.Message{Exchange: broker.Events, Key: "00", ID: string(rune(i)), Body: make([]byte, 1000)}, func(error) {})
		}
	}()
	eventually(t, func() error {
		if err := p.LastError(); err == nil || !strings.Contains(err.Error(), "blocked") {
			return errors.Join(errors.New("want blocked"), err)
		}
		return nil
	})
	result := make(chan error, 1)
	waiting, giveUp := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer giveUp()
	p.Send(waiting, broker.Message{Exchange: broker.Events, Key: "00", ID: "z"}, func(err error) { result <- err })
	if err := <-result; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send on a blocked connection: %v", err)
	}
}

func TestValidate(t *testing.T) {
	f := func(c broker.Config, want string) {
		t.Helper()
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	f(broker.Config{}, "urls: at least one")
	f(broker.Config{URLs: []string{"amqp://h/"}}, `urls[0]: scheme "amqp": only amqps`)
	f(broker.Config{URLs: []string{"amqps://u:p@h/"}}, "urls[0]: put the user")
	f(broker.Config{URLs: []string{"amqps://h/"}, User: "u"}, "user and password go together")
}
