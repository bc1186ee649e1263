package embedded

import (
	"belfry/aggregator/index"

	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/VictoriaMetrics/metrics"
)

// measures are the index's metrics.
type measures struct {
	rows, repeats, refused, damage, checkpointFaults, unkept, dropped, erased *metrics.Counter
	sync, checkpoint, search                                                  *metrics.Summary
}

func newMeasures(set *metrics.Set) measures {
	return measures{
		rows:             set.NewCounter("belfry_index_rows_total"),
		repeats:          set.NewCounter("belfry_index_repeats_total"),
		refused:          set.NewCounter("belfry_index_disk_full_writes_total"),
		damage:           set.NewCounter("belfry_index_log_damages_total"),
		checkpointFaults: set.NewCounter("belfry_index_checkpoint_faults_total"),
		unkept:           set.NewCounter("belfry_index_names_unkept_total"),
		dropped:          set.NewCounter("belfry_index_dropped_days_total"),
		erased:           set.NewCounter("belfry_index_erased_total"),
		sync:             set.NewSummary("belfry_index_sync_duration_seconds"),
		checkpoint:       set.NewSummary("belfry_index_checkpoint_duration_seconds"),
		search:           set.NewSummary("belfry_index_search_duration_seconds"),
	}
}

// gauges adds what is read from the index when somebody asks.
func (x *Index) gauges(set *metrics.Set) {
	gauge := func(name string, value func() float64) { set.NewGauge(name, value) }
	gauge("belfry_index_log_bytes", func() float64 { return float64(x.logBytes.Load()) })
	gauge("belfry_index_queue_bytes", func() float64 { return float64(x.gate.Taken()) })
	gauge("belfry_index_disk_free_bytes", func() float64 { return float64(x.disk.free.Load()) })
	gauge("belfry_index_disk_full", func() float64 { return truth(x.disk.full.Load()) })
	gauge("belfry_index_failed", func() float64 { return truth(x.life.Failure() != nil) })
	gauge("belfry_index_names", func() float64 { return float64(x.names.count.Load()) })
	gauge("belfry_index_ledger_positions", func() float64 { return float64(x.ledger.Len()) })
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Stats returns how the index is.
func (x *Index) Stats() index.Stats {
	s := index.Stats{
		Engine:   "embedded",
		LogBytes: x.logBytes.Load(), Position: x.position.Load(), Checkpoint: x.checkpoint.Load(),
		Positions: x.ledger.Len(), DiskFree: x.disk.free.Load(), DiskFull: x.disk.full.Load(),
	}
	if err := x.life.Failure(); err != nil {
		s.Failure = err.Error()
	}
	all, done, err := x.borrow()
	if err != nil {
		return s
	}
	defer done()
	for _, f := range all {
		c := f.stats()
		s.Rows += c.Rows
		s.Bytes += c.Bytes
		s.Classes = append(s.Classes, c)
	}
	return s
}

func (f *shelf) stats() index.ClassStats {
	var s logstorage.StorageStats
	f.storage.UpdateStats(&s)
	c := index.ClassStats{
		Class: f.class, Keep: f.keep.String(), Rows: s.RowsCount() + s.PendingRows,
		Bytes: s.CompressedInmemorySize + s.CompressedSmallPartSize + s.CompressedBigPartSize + s.IndexdbSizeBytes,
	}
	if days, err := f.days(); err == nil && len(days) > 0 {
		c.First, c.Last = days[0].Format(time.DateOnly), days[len(days)-1].Format(time.DateOnly)
	}
	return c
}
