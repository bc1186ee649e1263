package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/broker"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// acks: an agent that names a stream hears in its own queue how far the index has it.
func (q *mq) acks(t *testing.T) {
	r := startWith(t, t.TempDir(), q.receive, q.files)
	heard := make(chan *heartbeat.Ack, 16)
	cfg := q.aggregator
	cfg.Files = q.files
	agent := broker.NewPublisher(cfg, "test", slog.New(slog.DiscardHandler), metrics.NewSet())
	agent.Follow(broker.AckQueue("agent-h"), time.Second, func(body []byte) {
		ack, err := heartbeat.ParseAck(body)
		if err != nil {
			t.Error(err)
			return
		}
		heard <- ack
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	h := r.newHost("acks")
	q.sendBatch(h.seal(stamp() + " h x: told of"))
	q.sendBatch(h.beat(""))
	want := heartbeat.Held{ID: h.place.Stream, Epoch: h.place.Epoch, End: h.offset}
	told := make(map[event.Key]said)
	r.until("the agent hears of it", func() bool {
		if err := r.agg.tellAcks(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		select {
		case a := <-heard:
			return a.Agent == h.id && len(a.Streams) == 1 && a.Streams[0] == want
		default:
			return false
		}
	})
	if len(told) != 1 {
		t.Errorf("%d agents were told", len(told))
	}
	// The same over HTTP, for an agent that has no queue.
	var out strings.Builder
	if err := r.agg.writeAcks(&out, "agent-h"); err != nil {
		t.Fatal(err)
	}
	var a heartbeat.Ack
	if err := json.Unmarshal([]byte(out.String()), &a); err != nil || a.Agent != h.id || a.Streams[0] != want {
		t.Errorf("%v %s", err, out.String())
	}
	out.Reset()
	if err := r.agg.writeAcks(&out, "agent-x"); err != nil || out.Len() > 0 {
		t.Errorf("another is told %v %s", err, out.String())
	}
}
