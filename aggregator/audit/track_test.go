package audit

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

const (
	grace  = 100 * time.Second
	silent = 200 * time.Second
	lane   = "belfry.events.00"
)

var (
	watched = ledger.Position{Agent: event.HashKey("web01"), Stream: event.HashKey("auth.log"), Epoch: 3}
	other   = event.HashKey("db01")
	quiet   = slog.New(slog.DiscardHandler)
	self    = event.HashKey("self")
)

// town is a ledger, a fleet and a tracker in a time of their own.
type town struct {
	t      interface{ Fatal(...any) }
	dir    string
	now    time.Time
	ledger *ledger.Ledger
	fleet  *fleet.Fleet
	gaps   *Tracker
	log    uint64 // positions of the index's log
}

func newTown(t interface{ Fatal(...any) }, dir string) *town {
	w := &town{t: t, dir: dir, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), ledger: ledger.New()}
	w.open()
	return w
}

func (w *town) open() {
	var err error
	w.fleet, err = fleet.Open(fleet.Config{Path: filepath.Join(w.dir, "fleet.db"), Self: self, SilenceAfter: silent}, w.now, quiet, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.gaps, err = OpenTracker(w.fleet, w.ledger, grace, w.now, quiet, nil); err != nil {
		w.t.Fatal(err)
	}
}

// restart ends the process, in order or by a kill, and begins a new one.
func (w *town) restart(kill bool) {
	var err error
	if kill {
		err = w.fleet.DB().Close()
	} else {
		err = w.fleet.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.open()
	w.fleet.Adopt(w.ledger, w.now)
}

func (w *town) tick() {
	if err := errors.Join(w.fleet.Tick(w.now), w.gaps.Tick(context.Background(), w.now)); err != nil {
		w.t.Fatal(err)
	}
}

// deliver makes a batch of one range durable.
func (w *town) deliver(p ledger.Position, r batch.Range) {
	if err := w.ledger.Add(p, r.Kind, r.First, r.End); err != nil {
		w.t.Fatal(err)
	}
	w.speak(p.Agent, batch.Stream{ID: p.Stream, Epoch: p.Epoch, Ranges: []batch.Range{r}})
}

// speak is a batch, of whatever streams.
func (w *town) speak(agent event.Key, streams ...batch.Stream) {
	m := &batch.Manifest{Agent: agent, Boot: event.HashKey("boot", agent.String()), Sealed: w.now, Streams: streams}
	w.fleet.Batch(m, "agent-"+map[event.Key]string{watched.Agent: "web01", other: "db01"}[agent], lane, w.now)
}

// beat is a heartbeat that names the end of the watched stream.
func (w *town) beat(end uint64) {
	h := heartbeat.Heartbeat{Streams: []heartbeat.Stream{{ID: watched.Stream, Epoch: watched.Epoch, Path: "/var/log/auth.log", End: end}}}
	var e event.Event
	if err := h.Put(&e); err != nil {
		w.t.Fatal(err)
	}
	e.Set("agent.id", watched.Agent.String())
	e.Set("agent.name", "agent-web01")
	e.Set("host.name", "web01")
	e.Set("event.created", w.now.Format(time.RFC3339Nano))
	w.log++
	if err := w.fleet.Process(w.log, []*event.Event{&e}); err != nil {
		w.t.Fatal(err)
	}
	w.speak(watched.Agent)
}

// unsaid returns what is to be said, as ACTION ID.
func (w *town) unsaid() (all []string) {
	list, err := w.fleet.DB().Unsaid(1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range list {
		if o.Event.Get("event.dataset") == Dataset {
			all = append(all, o.Event.Get("event.action")+" "+o.Event.Get("belfry.gap.id"))
		}
	}
	return all
}

// file returns what the audit tells of the watched stream.
func (w *town) file() (f *File) {
	err := w.gaps.Report(context.Background(), watched.Agent.String(), true, w.now, func(l Line) error {
		if l.File != nil && l.File.Stream == watched.Stream.String() {
			f = l.File
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// fates are what becomes of a part of the stream. A byte that is lost never comes before the end of the test.
var fates = []batch.Kind{batch.Data, batch.Data, batch.Data, batch.Dead, batch.Dropped, batch.Skipped, ""}

const lost = batch.Kind("")

// model is what must be told of the watched stream.
type model struct {
	got     [span]batch.Kind // what has arrived
	end     int              // known
	noticed [span]time.Time  // in the queue's time, since when a byte is not accounted for
	missing [span]bool       // said to be, at the last look
	time    time.Time        // of the queue
	seen    [span]time.Time  // likewise, by the clock
	back    time.Time        // by the clock, after a pause or a restart
	came    time.Time
}

func (m *model) spoke(now time.Time) {
	m.time = now // nobody's clock is ahead here, and everybody speaks in order
	if now.Sub(m.came) > silent/2 {
		m.back = now
	}
	m.came = now
}

func (m *model) notice(now time.Time) {
	for i := range m.end {
		if m.got[i] != lost {
			m.noticed[i] = time.Time{}
		} else if m.noticed[i].IsZero() {
			m.noticed[i], m.seen[i] = m.time, now
		}
	}
}

// check compares what the tracker says of each byte with what it may and must say.
func (m *model) check(t *rapid.T, w *town) {
	f := w.file()
	if f == nil {
		if m.end > 0 {
			t.Fatalf("nothing is told of %d bytes", m.end)
		}
		return
	}
	if int(f.End) != m.end {
		t.Fatalf("end %d, want %d", f.End, m.end)
	}
	for _, p := range f.Parts {
		for i := p.First; i < p.End; i++ {
			if want, ok := kinds[m.got[i]]; ok {
				if p.Kind != want {
					t.Fatalf("byte %d is %s, want %s", i, p.Kind, want)
				}
				continue
			}
			was := m.missing[i]
			m.missing[i] = p.Kind == Missing
			due := min(m.time.Sub(m.noticed[i]), w.now.Sub(later(m.seen[i], m.back))+grace-settle)
			switch {
			case was && p.Kind != Missing:
				t.Fatalf("byte %d was missing, and is %s", i, p.Kind)
			case was:
			case p.Kind == Missing && due < grace:
				t.Fatalf("byte %d is missing after %v of data", i, due)
			case p.Kind == Pending && due >= grace+grace/steps+time.Second:
				t.Fatalf("byte %d is pending after %v of data", i, due)
			case p.Kind != Missing && p.Kind != Pending:
				t.Fatalf("byte %d is %s, and never came", i, p.Kind)
			}
		}
	}
}

// Whatever is removed, delayed, declared, killed: the audit names exactly the bytes that are missing, gaps open only when
// the data of the queue has moved on by the grace, each is said once, and all close when all has come.
func TestTheAuditNamesExactlyWhatIsMissing(t *testing.T) {
	base := memory(t)
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		w := newTown(t, dir)
		defer func() {
			if err := w.fleet.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		m := &model{}
		part := func() (first, end int) {
			first = rapid.IntRange(0, span-1).Draw(t, "first")
			return first, rapid.IntRange(first+1, min(first+12, span)).Draw(t, "end")
		}
		put := func(first, end int, kind batch.Kind) {
			w.deliver(watched, batch.Range{Kind: kind, First: uint64(first), End: uint64(end)})
			for i, r := range ranked(w.ledger.Ranges(watched)) {
				m.got[i] = r
			}
			m.end = max(m.end, end)
			m.spoke(w.now)
		}
		rapidSteps := rapid.IntRange(1, 30).Draw(t, "steps")
		for range rapidSteps {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "wait")) * time.Second)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1: // a part of the stream, in whatever order
				first, end := part()
				kind := rapid.SampledFrom(fates).Draw(t, "fate")
				if kind == lost {
					break
				}
				put(first, end, kind)
			case 2:
				end := rapid.IntRange(0, span).Draw(t, "said")
				w.beat(uint64(end))
				m.end = max(m.end, end)
				m.spoke(w.now)
			case 3: // others go on
				w.speak(other)
				m.spoke(w.now)
			case 4: // nobody speaks
			case 5:
				w.restart(false)
				m.back = w.now
			}
			w.tick()
			m.notice(w.now)
			m.check(t, w)
		}
		// The queue moves on: all that has not come is missing.
		for range 30 {
			w.now = w.now.Add(10 * time.Second)
			w.speak(other)
			m.spoke(w.now)
			w.tick()
			m.notice(w.now)
		}
		m.check(t, w)
		if f := w.file(); f != nil && f.Pending > 0 {
			t.Fatalf("%d bytes are pending still: %+v", f.Pending, f)
		}
		// Then it comes after all.
		if m.end > 0 {
			put(0, m.end, batch.Data)
		}
		w.tick()
		if open, err := w.gaps.Gaps(context.Background(), false); err != nil || len(open) > 0 {
			t.Fatalf("%v, still open: %+v", err, open)
		}
		saidOnce(t, w)
	})
}

// memory returns a folder for files that are synced often: in memory where there is such a place.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "belfry-audit")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// ranked returns the kind of each byte.
func ranked(ranges []batch.Range) (got [span]batch.Kind) {
	for _, r := range ranges {
		for i := r.First; i < r.End; i++ {
			got[i] = r.Kind
		}
	}
	return got
}

// saidOnce asks that every gap was said to open once and to close once.
func saidOnce(t interface{ Fatalf(string, ...any) }, w *town) {
	all, err := w.gaps.Gaps(context.Background(), true)
	if err != nil {
		t.Fatalf("%v", err)
	}
	said := w.unsaid()
	count := func(what string) (n int) {
		for _, s := range said {
			if s == what {
				n++
			}
		}
		return n
	}
	for _, g := range all {
		if n := count("gap-opened " + g.ID); n != 1 {
			t.Fatalf("gap %s was said to open %d times: %v", g.ID, n, said)
		}
		want := 0
		if g.State == Closed {
			want = 1
		}
		if n := count("gap-closed " + g.ID); n != want {
			t.Fatalf("gap %s, %s, was said to close %d times: %v", g.ID, g.State, n, said)
		}
	}
}

// goOn lets the queue's time pass, by what another agent sends.
func (w *town) goOn(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(10 * time.Second)
		w.speak(other)
		w.tick()
	}
}

func (w *town) want(t *testing.T, all bool, want ...string) {
	t.Helper()
	list, err := w.gaps.Gaps(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range list {
		got = append(got, fmt.Sprintf("%s %s %s [%d,%d) %d", g.State, g.Host, g.Path, g.First, g.End, g.Bytes))
	}
	if !slices.Equal(got, want) {
		t.Errorf("gaps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func data(first, end uint64) batch.Range {
	return batch.Range{Kind: batch.Data, First: first, End: end}
}

func TestGapKeepsItsIDWhileItShrinks(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer w.fleet.Close()
	w.deliver(watched, data(0, 100))
	w.now = w.now.Add(20 * time.Second)
	w.beat(100)
	before := w.now
	w.deliver(watched, data(300, 400))
	w.goOn(grace / 2)
	w.want(t, false)
	w.goOn(grace)
	w.want(t, false, "open web01 /var/log/auth.log [100,300) 200")
	list, _ := w.gaps.Gaps(context.Background(), false)
	g := list[0]
	if !g.Exact || !g.Until.Equal(before) || g.Since.IsZero() || g.Since.After(g.Until) {
		t.Errorf("%+v, want it until %v", g, before)
	}
	w.deliver(watched, data(150, 200))
	w.tick()
	w.want(t, false, "open web01 /var/log/auth.log [100,300) 150")
	w.restart(true) // killed
	w.deliver(watched, data(100, 150))
	w.goOn(10 * time.Second)
	w.want(t, false, "open web01 /var/log/auth.log [100,300) 100")
	if list, _ := w.gaps.Gaps(context.Background(), false); list[0].ID != g.ID {
		t.Errorf("id %s, was %s", list[0].ID, g.ID)
	}
	w.deliver(watched, data(200, 300))
	w.tick()
	w.want(t, false)
	w.want(t, true, "closed web01 /var/log/auth.log [100,300) 0")
	saidOnce(t, w)
}

// A tail that was cut off grows into one gap, not into one a heartbeat.
func TestCutTailIsOneGap(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer w.fleet.Close()
	w.deliver(watched, data(0, 100))
	for end := uint64(200); end <= 3200; end += 100 {
		w.beat(end)
		w.goOn(30 * time.Second)
	}
	w.goOn(2 * grace)
	w.want(t, false, "open web01 /var/log/auth.log [100,3200) 3100")
	grown := 0
	for _, s := range w.unsaid() {
		if strings.HasPrefix(s, "gap-grown") {
			grown++
		}
	}
	if list, _ := w.gaps.Gaps(context.Background(), false); grown > 6 || list[0].Exact {
		t.Errorf("told %d times that it grew, exact %v", grown, list[0].Exact)
	}
	saidOnce(t, w)
}

func TestAccepted(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.fleet.Close() }()
	w.beat(50)
	w.goOn(2 * grace)
	list, _ := w.gaps.Gaps(context.Background(), false)
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	id := list[0].ID
	if _, err := w.gaps.Accept(t.Context(), id, "alice", " ", w.now); !errors.Is(err, ErrNoReason) {
		t.Errorf("%v", err)
	}
	if _, err := w.gaps.Accept(t.Context(), "x", "alice", "why", w.now); !errors.Is(err, ErrNoGap) {
		t.Errorf("%v", err)
	}
	if g, err := w.gaps.Accept(t.Context(), id[:6], "alice", "disk was replaced", w.now); err != nil || g.ID != id || g.State != Accepted {
		t.Errorf("%+v, %v", g, err)
	}
	w.restart(true)
	w.tick()
	w.want(t, false)
	w.want(t, true, "accepted web01 /var/log/auth.log [0,50) 50")
	if f := w.file(); f.Missing != 0 || f.Accepted != 50 {
		t.Errorf("%+v", f)
	}
	// What is missing beyond it was not accepted.
	w.beat(80)
	w.goOn(2 * grace)
	w.want(t, false, "open web01 /var/log/auth.log [50,80) 30")
	if f := w.file(); f.Missing != 30 || f.Accepted != 50 || len(f.Parts) != 2 {
		t.Errorf("%+v", f)
	}
	w.deliver(watched, data(0, 80))
	w.tick()
	w.want(t, true, "closed web01 /var/log/auth.log [0,50) 0", "closed web01 /var/log/auth.log [50,80) 0")
}

// What an agent declares to be lost is a gap at once, and each loss is said once.
func TestDeclaredLoss(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.fleet.Close() }()
	w.deliver(watched, data(0, 10))
	w.deliver(watched, batch.Range{Kind: batch.Dropped, First: 10, End: 20})
	w.deliver(watched, batch.Range{Kind: batch.Skipped, First: 20, End: 30})
	w.tick()
	w.restart(true)
	w.deliver(watched, data(30, 40))
	w.deliver(watched, batch.Range{Kind: batch.Dropped, First: 40, End: 41})
	w.tick()
	w.tick()
	list, _ := w.gaps.Gaps(context.Background(), false)
	if len(list) != 2 || list[0].Bytes != 10 || list[0].Reason != ReasonDropped || !list[0].Exact || list[1].Bytes != 1 {
		t.Errorf("%+v", list)
	}
	if f := w.file(); f.Missing != 0 || f.Dropped != 11 || f.Skipped != 10 {
		t.Errorf("%+v", f)
	}
	saidOnce(t, w)
}

// Many losses at once are one gap, and each later one is one of its own.
func TestManyLossesAtOnce(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.fleet.Close() }()
	for i := range uint64(ledger.MaxRanges / 2) {
		w.deliver(watched, batch.Range{Kind: batch.Dropped, First: 10*i + 5, End: 10*i + 9})
	}
	w.tick()
	list, _ := w.gaps.Gaps(context.Background(), false)
	if len(list) != 1 || list[0].Bytes != 4*ledger.MaxRanges/2 || list[0].First != 5 || len(list[0].Pieces) != ledger.MaxRanges/2 {
		t.Errorf("%d gaps: %+v", len(list), list[0])
	}
	w.deliver(watched, batch.Range{Kind: batch.Dropped, First: 0, End: 1})
	w.deliver(watched, data(5, 9))
	w.tick()
	w.tick()
	if list, _ = w.gaps.Gaps(context.Background(), false); len(list) != 2 || list[0].Bytes != 1 || list[1].Bytes != 4*ledger.MaxRanges/2-4 {
		t.Errorf("%d gaps: %+v", len(list), list)
	}
	saidOnce(t, w)
}

// A stream that says nothing for the retention is expired, and nobody is to miss it any more.
// One agent with gaps without end leaves room for those of the others.
func TestGapsOfOneLeaveRoom(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer w.fleet.Close()
	for name, n := range map[string]int{"agent-web01": maxGapsOf, "agent-db01": maxGapsOf - 1} {
		w.gaps.named[name] = n
	}
	p := watched
	w.deliver(p, data(10, 20))
	p.Agent = other
	w.deliver(p, data(10, 20))
	w.goOn(3 * grace)
	w.want(t, false, "open agent-db01  [0,10) 10")
	if f := w.file(); f.Pending != 10 {
		t.Errorf("%+v", f.Sums)
	}
	w.gaps.named["agent-web01"]--
	w.goOn(3 * grace)
	w.want(t, false, "open agent-db01  [0,10) 10", "open agent-web01  [0,10) 10")
	w.deliver(p, data(0, 10))
	w.tick()
	if n := w.gaps.named["agent-db01"]; n != maxGapsOf-1 {
		t.Errorf("%d gaps of it are counted after one has closed", n)
	}
	w.restart(false)
	if n := w.gaps.named["agent-web01"]; n != 1 {
		t.Errorf("%d gaps of it are counted after a start", n)
	}
}

func TestExpired(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.fleet.Close() }()
	w.deliver(watched, data(10, 20))
	w.goOn(2 * grace)
	w.want(t, false, "open agent-web01  [0,10) 10")
	w.now = w.now.Add(91 * 24 * time.Hour)
	w.goOn(2 * grace)
	w.want(t, false)
	if f := w.file(); f.Expired != 20 || f.Held+f.Missing != 0 {
		t.Errorf("%+v", f)
	}
	w.now = w.now.Add(91 * 24 * time.Hour)
	w.goOn(2 * grace)
	if f := w.file(); f != nil {
		t.Errorf("still remembered: %+v", f)
	}
	w.restart(false)
	if f := w.file(); f != nil {
		t.Errorf("remembered again after a restart: %+v", f)
	}
}

// An agent whose clock is decades behind loses nothing unseen.
func TestClockFarBehind(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.fleet.Close() }()
	if err := w.ledger.Add(watched, batch.Data, 10, 20); err != nil {
		t.Fatal(err)
	}
	s := batch.Stream{ID: watched.Stream, Epoch: watched.Epoch, Ranges: []batch.Range{data(10, 20)}}
	w.fleet.Batch(&batch.Manifest{Agent: watched.Agent, Sealed: time.Unix(1000, 0), Streams: []batch.Stream{s}}, "agent-web01", lane, w.now)
	w.goOn(2 * grace)
	w.want(t, false, "open agent-web01  [0,10) 10")
}

func TestForgottenHostIsNotMissed(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.fleet.Close() }()
	w.beat(50)
	w.goOn(2 * grace)
	if _, known, err := w.fleet.Forget(t.Context(), "agent-web01", w.now); err != nil || !known {
		t.Fatal(err)
	}
	w.tick()
	w.want(t, false)
	w.want(t, true, "gone web01 /var/log/auth.log [0,50) 50")
}

// Gaps and holes of the first version are read for ever.
func TestOldGaps(t *testing.T) {
	packed, err := os.Open("testdata/gaps-v1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fleet.db"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newTown(t, dir)
	defer func() { w.fleet.Close() }()
	w.want(t, false, "open web01 /var/log/auth.log [100,300) 200", "open web01 /var/log/auth.log [320,400) 80")
	w.want(t, true, "open web01 /var/log/auth.log [100,300) 200", "accepted web01 /var/log/auth.log [300,320) 20",
		"open web01 /var/log/auth.log [320,400) 80")
	if pl := w.gaps.places[watched]; len(pl.holes) != 1 || pl.holes[0].Piece != (Piece{400, 500}) {
		t.Errorf("%+v", pl.holes)
	}
	if g := w.gaps.gaps[gapID(watched, ReasonDropped, 300)]; g == nil || g.By != "alice" || g.Why != "known" {
		t.Errorf("%+v", g)
	}
}
