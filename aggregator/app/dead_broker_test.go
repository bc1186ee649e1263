package app

import (
	"context"
	"fmt"
	"log/slog"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/ledger"
	"belfry/aggregator/receive/http"
	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
	"belfry/shared/ops"
)

// mq is a broker with a connection of an agent's to it.
type mq struct {
	t       *testing.T
	receive string // what an aggregator's configuration says of it
	files   certs.Files

	aggregator broker.Config     // how it is reached
	agent      *broker.Publisher // by these
}

func startBroker(t *testing.T) *mq { return startBrokerOf(t, 1) }

// startBrokerOf starts one with so many queues of events.
func startBrokerOf(t *testing.T, queues int) *mq {
	t.Helper()
	s := stack.OpenRabbitMQ(t, queues, stack.Rabbit{Users: []stack.User{
		stack.Everything("belfry"),
		{Name: "agent-h", Configure: "^$", Write: `^belfry\.(events|foreign)$`, Read: `^belfry\.acks\.agent-h$`},
	}}, "agent-h")
	agent, own := s.As("agent-h"), s.As("belfry")
	q := &mq{t: t, files: agent.Files, aggregator: own, receive: fmt.Sprintf(
		`{http: {plain: "off"}, amqp: {urls: [%q], ca: %q, cert: %q, key: %q, queues: %d}}`, s.URL, own.CA, own.Cert, own.Key, queues)}
	q.agent = broker.NewPublisher(agent, "test", slog.New(slog.DiscardHandler), metrics.NewSet())
	var running sync.WaitGroup
	running.Go(func() { _ = q.agent.Run(t.Context()) })
	t.Cleanup(running.Wait)
	return q
}

func (q *mq) publish(m broker.Message) {
	q.t.Helper()
	done := make(chan error, 1)
	q.agent.Send(q.t.Context(), m, func(err error) { done <- err })
	if err := <-done; err != nil {
		q.t.Fatal(err)
	}
}

func (q *mq) sendBatch(b *batch.Sealed) {
	q.t.Helper()
	headers := map[string]any{batch.ManifestHeader: string(b.Header)}
	for name, v := range b.Proof.Headers() {
		headers[name] = v
	}
	q.publish(broker.Message{
		Exchange: broker.Events, Key: batch.Slot(b.Manifest.Agent, b.Manifest.Lane), ID: b.Manifest.ID.String(),
		Type: batch.ContentType, Encoding: batch.ContentEncoding, Body: b.Body,
		Headers: headers,
	})
}

func TestAtTheBroker(t *testing.T) {
	q := startBroker(t)
	t.Run("road", q.road)
	t.Run("acks", q.acks)
	t.Run("exhausted", q.exhausted)
	t.Run("members", q.members)
	t.Run("moved", q.moved)
	t.Run("killed", func(t *testing.T) { q.killed(t, "") })
	t.Run("killed with servers", func(t *testing.T) { q.killed(t, onServers(t)) })
}

func (q *mq) road(t *testing.T) {
	r := startWith(t, t.TempDir(), q.receive, q.files, withoutGapAlerts(t))
	r.fullListGoesIn(q.sendBatch)
	r.poison(q.sendBatch)

	// A foreign message has no manifest, and keeps its sender.
	q.publish(broker.Message{Exchange: broker.Foreign, ID: "own-id", Body: []byte("\x1b[31mnot JSON")})
	r.until("the letter is there", func() bool { return len(r.lists()) == 1 })
	if l := r.lists()[0]; l.Sender != "agent-h" || l.Queue != broker.Foreign || l.Events != 0 {
		t.Errorf("%+v", l)
	}
	r.wantCLI(0, " sent again", "dead", "retry", "--all")
	r.until("it comes back", func() bool { all := r.lists(); return len(all) == 1 && all[0].Retries == 1 })
	if l := r.lists()[0]; l.Sender != "agent-h" {
		t.Errorf("%+v", l)
	}
	// What came over HTTP and cannot even be given a slot is put away too.
	queued, err := r.door().Batch(t.Context(), http.Batch{Manifest: []byte("no manifest"), Body: []byte("x"), Sender: "agent-h"})
	if !queued || err != nil {
		t.Errorf("%v, %v", queued, err)
	}
	r.until("the letter is there", func() bool { return len(r.lists()) == 2 })
	r.wantCLI(2, "has no manifest that says where to send it", "dead", "retry", r.lists()[1].ID.String())
	r.wantCLI(0, "dropped", "dead", "drop", r.lists()[0].ID.String(), r.lists()[1].ID.String())
	// One that an aggregator took over HTTP and queued is still of who signed it.
	h := r.newHost("web")
	h.builder.Add(h.place, 0, 10, []byte("not JSON"))
	bad := h.sealed()
	queued, err = r.door().Batch(t.Context(), http.Batch{Manifest: bad.Header, Proof: bad.Proof, Body: bad.Body, Sender: "relay"})
	if !queued || err != nil {
		t.Errorf("%v, %v", queued, err)
	}
	r.until("the letter is there", func() bool { return len(r.lists()) == 1 })
	if l := r.lists()[0]; l.Sender != "agent-h" || l.Queue != broker.EventQueue(0) {
		t.Errorf("%+v", l)
	}
	r.wantCLI(0, "dropped", "dead", "drop", "--all", "--yes")
	r.wantCLI(0, "", "dead", "list")
	r.until("it is told", func() bool { return r.found("event.dataset:belfry.dead") == 5 })
	var b strings.Builder
	r.agg.set.WritePrometheus(&b)
	for _, want := range []string{
		`belfry_dead_buried_total{class="full"} 2`, `belfry_dead_buried_total{class="undecodable"} 5`,
		"belfry_dead_letters 0", "belfry_dead_retried_total 3", "belfry_dead_dropped_total 4",
		"belfry_alert_fired_total 5", // once a letter, however often it was retried
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("metrics are without %s:\n%s", want, b.String())
		}
	}
}

// childConfig names the configuration of an aggregator that a test runs as a process of its own.
const childConfig = "BELFRY_TEST_SERVE"

// TestServe is such a process. By itself it does nothing.
func TestServe(t *testing.T) {
	path := os.Getenv(childConfig)
	if path == "" {
		return
	}
	if err := Serve(context.Background(), path, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// serveUntil runs an aggregator until a condition holds, then kills it.
func (r *rig) serveUntil(holds func() bool) {
	r.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServe$")
	cmd.Env = append(os.Environ(), childConfig+"="+r.path)
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	defer cmd.Wait() // killed
	defer cmd.Process.Kill()
	asks := ops.Client(filepath.Join(filepath.Dir(r.path), "api.sock"))
	r.until("the aggregator answers", func() bool {
		a, err := asks.Get("http://belfry/healthz")
		if err == nil {
			a.Body.Close()
		}
		return err == nil && a.StatusCode != nethttp.StatusServiceUnavailable // it is still starting
	})
	r.until("the aggregator is as far", holds)
}

// Poison between good batches, and the aggregator is killed again and again: every poison is a letter in the end and
// told once, every good event is there once, and the ledger knows of every byte what became of it.
func (q *mq) killed(t *testing.T, more string) {
	const pairs = 150
	dir := t.TempDir()
	r := &rig{t: t, path: filepath.Join(dir, "aggregator.yaml"), agent: q.files}
	h := r.newHost("killed")
	var all []*batch.Sealed
	for i := range pairs {
		h.builder.Add(h.place, h.offset, h.offset+7, fmt.Appendf(nil, "poison %d", i))
		h.offset += 7
		all = append(all, h.sealed(), h.seal(fmt.Sprintf("%s h x: good %d", stamp(), i)))
	}
	var sent sync.WaitGroup
	sent.Go(func() {
		for _, b := range all {
			q.sendBatch(b)
		}
	})
	defer sent.Wait()
	text := fmt.Sprintf("state: %s/state\nreceive: %s\nserve: {socket: %s/api.sock}\n%s", dir, q.receive, dir, more)
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for k := range 3 {
		r.serveUntil(func() bool { return r.found("good") > k*pairs/4 })
	}
	sent.Wait()
	r = startWith(t, dir, q.receive, q.files, more)
	r.until("every good event is there", func() bool { return r.found("good") == pairs })
	r.until("every poison is told", func() bool { return r.found("event.dataset:belfry.dead") == pairs })
	r.until("every byte is accounted for", func() bool {
		return r.agg.index.Ledger().Mark(ledger.Position{Agent: h.id, Stream: h.place.Stream}) == h.offset
	})
	r.count(pairs, "good")
	r.count(pairs, "event.dataset:belfry.dead")
	ids := make(map[event.Key]bool)
	for _, l := range r.lists() {
		ids[l.ID] = true
	}
	if len(ids) != pairs {
		t.Errorf("%d letters, want %d", len(ids), pairs)
	}
	got := r.agg.index.Ledger().Ranges(ledger.Position{Agent: h.id, Stream: h.place.Stream})
	for i, x := range got {
		if want := []batch.Kind{batch.Dead, batch.Data}[i%2]; x.Kind != want {
			t.Errorf("range %d: %v, want %s", i, x, want)
		}
	}
	if len(got) != 2*pairs {
		t.Errorf("%d ranges, want %d", len(got), 2*pairs)
	}
	r.wantCLI(0, "", "dead", "drop", "--all", "--yes") // the queue is that of all these tests
}
