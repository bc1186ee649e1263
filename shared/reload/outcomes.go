package reload

import (
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/ops"
)

// outcomes counts what came of reloads since the process began.
type outcomes struct {
	taken, unchanged, refused, rolledBack atomic.Uint64
	good                                  atomic.Bool // the last one was no failure
}

// of returns the count of a result.
func (o *outcomes) of(r Result) *atomic.Uint64 {
	return map[Result]*atomic.Uint64{Taken: &o.taken, Unchanged: &o.unchanged, Refused: &o.refused, RolledBack: &o.rolledBack}[r]
}

// Measure adds the counts to a daemon's metrics, under names that begin so. They belong to the process: a set that is made
// anew goes on with them. Of a nil Supervisor nothing was ever reloaded.
func (s *Supervisor) Measure(set *metrics.Set, prefix string) {
	o := new(outcomes)
	if s != nil {
		o = &s.outcomes
	} else {
		o.good.Store(true)
	}
	for _, r := range []Result{Taken, Unchanged, Refused, RolledBack} {
		n := o.of(r)
		set.NewGauge(prefix+`_config_reloads_total{result="`+string(r)+`"}`, func() float64 { return float64(n.Load()) })
	}
	set.NewGauge(prefix+"_config_last_reload_success", func() float64 {
		if o.good.Load() {
			return 1
		}
		return 0
	})
}

// tell counts what came of a reload, and tells it.
func (s *Supervisor) tell(a Answer) {
	s.outcomes.of(a.Result).Add(1)
	s.outcomes.good.Store(a.Reason == "")
	status := "running"
	if a.Reason == "" {
		s.log.Info("the configuration was reloaded", "result", string(a.Result))
	} else {
		s.log.Error("the configuration was not taken", "result", string(a.Result), "err", a.Reason)
		status = "running with the configuration before: the new one is " + a.Result.String() + ": " + a.Reason
	}
	ops.Notify(ops.Ready, ops.Saying(status))
}
