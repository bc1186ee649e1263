package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

// TestTwoWatch asks two aggregators that share an Elasticsearch and the queues of a broker of hosts, gaps and bytes: both
// tell the same, and all of it, whichever of them has consumed what. Then one is killed, and the other goes on.
func TestTwoWatch(t *testing.T) {
	w := openWatch(t)
	w.ship()
	lost := w.lose("h0")
	w.must(w.a.Start(t.Context()), w.b.Start(t.Context()))
	w.goOn("h0") // a queue that stands still misses nothing
	var told stack.Watched
	w.until("both know what is missing, and all else", func(ctx context.Context) (err error) {
		told, err = w.agree(ctx, w.a, w.b)
		if err == nil {
			err = w.complete(told, lost, "open")
		}
		return err
	})
	id := w.gaps(told)[0].ID
	w.must(w.b.AcceptGap(t.Context(), id, "a test has taken it"))
	w.until("both know that the gap is accepted", func(ctx context.Context) (err error) {
		if told, err = w.agree(ctx, w.a, w.b); err == nil {
			err = w.complete(told, lost, "accepted")
		}
		return err
	})

	w.a.Kill()
	after, err := w.b.Watched(t.Context())
	w.must(err)
	if after != told {
		t.Errorf("with the other one gone it tells\n%+v\nand before\n%+v", after, told)
	}
	w.goOn("h1", "h2", "h3") // in whosever queues: one of them was the other's
	w.until("who is left knows what has come since", func(ctx context.Context) (err error) {
		if told, err = w.b.Watched(ctx); err == nil {
			err = w.complete(told, lost, "accepted")
		}
		return err
	})
	w.must(w.a.Start(t.Context()))
	w.until("who comes back knows what has come since", func(ctx context.Context) (err error) {
		_, err = w.agree(ctx, w.a, w.b)
		return err
	})
	for action, n := range map[string]int{"gap-opened": 1, "gap-accepted": 1, "gap-closed": 0} {
		found, err := w.b.Search(t.Context(), "event.dataset:belfry.gap AND event.action:"+action)
		w.must(err)
		if len(found) != n {
			t.Errorf("%s is there %d times: %v", action, len(found), found)
		}
	}
}

// pair is agents, a broker, an Elasticsearch and two aggregators.
type pair struct {
	t      *testing.T
	dir    string
	rabbit *stack.RabbitMQ
	a, b   *stack.Aggregator
	hosts  []string
	agents map[string]*stack.Agent
	sizes  map[string]int
}

const watchQueues = 4

func openWatch(t *testing.T) *pair {
	stack.Need(t, "rabbitmq-server")
	servers := stack.OpenElastic(t, stack.ElasticConfig{})
	bin, err := build()
	w := &pair{t: t, hosts: []string{"h0", "h1", "h2", "h3"}, agents: make(map[string]*stack.Agent), sizes: make(map[string]int)}
	w.must(err)
	w.dir, err = os.MkdirTemp(scratch, "watch")
	w.must(err, os.Chmod(w.dir, 0o755))
	ca, err := certs.NewAuthority(filepath.Join(w.dir, "certs"))
	w.must(err)
	users := []stack.User{{Name: "belfry", Configure: `.*`, Write: `.*`, Read: `.*`}}
	var names []string
	for _, h := range w.hosts {
		users, names = append(users, stack.AgentUser("agent-"+h)), append(names, "agent-"+h)
	}
	rabbit := filepath.Join(w.dir, "rabbitmq")
	w.must(os.MkdirAll(rabbit, 0o755))
	ctx, cancel := context.WithTimeout(t.Context(), startup)
	defer cancel()
	w.rabbit, err = stack.StartRabbitMQ(ctx, stack.Rabbit{Dir: rabbit, Authority: ca, Users: users})
	w.must(err)
	t.Cleanup(func() { w.must(w.rabbit.Stop()) })
	w.must(w.rabbit.Apply(ctx, watchQueues, names...))
	own, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Client: true, Server: true})
	w.must(err)
	for name, a := range map[string]**stack.Aggregator{"a": &w.a, "b": &w.b} {
		*a, err = bin.NewAggregator(stack.AggregatorConfig{
			Dir: filepath.Join(w.dir, name), Broker: w.rabbit.URL, Files: own, Queues: watchQueues, GapGrace: "1s",
			Index: fmt.Sprintf("{elastic: {nodes: [%q], replicas: 0}}", servers.URLs[0]),
		})
		w.must(err)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("aggregator %s:\n%s", name, (*a).Log())
			}
			w.must((*a).Stop())
		})
	}
	for _, h := range w.hosts {
		files, err := ca.Issue("agent-"+h, certs.Request{CommonName: "agent-" + h, Client: true})
		w.must(err)
		w.agents[h], err = bin.NewAgent(stack.AgentConfig{
			Dir: filepath.Join(w.dir, "agent-"+h), Host: h, Namespace: h, Files: files, Broker: w.rabbit.URL, Globs: []string{w.log(h)}, NoRelay: true,
		})
		w.must(err)
	}
	return w
}

func (w *pair) must(errs ...error) {
	w.t.Helper()
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *pair) log(host string) string { return filepath.Join(w.dir, host+".log") }

// ship writes a file on each host, and lets its agent ship all of it.
func (w *pair) ship() { w.goOn(w.hosts...) }

// goOn lets hosts write some batches more, and their agents ship them.
func (w *pair) goOn(hosts ...string) {
	for _, h := range hosts {
		f, err := os.OpenFile(w.log(h), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		w.must(err)
		var b strings.Builder
		for n := range tamperLines {
			b.WriteString(tamperLine(h, n))
		}
		_, err = f.WriteString(b.String())
		w.must(err, f.Close())
		w.sizes[h] += b.Len()
		w.must(w.agents[h].Start(w.t.Context()))
	}
	for _, h := range hosts {
		until(w.t, "the agent of "+h+" has shipped its file", func(ctx context.Context) error {
			s, err := w.agents[h].State(ctx)
			if err == nil && (s.Behind > 0 || s.Files != 1) {
				err = fmt.Errorf("%d files, %d bytes behind", s.Files, s.Behind)
			}
			return err
		})
		w.must(w.agents[h].Stop())
	}
}

// lose takes a batch of a host's lines out of its queue, and returns its bytes.
func (w *pair) lose(host string) (lost batch.Range) {
	conn, err := w.rabbit.Connect(w.t.Context())
	w.must(err)
	defer conn.End()
	ch, err := conn.Channel()
	w.must(err)
	defer ch.Close()
	w.must(ch.Confirm(false))
	for n := range watchQueues {
		deliveries, err := ch.Consume(broker.EventQueue(n), broker.EventQueue(n), true, false, false, false, nil)
		w.must(err)
		var kept []amqp.Delivery
		seen := 0
		for d, ok := next(deliveries); ok; d, ok = next(deliveries) {
			text, _ := d.Headers[batch.ManifestHeader].(string)
			what, err := batch.ParseManifest([]byte(text))
			w.must(err)
			x := message{d.RoutingKey, d, what}
			if d.UserId == "agent-"+host && x.lines() != nil {
				if seen++; seen == 2 {
					lost = batch.Range{First: x.lines().Ranges[0].First, End: x.end()}
					continue
				}
			}
			kept = append(kept, d)
		}
		w.must(ch.Cancel(broker.EventQueue(n), false))
		for _, d := range kept {
			ok, err := ch.PublishWithDeferredConfirm(broker.Events, d.RoutingKey, true, false, amqp.Publishing{
				MessageId: d.MessageId, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
				Headers: d.Headers, Body: d.Body, DeliveryMode: amqp.Persistent, UserId: "belfry", AppId: d.AppId,
			})
			w.must(err)
			if !ok.Wait() {
				w.t.Fatal("the broker did not take it")
			}
		}
	}
	if lost.End == 0 {
		w.t.Fatalf("no batch of %s to take", host)
	}
	return lost
}

// until is until that says of an attempt what was wrong, and not that the time was up.
func (w *pair) until(what string, try func(context.Context) error) {
	w.t.Helper()
	var last error
	until(w.t, what, func(ctx context.Context) error {
		err := try(ctx)
		if err == nil || ctx.Err() == nil {
			last = err
		}
		return last
	})
}

// agree asks two aggregators, and returns what they tell if that is the same.
func (w *pair) agree(ctx context.Context, a, b *stack.Aggregator) (stack.Watched, error) {
	x, err := a.Watched(ctx)
	if err != nil {
		return x, err
	}
	y, err := b.Watched(ctx)
	if err == nil && x != y {
		err = fmt.Errorf("one tells\n%+v\nthe other\n%+v", x, y)
	}
	return x, err
}

type watchedGap struct {
	ID, Host, State string
	First, End      uint64
}

func (w *pair) gaps(told stack.Watched) []watchedGap {
	var all struct{ Gaps []watchedGap }
	w.must(json.Unmarshal([]byte(told.Gaps), &all))
	return all.Gaps
}

// complete asks whether all bytes of all hosts are told of: those that were taken are missing, the others are held.
func (w *pair) complete(told stack.Watched, lost batch.Range, state string) error {
	gaps := w.gaps(told)
	if len(gaps) != 1 || gaps[0].Host != "h0" || gaps[0].First != lost.First || gaps[0].End != lost.End || gaps[0].State != state {
		return fmt.Errorf("gaps: %s", told.Gaps)
	}
	held := make(map[string]int)
	for line := range strings.Lines(told.Audit) {
		var f struct {
			Type, Host, Path                                string
			Held                                            int
			Dead, Dropped, Skipped, Pending, Expired, Files int
		}
		w.must(json.Unmarshal([]byte(line), &f))
		if f.Dead+f.Dropped+f.Skipped+f.Pending+f.Expired > 0 {
			return fmt.Errorf("not held, nor missing: %s", line)
		}
		if f.Type == "file" && f.Path == w.log(f.Host) {
			held[f.Host] = f.Held
		}
	}
	for _, h := range w.hosts {
		want := w.sizes[h]
		if h == "h0" {
			want -= int(lost.End - lost.First)
		}
		if held[h] != want {
			return fmt.Errorf("%d bytes of %s are held, want %d: %s", held[h], h, want, told.Audit)
		}
	}
	var hosts struct {
		Hosts []struct{ Name, State string }
	}
	w.must(json.Unmarshal([]byte(told.Hosts), &hosts))
	for _, h := range w.hosts {
		if !slices.Contains(hosts.Hosts, struct{ Name, State string }{"agent-" + h, "ok"}) {
			return fmt.Errorf("no %s among %s", h, told.Hosts)
		}
	}
	return nil
}
