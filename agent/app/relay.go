package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship"
	"belfry/agent/spool"
	"belfry/shared/batch"
	"belfry/shared/heartbeat"
)

// Classes of what is relayed, unless the listener has one of its own.
const (
	classAuth    = "auth" // of the facilities auth and authpriv
	classDefault = "default"
)

// drainSpool is how long, at a stop, what lies in the spool may still be sent. What is left is sent after the next start.
const drainSpool = 2 * time.Second

// relay brings what the syslog listeners take to the spool, and from there to ship. A message is in the outlet of its lane
// and class; the lane is that of its sender, so that the messages of one sender stay in their order.
type relay struct {
	src     file.Source
	spool   *spool.Spool
	dir     string
	log     *slog.Logger
	lanes   int
	outlets map[string]*outlet // by name; fixed after opening
	ended   chan struct{}      // closed when the listeners have stopped
	stop    func()
	scratch sync.Pool // of *[]byte
	cuts    *cutOffs
	dropped func() uint64 // counts what was lost before it could be kept
	roadErr func() error  // why nothing can be sent
}

// outletName is the name of an outlet's folder in the spool.
func outletName(lane int, class string) string { return strconv.Itoa(lane) + "-" + class }

// openRelay opens the spool, and an outlet for each lane and class. shippers has one for each lane, the first one's at least;
// what an earlier configuration left in more lanes goes by the first.
func openRelay(dir string, cfg spool.Config, classes []string, src file.Source, shippers []*ship.Shipper, log *slog.Logger, set *metrics.Set) (*relay, error) {
	last, kept := lastKept(dir), time.Time{}
	sp, err := spool.Open(dir, cfg, log, set)
	if err != nil {
		return nil, err
	}
	r := &relay{
		src: src, spool: sp, dir: dir, log: log, lanes: len(shippers), outlets: make(map[string]*outlet), ended: make(chan struct{}),
		scratch: sync.Pool{New: func() any { return new([]byte) }},
	}
	r.stop = sync.OnceFunc(func() { close(r.ended) })
	names, err := spool.Names(dir)
	if err != nil {
		return nil, errors.Join(err, sp.Close())
	}
	for lane := range shippers {
		for _, class := range classes {
			names = append(names, outletName(lane, class))
		}
	}
	for _, name := range names {
		if err := r.open(name, shippers); err != nil {
			return nil, errors.Join(err, sp.Close())
		}
	}
	for _, o := range r.outlets {
		if m, err := readKept(o.queue.Newest()); err == nil && m.Received.After(kept) {
			kept = m.Received
		}
	}
	if !kept.IsZero() {
		last = kept // the files may have been touched later, when nothing could be kept any more
	}
	if r.cuts, err = openCutOffs(dir, last); err != nil { // at last: a start that fails is none
		return nil, errors.Join(err, sp.Close())
	}
	return r, nil
}

func (r *relay) open(name string, shippers []*ship.Shipper) error {
	if r.outlets[name] != nil {
		return nil
	}
	digits, class, ok := strings.Cut(name, "-")
	lane, err := strconv.Atoi(digits)
	if !ok || err != nil || lane < 0 {
		return fmt.Errorf("spool: the folder %s is none of ours: move it away", filepath.Join(r.dir, name))
	}
	if lane >= len(shippers) {
		lane = 0
	}
	q, err := r.spool.Queue(name)
	if err != nil {
		return err
	}
	r.outlets[name] = newOutlet(name, class, q, r.src, shippers[lane], r.log)
	return nil
}

// Close brings everything to the disk. left says that the listeners had to leave something when they stopped.
func (r *relay) Close(left bool) error {
	err := r.spool.Close()
	if err == nil {
		err = r.cuts.end(left)
	}
	return err
}

// Run sends what lies in the spool until the listeners have stopped, and a little longer.
func (r *relay) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	errs := make(chan error, len(r.outlets)+1)
	keep, endKeep := context.WithCancel(ctx)
	defer endKeep()
	var keeping sync.WaitGroup
	keeping.Go(func() { errs <- r.spool.Run(keep) })
	keeping.Go(func() { r.count(keep) })
	for _, o := range r.outlets {
		all.Go(func() {
			err := o.run(ctx)
			if err != nil && ctx.Err() == nil {
				cancel()
			}
			errs <- err
		})
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
	for _, o := range r.outlets {
		o.queue.End()
	}
	if r.roadErr != nil && r.roadErr() != nil {
		cancel() // it waits where it is
	}
	defer time.AfterFunc(drainSpool, cancel).Stop()
	all.Wait()
	endKeep()
	keeping.Wait()
	close(errs)
	var real []error
	for err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ship.ErrClosed) {
			real = append(real, err)
		}
	}
	return errors.Join(real...)
}

// countEvery is how often the number of what was dropped is brought to the disk, if nobody could be told.
const countEvery = time.Second

func (r *relay) count(ctx context.Context) {
	if r.dropped == nil {
		return
	}
	t := time.NewTicker(countEvery)
	defer t.Stop()
	for told := false; ; {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		r.dropped()
		if err := r.cuts.keep(); err != nil && !told {
			r.log.Warn("the number of dropped messages cannot be kept", "err", err)
			told = true
		}
	}
}

// confirmed notes what the receiver has taken.
func (r *relay) confirmed(s batch.Stream) {
	for _, o := range r.outlets {
		if o.stream == s.ID {
			o.confirmed(s)
		}
	}
}

// ends says how far each outlet reaches.
func (r *relay) ends() (all []heartbeat.Stream) {
	for _, o := range r.outlets {
		all = append(all, o.ends()...)
	}
	slices.SortFunc(all, func(a, b heartbeat.Stream) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// status says how the relay is.
func (r *relay) status(inputs []*syslog.Input) *RelayStatus {
	s := &RelayStatus{Stuck: r.spool.Stuck(), Messages: syslog.Taken(inputs), Dropped: syslog.Dropped(inputs), Spool: r.spool.Waiting()}
	for _, in := range inputs {
		s.Listeners = append(s.Listeners, in.String())
	}
	for _, name := range slices.Sorted(maps.Keys(r.outlets)) {
		q := QueueStatus{Name: name, Lost: r.outlets[name].queue.Lost()}
		for _, reach := range r.outlets[name].queue.Reach() {
			q.Behind += reach.End - reach.Cursor
			if q.Since.IsZero() {
				q.Since = reach.Since
			}
		}
		s.Queues = append(s.Queues, q)
	}
	return s
}
