package app

import (
	"errors"
	"testing"
	"time"

	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	amqpin "belfry/aggregator/receive/amqp"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// One event that the index takes in no form is a letter of its own, and gets to its place when it is retried.
func TestDeadItem(t *testing.T) { overEngines(t, deadItem) }

func deadItem(t *testing.T, more string) {
	r := start(t, t.TempDir(), more)
	pos := ledger.Position{Agent: event.HashKey("a"), Stream: event.HashKey("s"), Epoch: 3}
	e := new(event.Event)
	now := time.Now().UTC()
	e.Set("@timestamp", now.Format(time.RFC3339Nano))
	e.Set("event.id", event.ID(pos.Agent, pos.Stream, pos.Epoch, 7).String())
	e.Set("event.original", "refused by the servers")
	e.Set("host.name", "h")
	e.Set("agent.name", "agent-h")
	it := index.Item{Event: e, Pos: pos, Offset: 7, Ranged: true, Class: "auth", Day: now.Format(time.DateOnly)}
	for range 2 { // the second time it is the same letter
		if err := r.agg.dead.buryItem(t.Context(), it, 30, errors.New("mapper_parsing_exception")); err != nil {
			t.Fatal(err)
		}
	}
	r.until("the letter is told", func() bool { return r.found("event.dataset:belfry.dead AND event.code:refused AND host.name:h") == 1 })
	r.count(0, "servers AND event.original:*")
	all := r.lists()
	if len(all) != 1 || all[0].Sender != "agent-h" || all[0].Events != 1 {
		t.Fatalf("%+v", all)
	}
	r.wantCLI(0, "mapper_parsing_exception", "dead", "show", all[0].ID.String())
	r.wantCLI(0, "", "dead", "retry", "--all")
	r.count(1, "event.original:servers AND host.name:h")
	if got := r.agg.index.Ledger().Ranges(pos); len(got) != 1 || got[0] != (batch.Range{Kind: batch.Data, First: 7, End: 30}) {
		t.Errorf("ranges %v", got)
	}
	if len(r.lists()) != 0 {
		t.Errorf("%+v", r.lists())
	}
}

// Nobody who sends something gets a place in somebody's stream by a header.
func TestForgedPlace(t *testing.T) {
	m := amqpin.Message{UserID: "agent-evil", Body: []byte("{}"), Headers: map[string]string{itemHeader: `{"ranged":true,"end":9}`}}
	if l := new(deadLetters).letterOf(m, index.ErrBadWrite); l.Class != dead.Refused || l.Headers[itemHeader] != "" {
		t.Errorf("%+v", l)
	}
}
