package embedded

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/shared/event"
)

// addRows puts the rows of a group into the storage, in several goroutines: most of the storage's work is done in the
// one that adds.
func (x *Index) addRows(group []*pending) {
	x.adding.Lock()
	defer x.adding.Unlock()
	x.beginDay()
	var next atomic.Int64
	take := func(a *adder) {
		for k := next.Add(1); k <= int64(len(group)); k = next.Add(1) {
			a.addWrite(group[k-1])
		}
		a.flush()
	}
	var wg sync.WaitGroup
	for _, a := range x.adders[1:min(len(group), len(x.adders))] {
		wg.Go(func() { take(a) })
	}
	take(x.adders[0])
	wg.Wait()
}

// beginDay forgets the hosts and the names of another day.
func (x *Index) beginDay() {
	if !x.hosts.begin(x.now()) {
		return
	}
	x.sets.reset()
	for _, a := range x.adders {
		clear(a.sets)
	}
}

// adder adds rows to the storage. It is not safe for concurrent use.
type adder struct {
	x     *Index
	bins  []*bin // the one that was used last is the first
	maker rowWriter
	sets  knownSets
}

// bin is what an adder has for a shelf.
type bin struct {
	shelf *shelf
	rows  *logstorage.LogRows // that wait to be enough
	dirty map[int64]bool      // days, since 1970, that got rows since the last checkpoint
}

// maxAdders bounds the goroutines of addRows: the storage itself has as many locks as there are processors.
const maxAdders = 8

func newAdders(x *Index) []*adder {
	all := make([]*adder, min(runtime.GOMAXPROCS(0), maxAdders))
	for i := range all {
		all[i] = &adder{x: x, sets: make(knownSets)}
	}
	return all
}

func (a *adder) addWrite(p *pending) {
	for i, k := range p.fresh {
		a.add(p.shelf(k), p.times[k], p.w.Items[k].Event, rowPosition(p.result.Position, i))
	}
}

var tenant logstorage.TenantID // there is one

// bin returns that of a shelf.
func (a *adder) bin(f *shelf) *bin {
	for i, b := range a.bins {
		if b.shelf == f {
			a.bins[0], a.bins[i] = b, a.bins[0]
			return b
		}
	}
	b := &bin{f, logstorage.GetLogRows(nil, nil, nil, nil, ""), make(map[int64]bool)}
	a.bins = append(a.bins, b)
	return b
}

// add adds a row to those that wait, and hands these to the shelf's storage if they are enough.
func (a *adder) add(f *shelf, ts int64, e *event.Event, position uint64) {
	b := a.bin(f)
	fields, host := a.maker.columns(e, position)
	set := a.sets.find(a.x.sets, fields)
	fields[0].Value = set.id
	stream := 1
	if host && set.usual && a.x.hosts.has(fields[1].Value) {
		stream = 2
	}
	b.rows.MustAdd(tenant, ts, fields, stream)
	b.dirty[ts/int64(24*time.Hour)] = true
	if b.rows.NeedFlush() {
		b.flush()
	}
}

func (a *adder) flush() {
	for _, b := range a.bins {
		b.flush()
	}
}

func (b *bin) flush() {
	if b.rows.RowsCount() == 0 {
		return
	}
	b.shelf.storage.MustAddRows(b.rows)
	b.rows.ResetKeepSettings()
	b.shelf.fresh.Store(true)
}

// maxHosts bounds the hosts of a day whose rows are kept together. Names of hosts come out of log lines too, and
// logstorage slows down where there is no end of them.
const maxHosts = 50_000

// hostSet holds the hosts of a day. has is safe for concurrent use.
type hostSet struct {
	day   int64
	names sync.Map // of string
	count atomic.Int64
}

// begin forgets the hosts of another day, and reports whether it is another.
func (s *hostSet) begin(now time.Time) bool {
	day := now.Unix() / 86400
	if day == s.day {
		return false
	}
	s.day = day
	s.names.Clear()
	s.count.Store(0)
	return true
}

// has reports whether the rows of a host are kept together: those of about the first maxHosts names of a day are.
func (s *hostSet) has(name string) bool {
	if _, ok := s.names.Load(name); ok {
		return true
	}
	if s.count.Load() >= maxHosts {
		return false
	}
	if _, ok := s.names.LoadOrStore(strings.Clone(name), true); !ok {
		s.count.Add(1)
	}
	return true
}
