package elastic

import (
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/index"
)

// measures are the index's metrics.
type measures struct {
	rows, repeats, reduced, dead, retries, busy, conflicts, dropped *metrics.Counter
	bulk, ack                                                       *metrics.Summary
}

func newMeasures(set *metrics.Set) measures {
	return measures{
		rows:      set.NewCounter("belfry_index_rows_total"),
		repeats:   set.NewCounter("belfry_index_repeats_total"),
		reduced:   set.NewCounter("belfry_index_reduced_total"),
		dead:      set.NewCounter("belfry_index_dead_total"),
		retries:   set.NewCounter("belfry_index_bulk_retries_total"),
		busy:      set.NewCounter("belfry_index_busy_items_total"),
		dropped:   set.NewCounter("belfry_index_dropped_days_total"),
		bulk:      set.NewSummary("belfry_index_bulk_duration_seconds"),
		ack:       set.NewSummary("belfry_index_ack_duration_seconds"),
		conflicts: set.NewCounter("belfry_index_ledger_conflicts_total"),
	}
}

// gauges adds what is read from the index when somebody asks.
func (x *Index) gauges(set *metrics.Set) {
	gauge := func(name string, value func() float64) { set.NewGauge(name, value) }
	gauge("belfry_index_queue_bytes", func() float64 { return float64(x.gate.Taken()) })
	gauge("belfry_index_failed", func() float64 { return truth(x.life.Failure() != nil) })
	gauge("belfry_index_servers_away", func() float64 { return truth(x.c.breaker.open() != nil) })
	gauge("belfry_index_held", func() float64 { return truth(x.why() != "") })
	gauge("belfry_index_ledger_positions", func() float64 { return float64(x.ledger.Len()) })
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// trouble is why writes wait. It is safe for concurrent use.
type trouble struct {
	mu      sync.Mutex
	reasons map[any]string // by who waits
}

// say notes why somebody waits; "" ends it. It reports whether nobody waited for that before.
func (t *trouble) say(who any, reason string) (news bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if reason == "" {
		delete(t.reasons, who)
		return false
	}
	news = true
	for _, r := range t.reasons {
		news = news && r != reason
	}
	if t.reasons == nil {
		t.reasons = make(map[any]string)
	}
	t.reasons[who] = reason
	return news
}

func (t *trouble) why() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for _, r := range t.reasons {
		if !strings.Contains(strings.Join(all, "\n"), r) {
			all = append(all, r)
		}
	}
	return strings.Join(all, "; ")
}

// Stats returns how the index is. What the servers have is some seconds old.
func (x *Index) Stats() index.Stats {
	var s index.Stats
	if known := x.stats.Load(); known != nil {
		s = *known
	}
	s.Engine, s.Position, s.Positions = "elastic", x.position.Load(), x.ledger.Len()
	s.Trouble = x.why()
	if err := x.c.breaker.open(); err != nil && s.Trouble == "" {
		s.Trouble = err.Error()
	}
	if err := x.life.Failure(); err != nil {
		s.Failure = err.Error()
	}
	return s
}
