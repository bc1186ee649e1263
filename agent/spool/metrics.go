package spool

import "github.com/VictoriaMetrics/metrics"

type counters struct {
	records, syncs, damagedPlaces, damagedBytes, writeErrors *metrics.Counter
	blocked                                                  *metrics.FloatCounter
}

func newCounters(set *metrics.Set, s *Spool) *counters {
	set.NewGauge("belfry_agent_spool_bytes", func() float64 { return float64(s.room.held.Load()) })
	set.NewGauge("belfry_agent_spool_max_bytes", func() float64 { return float64(s.cfg.maxBytes()) })
	set.NewGauge("belfry_agent_spool_waiting_bytes", func() float64 { return float64(s.Waiting()) })
	set.NewGauge("belfry_agent_spool_full", func() float64 {
		if s.Stuck() != "" {
			return 1
		}
		return 0
	})
	return &counters{
		records:       set.NewCounter("belfry_agent_spool_records_total"),
		syncs:         set.NewCounter("belfry_agent_spool_syncs_total"),
		damagedPlaces: set.NewCounter("belfry_agent_spool_damaged_places_total"),
		damagedBytes:  set.NewCounter("belfry_agent_spool_damaged_bytes_total"),
		writeErrors:   set.NewCounter("belfry_agent_spool_write_errors_total"),
		blocked:       set.NewFloatCounter("belfry_agent_spool_blocked_seconds_total"),
	}
}
