package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
)

// Ranges is what is needed of the ledger: what is known of a position, in order, without overlap.
type Ranges interface {
	Ranges(p ledger.Position) []batch.Range
}

const (
	// maxGaps bounds the gaps that are kept open. What would be one more stays pending until there is room.
	maxGaps = 100_000
	// maxGapsOf likewise bounds those of one certificate's name, so that nobody leaves no room for the gaps of others.
	maxGapsOf = maxGaps / 10
	// maxApart is how many gaps of one stream may open at once; more are one gap of several pieces, and one alert.
	maxApart = 8
	// steps is into how many parts the grace is divided: holes that showed in the same part are one.
	steps = 10
	// settle is how long, by the clock, a hole is waited for at least, after it was seen, after a pause of its queue, and
	// after the start: as long as an agent that was cut off may take to come again. A shorter grace counts instead.
	settle = time.Minute
	// saveEvery is how soon the holes that are no gaps yet are on the disk.
	saveEvery = 3 * time.Second
	// lookEvery is how soon what changed in the ledger without a batch is seen, of streams with gaps.
	lookEvery = 10 * time.Second
	// pruneEvery is how often gaps are forgotten that ended before the retention.
	pruneEvery = time.Hour
)

// Tracker watches the holes of all streams, and makes gaps of them.
type Tracker struct {
	fleet  *fleet.Fleet
	ledger Ranges
	grace  time.Duration
	log    *slog.Logger

	opened time.Time

	mu     sync.Mutex
	places map[ledger.Position]*place // where something is not accounted for
	gaps   map[string]*Gap            // that are open or accepted
	named  map[string]int             // how many of them are of one certificate's name
	stale  map[ledger.Position]bool   // whose holes are to be written
	looked time.Time
	saved  time.Time
	pruned time.Time
	full   bool // maxGaps was told

	documents // where several aggregators share them
}

// place is what is not accounted for of one position.
type place struct {
	holes []hole // that are no gaps, in order
	gaps  []*Gap
}

// hole is bytes that are not accounted for.
type hole struct {
	Piece
	Shown time.Time `json:"shown"` // when that was sealed which shows that they are, in steps of the grace
	Seen  time.Time `json:"seen"`  // by our clock, in steps likewise
}

// OpenTracker reads the gaps out of the fleet's file. Nothing is judged before Tick. Set may be nil; grace is 5 minutes if it
// is 0.
func OpenTracker(f *fleet.Fleet, l Ranges, grace time.Duration, now time.Time, log *slog.Logger, set *metrics.Set) (*Tracker, error) {
	if set == nil {
		set = metrics.NewSet()
	}
	t := &Tracker{
		fleet: f, ledger: l, grace: cmp.Or(grace, 5*time.Minute), log: log, opened: now,
		places: make(map[ledger.Position]*place), gaps: make(map[string]*Gap),
		named: make(map[string]int), stale: make(map[ledger.Position]bool),
	}
	if err := t.load(); err != nil {
		return nil, fmt.Errorf("read gaps: %w", err)
	}
	set.NewGauge("belfry_audit_gaps_open", func() float64 { n, _ := t.missing(); return float64(n) })
	set.NewGauge("belfry_audit_missing_bytes", func() float64 { _, n := t.missing(); return float64(n) })
	return t, nil
}

func (t *Tracker) load() error {
	err := t.fleet.DB().Each(fleet.BucketGaps, func(k, v []byte) error {
		g := new(Gap)
		if err := json.Unmarshal(v, g); err != nil {
			return fmt.Errorf("gap %s: %w", k, err)
		}
		if g.State == Open || g.State == Accepted {
			t.keep(g)
			pl := t.place(g.position())
			pl.gaps = append(pl.gaps, g)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.fleet.DB().Each(fleet.BucketHoles, func(k, v []byte) error {
		p, err := fleet.ParsePosition(k)
		if err != nil {
			return err
		}
		return json.Unmarshal(v, &t.place(p).holes)
	})
}

func (t *Tracker) keep(g *Gap) {
	if t.gaps[g.ID] == nil {
		t.named[g.Name]++
	}
	t.gaps[g.ID] = g
}

func (t *Tracker) drop(g *Gap) {
	if t.gaps[g.ID] == nil {
		return
	}
	delete(t.gaps, g.ID)
	if t.named[g.Name]--; t.named[g.Name] == 0 {
		delete(t.named, g.Name)
	}
}

// room reports whether there may be one more gap of an agent with this name.
func (t *Tracker) room(name string) bool { return len(t.gaps) < maxGaps && t.named[name] < maxGapsOf }

func (t *Tracker) place(p ledger.Position) *place {
	pl := t.places[p]
	if pl == nil {
		pl = new(place)
		t.places[p] = pl
	}
	return pl
}

// missing returns how many gaps are open and not accepted, and their bytes.
func (t *Tracker) missing() (gaps int, bytes uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.gaps {
		if g.State == Open {
			gaps++
			bytes = plus(bytes, g.Bytes)
		}
	}
	return gaps, bytes
}

// Tick judges what has changed. What it says, and the gaps that it says it of, are on the disk when it returns nil;
// after an error, the disk's, the next Tick judges again.
func (t *Tracker) Tick(ctx context.Context, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ready(ctx, now); err != nil {
		return err
	}
	if err := t.tick(ctx, now); err != nil {
		return errors.Join(err, t.undo())
	}
	return nil
}

func (t *Tracker) tick(ctx context.Context, now time.Time) error {
	c := changes{gaps: make(map[string]*Gap)}
	for p := range t.due(now) {
		if err := t.judge(ctx, p, now, &c); err != nil {
			return err
		}
	}
	if now.Sub(t.pruned) >= pruneEvery {
		if err := errors.Join(t.prune(ctx, now, &c), t.fleet.Prune(now)); err != nil {
			return err
		}
		t.pruned = now
	}
	if len(c.says) == 0 && len(c.gaps) == 0 && len(c.puts) == 0 && now.Sub(t.saved) < saveEvery {
		return nil
	}
	for p := range t.stale {
		c.puts = append(c.puts, t.putHoles(p))
	}
	if err := t.write(ctx, now, &c); err != nil {
		return err
	}
	clear(t.stale)
	t.saved = now
	return nil
}

// undo makes the gaps what the file has them, after they could not be written; then all is judged again.
func (t *Tracker) undo() error {
	if t.docs != nil {
		t.lost = true
		return nil // see ready
	}
	t.places, t.gaps, t.named = make(map[ledger.Position]*place), make(map[string]*Gap), make(map[string]int)
	clear(t.stale)
	t.looked = time.Time{}
	t.fleet.TouchAll()
	return t.load()
}

// due returns the positions to judge: those that have changed, those with holes that may have become gaps, and from time
// to time those with gaps.
func (t *Tracker) due(now time.Time) map[ledger.Position]struct{} {
	all := make(map[ledger.Position]struct{})
	for _, p := range t.fleet.Touched() {
		all[p] = struct{}{}
	}
	look := now.Sub(t.looked) >= lookEvery
	if look {
		t.looked = now
	}
	for p, pl := range t.places {
		if len(pl.holes) > 0 || look {
			all[p] = struct{}{}
		}
	}
	return all
}

// judge compares what has arrived at a position with what there is.
func (t *Tracker) judge(ctx context.Context, p ledger.Position, now time.Time, c *changes) error {
	st, ok := t.fleet.Stream(p, now)
	switch {
	case t.elsewhere(p, &st, ok):
		t.leave(p)
		return nil
	case !ok || !st.Fresh:
		t.abandon(p, now, c)
		return nil
	}
	if err := t.makeSure(ctx, &st, now); err != nil {
		return err
	}
	ranges := t.ranges(&st)
	open, dropped := holes(ranges, st.End), ofKind(ranges, batch.Dropped)
	pl := t.places[p]
	if len(open) == 0 && len(dropped) == 0 && pl == nil {
		return nil // as nearly all
	}
	pl = t.place(p)
	pl.gaps = slices.DeleteFunc(pl.gaps, func(g *Gap) bool {
		if g.Reason == ReasonDropped {
			return t.shrink(g, dropped, now, c)
		}
		return t.shrink(g, open, now, c)
	})
	t.open(&st, pl, ReasonDropped, minus(dropped, pl.known(ReasonDropped)), now, c)
	sent := both(open, []Piece{{0, st.Taken}}) // what its agent still has is on no road
	ripe := t.ripen(&st, pl, minus(sent, pl.known(ReasonMissing)), now)
	t.open(&st, pl, ReasonMissing, ripe, now, c)
	if len(pl.gaps) == 0 && len(open) == 0 { // what is open is looked at again: it may be that nobody speaks of it any more
		delete(t.places, p)
	}
	return nil
}

// ranges returns what the ledger knows of a stream. Where that is further than the fleet does, as after a kill, it counts.
func (t *Tracker) ranges(st *fleet.Stream) []batch.Range {
	ranges := t.ledger.Ranges(st.Pos)
	if n := len(ranges); n > 0 {
		st.Seen = max(st.Seen, ranges[n-1].End)
		st.End = max(st.End, st.Seen)
	}
	return ranges
}

// known returns the pieces of the gaps that there are for a reason.
func (pl *place) known(reason string) (all []Piece) {
	for _, g := range pl.gaps {
		if g.Reason == reason {
			all = append(all, g.Pieces...)
		}
	}
	return joined(all)
}

// shrink takes out of a gap what is not open any more. It reports whether nothing is left.
func (t *Tracker) shrink(g *Gap, open []Piece, now time.Time, c *changes) (closed bool) {
	left := both(g.Pieces, open)
	if slices.Equal(left, g.Pieces) {
		return false
	}
	g.Pieces, g.Bytes = left, size(left)
	if len(left) == 0 {
		g.State, g.Ended = Closed, now
		t.drop(g)
		c.say(g, g.event(now, "gap-closed"))
	}
	c.gaps[g.ID] = g
	return len(left) == 0
}

// ripen notes which bytes are in holes, and returns those that are for longer than the grace, in the time of the queue.
func (t *Tracker) ripen(st *fleet.Stream, pl *place, open []Piece, now time.Time) (ripe []Piece) {
	if st.Now.IsZero() {
		return nil // the batch that this was learned from is still to be noted
	}
	var next []hole
	old := make([]Piece, len(pl.holes))
	for i, h := range pl.holes {
		old[i] = h.Piece
		for _, p := range both(open, []Piece{h.Piece}) {
			if t.isRipe(st, h, now) && t.room(st.Name) {
				ripe = append(ripe, p)
				continue
			}
			next = append(next, hole{p, h.Shown, h.Seen})
		}
	}
	for _, p := range minus(open, joined(old)) {
		next = append(next, hole{p, t.step(shown(st, p, now)), t.step(now)})
	}
	slices.SortFunc(next, func(x, y hole) int { return cmp.Compare(x.First, y.First) })
	next = merged(next)
	if !slices.Equal(next, pl.holes) {
		pl.holes = next
		t.stale[st.Pos] = true
	}
	return joined(ripe)
}

// isRipe reports whether a hole is a gap.
func (t *Tracker) isRipe(st *fleet.Stream, h hole, now time.Time) bool {
	since := later(later(h.Seen, st.Back), t.opened)
	return !st.Now.Before(h.Shown.Add(t.grace)) && !now.Before(since.Add(max(st.Wait, min(t.grace, settle))))
}

// shown returns when that was sealed which shows that bytes are not accounted for: what came behind them, or the
// heartbeat that names their end. That comes by another queue than what is relayed, and may be far ahead of it. It is never
// later than now: a clock that is ahead must not make a hole wait.
func shown(st *fleet.Stream, p Piece, now time.Time) time.Time {
	at := st.Now
	if _, until := st.Between(p.First, p.End); !until.IsZero() {
		at = until
	} else if !st.Beat.IsZero() {
		at = st.Beat
	}
	if at.After(now) {
		return now
	}
	return at
}

// step returns the end of the step of the grace that a time is in: late rather than early, so that what is seen in one
// step is one hole.
func (t *Tracker) step(at time.Time) time.Time {
	n := max(t.grace/steps, 1)
	return at.Truncate(n).Add(n)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// merged joins neighbours of the same step.
func merged(all []hole) []hole {
	var out []hole
	for _, h := range all {
		if n := len(out) - 1; n >= 0 && out[n].End == h.First && out[n].Shown.Equal(h.Shown) && out[n].Seen.Equal(h.Seen) {
			out[n].End = h.End
			continue
		}
		out = append(out, h)
	}
	return out
}

// open makes gaps of pieces, or lengthens the one that they go on from.
func (t *Tracker) open(st *fleet.Stream, pl *place, reason string, pieces []Piece, now time.Time, c *changes) {
	var apart [][]Piece
	for _, p := range pieces {
		switch g := pl.endingAt(reason, p.First); {
		case g != nil:
			t.lengthen(g, st, p, now, c)
		case len(pieces) > maxApart && len(apart) > 0:
			apart[0] = append(apart[0], p)
		default:
			apart = append(apart, []Piece{p})
		}
	}
	for _, pieces := range apart {
		if !t.room(st.Name) {
			if !t.full {
				t.full = true
				t.log.Error("there are more gaps than are kept", "most", maxGaps, "name", st.Name, "of it", t.named[st.Name])
			}
			return
		}
		t.add(st, pl, reason, pieces, now, c)
	}
}

// lengthen makes a gap reach further. It is said when the gap has doubled.
func (t *Tracker) lengthen(g *Gap, st *fleet.Stream, p Piece, now time.Time, c *changes) {
	g.Pieces = joined(append(g.Pieces, p))
	g.End, g.Bytes = p.End, size(g.Pieces)
	t.drop(g) // its name may be another now
	t.describe(g, st)
	t.keep(g)
	if g.Bytes >= 2*g.Told {
		g.Told = g.Bytes
		c.say(g, g.event(now, "gap-grown"))
	}
	c.gaps[g.ID] = g
}

// add makes a gap of pieces.
func (t *Tracker) add(st *fleet.Stream, pl *place, reason string, pieces []Piece, now time.Time, c *changes) {
	g := &Gap{
		ID: gapID(st.Pos, reason, pieces[0].First), State: Open, Reason: reason, Agent: st.Pos.Agent, Stream: st.Pos.Stream,
		Epoch: st.Pos.Epoch, First: pieces[0].First, End: pieces[len(pieces)-1].End, Bytes: size(pieces), Pieces: pieces,
		Opened: now, Told: size(pieces),
	}
	t.describe(g, st)
	t.keep(g)
	pl.gaps = append(pl.gaps, g)
	c.say(g, g.event(now, "gap-opened"))
	c.gaps[g.ID] = g
	t.log.Warn("gap", "host", g.Host, "path", g.Path, "first", g.First, "end", g.End, "bytes", g.Bytes, "reason", reason, "id", g.ID)
}

func (t *Tracker) describe(g *Gap, st *fleet.Stream) {
	g.Host, g.Name, g.Path = st.Host, st.Name, st.Path
	g.Exact = g.Reason == ReasonDropped || st.Final || g.End <= st.Seen
	g.Since, g.Until = st.Between(g.First, g.End)
}

// endingAt returns the open gap that ends at an offset.
func (pl *place) endingAt(reason string, end uint64) *Gap {
	for _, g := range pl.gaps {
		if g.Reason == reason && g.State == Open && g.Pieces[len(g.Pieces)-1].End == end {
			return g
		}
	}
	return nil
}

// abandon drops what was watched of a position that is not judged any more.
func (t *Tracker) abandon(p ledger.Position, now time.Time, c *changes) {
	pl := t.places[p]
	if pl == nil {
		return
	}
	for _, g := range pl.gaps {
		g.State, g.Ended = Gone, now
		t.drop(g)
		c.gaps[g.ID] = g
	}
	delete(t.places, p)
	t.stale[p] = true
}

func (t *Tracker) putHoles(p ledger.Position) fleet.Put {
	put := fleet.Put{Bucket: fleet.BucketHoles, Key: fleet.PositionKey(p)}
	if pl := t.places[p]; pl != nil && len(pl.holes) > 0 {
		put.Value, _ = json.Marshal(pl.holes) // of numbers and times: it cannot fail
	}
	return put
}

// prune forgets the gaps that ended before the retention.
func (t *Tracker) prune(ctx context.Context, now time.Time, c *changes) error {
	if t.docs != nil {
		return t.pruneShared(ctx, now)
	}
	return t.fleet.DB().Each(fleet.BucketGaps, func(k, v []byte) error {
		var g Gap
		if err := json.Unmarshal(v, &g); err != nil {
			return fmt.Errorf("gap %s: %w", k, err)
		}
		if !g.Ended.IsZero() && now.Sub(g.Ended) > t.fleet.Retention() {
			c.puts = append(c.puts, fleet.Put{Bucket: fleet.BucketGaps, Key: slices.Clone(k)})
		}
		return nil
	})
}
