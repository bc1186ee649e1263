package app

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/dead"
	amqpin "belfry/aggregator/receive/amqp"
	"belfry/shared/broker"
)

// exhausted: what ends the process is put away when it was tried often enough.
func (q *mq) exhausted(t *testing.T) {
	r := startWith(t, t.TempDir(), q.receive, q.files)
	m := amqpin.Message{Body: []byte("k"), MessageID: "id", UserID: "agent-h", Queue: broker.Foreign, Attempts: 3, Exhausted: true}
	if err := wait(t.Context(), func(done func(error)) { r.agg.message(t.Context(), m, done) }); err != nil {
		t.Fatal(err)
	}
	if l := r.lists(); len(l) != 1 || l[0].Class != "exhausted" || !strings.Contains(l[0].Reason, "handling it ended the process 3 times") {
		t.Errorf("%d letters: %.500v", len(l), l)
	}
	r.wantCLI(0, "dropped", "dead", "drop", r.lists()[0].ID.String())
}

// members: the status says who shares the queues.
func (q *mq) members(t *testing.T) {
	r := startWith(t, t.TempDir(), q.receive, q.files)
	quiet := slog.New(slog.DiscardHandler)
	publish := amqpin.NewPublisher(q.aggregator, quiet, metrics.NewSet())
	other := amqpin.New(amqpin.Config{Broker: q.aggregator, Queues: 1}, publish,
		func(_ context.Context, _ amqpin.Message, done func(error)) { done(nil) }, quiet, metrics.NewSet())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- publish.Run(ctx) }()
	go func() { ended <- other.Run(ctx) }()
	defer func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}()
	var out bytes.Buffer
	r.until("two members are in the status", func() bool {
		out.Reset()
		if err := (statusCmd{}).Run(t.Context(), &CLI{Config: r.path, Out: &out}); err != nil {
			t.Fatal(err)
		}
		s := out.String()
		return strings.Count(s, "\nmember  ") == 2 && strings.Contains(s, "this one, process ") && strings.Contains(s, "another, process ")
	})
	out.Reset()
	if err := (statusCmd{JSON: true}).Run(t.Context(), &CLI{Config: r.path, Out: &out}); err != nil {
		t.Fatal(err)
	}
	var s Status
	if err := json.Unmarshal(out.Bytes(), &s); err != nil || len(s.Members) != 2 || s.Members[0].Self == s.Members[1].Self {
		t.Errorf("%v: %s", err, &out)
	}
}

// moved: letters from before there was a broker are put to those at the broker.
func (q *mq) moved(t *testing.T) {
	dir := t.TempDir()
	folder, err := dead.OpenFolder(filepath.Join(dir, "state", "dead"), 0)
	if err != nil {
		t.Fatal(err)
	}
	l := dead.New(dead.Message{Body: []byte("old")}, "agent-h", dead.Undecodable, errPoison)
	if err := folder.Bury(t.Context(), &l); err != nil {
		t.Fatal(err)
	}
	r := startWith(t, dir, q.receive, q.files)
	r.until("the letter is at the broker", func() bool { all := r.lists(); return len(all) == 1 && all[0].ID == l.ID })
	r.until("it has left the folder", func() bool { return r.agg.folder.Count() == 0 })
	r.wantCLI(0, "dropped", "dead", "drop", l.ID.String())
	r.wantCLI(0, "no dead letters", "dead")
}
