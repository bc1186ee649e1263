package app

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/index"
	"belfry/aggregator/serve"
	"belfry/shared/event"
)

// trailRoom is how many questions may wait to be written down: all that may be asked within a minute, while an index
// stands still. Of those beyond there is the line in the log alone.
const trailRoom = 4096

// trail makes an event of each question, so that who searched for what can itself be searched:
//
//	event.dataset  belfry.search       event.action    search, count, top, fields, event, context, tail
//	user.name      who                 labels.by       socket or token
//	source.ip      from where, if not on this machine
//	event.start    when                event.duration  in nanoseconds
//	event.outcome  success, failure    error.message   of a failure
//	labels.query   as it was typed     labels.from, labels.to, labels.about, labels.found
//
// They have no ledger: they are no stream that could have a gap.
type trail struct {
	index index.Index
	log   *slog.Logger
	asked chan serve.Asked

	written, lost *metrics.Counter
}

func newTrail(x index.Index, log *slog.Logger, set *metrics.Set) *trail {
	return &trail{
		index: x, log: log, asked: make(chan serve.Asked, trailRoom),
		written: set.NewCounter("belfry_serve_trail_events_total"), lost: set.NewCounter("belfry_serve_trail_lost_total"),
	}
}

// note puts a question on the trail. It does not block.
func (t *trail) note(a serve.Asked) {
	select {
	case t.asked <- a:
	default:
		t.lost.Inc()
	}
}

// lastWords is how long what was asked at the end may take to be written.
const lastWords = 5 * time.Second

// run writes the trail until ctx is done, and then what still waits.
func (t *trail) run(ctx context.Context) error {
	for {
		select {
		case a := <-t.asked:
			t.write(ctx, a)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			for {
				select {
				case a := <-t.asked:
					t.write(last, a)
				default:
					return nil
				}
			}
		}
	}
}

func (t *trail) write(ctx context.Context, a serve.Asked) {
	t.index.Write(ctx, index.Write{Items: []index.Item{{Event: trailEvent(a)}}}, func(_ index.Result, err error) {
		if err != nil {
			t.lost.Inc()
			t.log.Warn("audit trail not written", "who", a.By.Name, "asked", a.What, "query", a.Query, "err", err)
			return
		}
		t.written.Inc()
	})
}

func trailEvent(a serve.Asked) *event.Event {
	e := new(event.Event)
	now := time.Now().UTC().Format(time.RFC3339Nano)
	set := func(name, value string) { e.Append(name, strings.ToValidUTF8(value, "\uFFFD")) }
	set("@timestamp", now)
	set("event.created", now)
	set("event.ingested", now)
	set("event.id", event.RandomKey().String())
	set("event.kind", "event")
	set("event.dataset", serve.TrailDataset)
	set("event.action", a.What)
	set("user.name", a.By.Name)
	set("source.ip", a.By.From)
	set("event.start", a.Begin.UTC().Format(time.RFC3339Nano))
	set("event.duration", strconv.FormatInt(int64(a.Took), 10))
	set("labels.by", a.By.By)
	set("labels.query", a.Query)
	set("labels.about", a.About)
	set("labels.found", strconv.FormatUint(a.Found, 10))
	for name, t := range map[string]time.Time{"labels.from": a.From, "labels.to": a.To} {
		if !t.IsZero() {
			set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	outcome := "success"
	if a.Err != nil {
		outcome = "failure"
		set("error.message", a.Err.Error())
	}
	set("event.outcome", outcome)
	set("message", a.What+" by "+a.By.Name+": "+strconv.FormatUint(a.Found, 10)+" found") // not the query: it may read as an attack
	return e
}
