package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

const benchBatch = 500

// BenchmarkWrite writes through the index and into bare logstorage by turns, four senders with batches of 500 events,
// so that both see the same machine; a turn is 100,000 events. It reports rows, processor time and bytes on disk of each, and the ratio of the rows.
func BenchmarkWrite(b *testing.B) {
	const turns, batches = 4, 200
	dir, bareDir := b.TempDir(), b.TempDir()
	x := start(b, Config{Dir: dir, Memory: 1 << 30}, func(uint64, []*event.Event) error { return nil })
	bare := logstorage.MustOpenStorage(filepath.Join(bareDir, "rows"),
		&logstorage.StorageConfig{Retention: 90 * 24 * time.Hour, FlushInterval: flushInterval})
	closeBare := sync.OnceFunc(bare.MustClose)
	defer closeBare()
	var behind, alone spent
	n := 0
	for b.Loop() {
		for range turns {
			writes := make([]index.Write, batches)
			for i := range writes {
				pos := ledger.Position{Stream: event.HashKey(fmt.Sprint(n % benchSenders))}
				writes[i] = numbered(pos, uint64(n*benchBatch), uint64((n+1)*benchBatch), time.Now().Add(-time.Hour))
				n++
			}
			behind.add(func() { writeIndex(b, x, writes) })
			alone.add(func() { writeBare(bare, writes) })
		}
	}
	rows := float64(n * benchBatch)
	if stats := x.Stats(); stats.Rows != uint64(rows) {
		b.Errorf("%d rows in the storage, %v written", stats.Rows, rows)
	}
	b.ReportMetric(rows/behind.wall.Seconds(), "rows/s")
	b.ReportMetric(rows/alone.wall.Seconds(), "bare-rows/s")
	b.ReportMetric(alone.wall.Seconds()/behind.wall.Seconds(), "of-bare")
	b.ReportMetric(behind.cpu.Seconds()*1e6/rows, "cpu-us/row")
	b.ReportMetric(alone.cpu.Seconds()*1e6/rows, "bare-cpu-us/row")
	b.ReportMetric(float64(x.Stats().LogBytes)/rows, "log-B/row")
	if err := x.Close(); err != nil { // all rows are on disk then
		b.Error(err)
	}
	closeBare()
	b.ReportMetric(float64(sizeOf(b, filepath.Join(dir, "rows")))/rows, "B/row")
	b.ReportMetric(float64(sizeOf(b, filepath.Join(bareDir, "rows")))/rows, "bare-B/row")
}

// sizeOf is how many bytes the files below a folder have.
func sizeOf(b *testing.B, dir string) (n int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	if err != nil {
		b.Error(err)
	}
	return n
}

const benchSenders = 4

// spent is time of the clock, and of the processors.
type spent struct{ wall, cpu time.Duration }

// add runs do when the work of the turn before is over: neither side pays for what the storage of the other merges.
func (s *spent) add(do func()) {
	runtime.GC()
	rest()
	begin, used := time.Now(), processorTime()
	do()
	s.wall += time.Since(begin)
	s.cpu += processorTime() - used
}

// rest waits until the process does next to nothing.
func rest() {
	const look = 50 * time.Millisecond
	for before := processorTime(); ; before = processorTime() {
		time.Sleep(look)
		if processorTime()-before < look/10 {
			return
		}
	}
}

func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// eachSender calls fn for all writes, from several goroutines.
func eachSender(writes []index.Write, fn func(n int)) {
	var wg sync.WaitGroup
	for s := range benchSenders {
		wg.Go(func() {
			for n := s; n < len(writes); n += benchSenders {
				fn(n)
			}
		})
	}
	wg.Wait()
}

func writeIndex(b *testing.B, x *Index, writes []index.Write) {
	var answers sync.WaitGroup
	answers.Add(len(writes))
	eachSender(writes, func(n int) {
		x.Write(context.Background(), writes[n], func(_ index.Result, err error) {
			if err != nil {
				b.Error(err)
			}
			answers.Done()
		})
	})
	answers.Wait()
}

func writeBare(s *logstorage.Storage, writes []index.Write) {
	eachSender(writes, func(n int) {
		rows := logstorage.GetLogRows(nil, nil, nil, nil, "")
		defer logstorage.PutLogRows(rows)
		var maker rowWriter
		at := time.Now().UnixNano()
		for i, it := range writes[n].Items {
			fields, _ := maker.columns(it.Event, uint64(n<<16+i))
			rows.MustAdd(tenant, at+int64(i), fields[1:], 1)
			if rows.NeedFlush() {
				s.MustAddRows(rows)
				rows.ResetKeepSettings()
			}
		}
		s.MustAddRows(rows)
	})
}

func BenchmarkSearch(b *testing.B) {
	x := start(b, Config{Dir: b.TempDir()}, nil)
	at := time.Now().Add(-time.Hour)
	for n := range uint64(400) {
		mustWrite(b, x, numbered(testPos, n*1000, (n+1)*1000, at))
	}
	run := func(name, text string, s index.Search, want int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := len(search(b, x, text, s)); got != want {
					b.Fatalf("%d events, want %d", got, want)
				}
			}
		})
	}
	run("newest", "", index.Search{Limit: 100}, 100)
	run("user", "user.name:averez AND process.name:sudo", index.Search{Limit: 100}, 100)
	run("word", "file399999", index.Search{}, 1)
	run("oldest", "", index.Search{Limit: 100, Oldest: true}, 100)
	run("none", "user.name:nobody", index.Search{}, 0)
	run("export", "", index.Search{Limit: -1}, 400_000)
}

func BenchmarkRecord(b *testing.B) {
	w := numbered(testPos, 0, benchBatch, time.Now())
	var enc recordWriter
	var rec []byte
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			rec = enc.encode(rec[:0], w.Ranges, w.Items, func(int) bool { return true }, benchBatch)
		}
		b.ReportMetric(float64(len(rec))/benchBatch, "B/event")
		b.ReportMetric(float64(len(enc.raw))/benchBatch, "raw-B/event")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeRecord(rec); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("guard", func(b *testing.B) {
		x := &Index{}
		x.cfg.setDefaults()
		for b.Loop() {
			for i := range w.Items {
				guard(w.Items[i].Event, time.Now(), x.cfg.Retention)
			}
		}
	})
}
