package fleet

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

const silence = 5 * time.Minute

var (
	discard = slog.New(slog.DiscardHandler)
	own     = event.HashKey("own")
	noon    = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
)

// town is a fleet in a time of its own.
type town struct {
	*Fleet
	t    interface{ Fatal(...any) }
	path string
	now  time.Time
}

func newTown(t interface{ Fatal(...any) }, dir string) *town {
	w := &town{t: t, path: filepath.Join(dir, "fleet.db"), now: noon}
	w.open()
	return w
}

func (w *town) open() {
	f, err := Open(Config{Path: w.path, Self: own, SilenceAfter: silence}, w.now, discard, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Fleet = f
}

// kill ends the process with nothing written that was not, and begins a new one.
func (w *town) kill() {
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *town) must(err error) {
	if err != nil {
		w.t.Fatal(err)
	}
}

func id(name string) event.Key { return event.HashKey(name) }

// speaks is a batch of a host, sealed now.
func (w *town) speaks(queue string, names ...string) {
	for _, n := range names {
		w.Batch(&batch.Manifest{Agent: id(n), Boot: id("boot " + n), Sealed: w.now}, "agent-"+n, queue, w.now)
	}
}

// pass lets the time go on, while some hosts speak every half minute.
func (w *town) pass(d time.Duration, queue string, names ...string) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(30 * time.Second)
		w.speaks(queue, names...)
		w.must(w.Tick(w.now))
	}
}

// said returns what is to be said since the last call, as ACTION HOST.
func (w *town) said() (all []string) {
	list, err := w.db.Unsaid(1000)
	w.must(err)
	w.must(w.db.Said(list))
	for _, o := range list {
		all = append(all, strings.TrimSpace(o.Event.Get("event.action")+" "+o.Event.Get("host.name")))
	}
	return all
}

func (w *town) wantSaid(t *testing.T, want ...string) {
	t.Helper()
	got := w.said()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

func (w *town) states() string {
	var all []string
	for _, h := range w.Hosts(w.now) {
		all = append(all, h.Name+" "+h.State)
	}
	return strings.Join(all, ", ")
}

func (w *town) wantStates(t *testing.T, want string) {
	t.Helper()
	if got := w.states(); got != want {
		t.Errorf("hosts %s, want %s", got, want)
	}
}

func TestClaim(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	a := id("a")
	w.must(w.Claim(t.Context(), a, "agent-a"))
	w.must(w.Claim(t.Context(), a, "agent-a"))
	w.kill()
	err := w.Claim(t.Context(), a, "agent-b")
	if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), `"agent-a"`) || !strings.Contains(err.Error(), `"agent-b"`) {
		t.Errorf("%v", err)
	}
	if name, ok := w.Owner(a); name != "agent-a" || !ok {
		t.Errorf("%q, %v", name, ok)
	}
	for i := range maxIDs {
		w.add(newAgent(id(fmt.Sprint(i)), "many"))
	}
	if err := w.Claim(t.Context(), id("one more"), "many"); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v", err)
	}
	if n, known, err := w.Forget(t.Context(), "agent-a", w.now); n != 1 || !known || err != nil {
		t.Errorf("%d, %v, %v", n, known, err)
	}
	if _, known, err := w.Forget(t.Context(), "agent-a", w.now); known || err != nil {
		t.Errorf("forgotten twice: %v", err)
	}
	w.kill()
	w.must(w.Claim(t.Context(), a, "agent-b"))
}

// Whoever comes first at once, one gets the id.
func TestClaimAtOnce(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer w.Close()
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = w.Claim(t.Context(), id("a"), fmt.Sprint(i)) })
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		if errors.Is(err, ErrTaken) {
			taken++
		}
	}
	if taken != len(errs)-1 {
		t.Errorf("%d were refused of %d: %v", taken, len(errs), errs)
	}
}

func TestSilence(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q", "a", "b")
	w.pass(silence, "q", "a")
	w.wantStates(t, "agent-a ok, agent-b ok")
	w.pass(time.Minute, "q", "a")
	w.wantStates(t, "agent-a ok, agent-b silent")
	w.wantSaid(t, "host-silent agent-b")
	w.kill()
	w.pass(time.Minute, "q", "a")
	w.wantSaid(t) // it was said
	w.pass(time.Minute, "q", "a", "b")
	w.wantSaid(t, "host-back agent-b")
	w.wantStates(t, "agent-a ok, agent-b ok")
}

// A queue that stands still is one story, and makes nobody silent.
func TestIdleQueue(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q", "a", "b", "c")
	w.pass(2*silence, "other", "x")
	w.wantSaid(t, "queue-idle")
	w.wantStates(t, "agent-a silent, agent-b silent, agent-c silent, agent-x ok")
	// When it goes on, what lay in it comes first, and not from all at once.
	w.now = w.now.Add(30 * time.Second)
	late := w.now.Add(-silence)
	w.Batch(&batch.Manifest{Agent: id("a"), Boot: id("boot a"), Sealed: late}, "agent-a", "q", w.now)
	w.must(w.Tick(w.now))
	w.wantSaid(t, "queue-back")
	w.wantStates(t, "agent-a ok, agent-b ok, agent-c ok, agent-x ok")
	w.pass(time.Minute, "q", "a", "b")
	w.wantSaid(t)
	w.pass(time.Minute, "q", "a", "b")
	w.wantSaid(t, "host-silent agent-c")
	w.pass(4*time.Minute, "q", "a", "b")
	w.wantSaid(t, "queue-idle") // of the other
}

// While the aggregator was away nobody could speak: after a start all are given time.
func TestSilenceAfterARestart(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.pass(time.Minute, "", "a", "b")
	w.must(w.Save(w.now))
	w.now = w.now.Add(time.Hour)
	w.kill()
	w.must(w.Tick(w.now))
	w.wantSaid(t)
	w.pass(4*time.Minute, "", "a")
	w.wantSaid(t)
	w.pass(2*time.Minute, "", "a")
	w.wantSaid(t, "host-silent agent-b")
}

// A clock that is ahead does not make the others silent.
func TestClockAhead(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q", "a")
	w.Batch(&batch.Manifest{Agent: id("b"), Sealed: w.now.Add(24 * time.Hour)}, "agent-b", "q", w.now)
	w.must(w.Tick(w.now))
	w.wantSaid(t)
	w.wantStates(t, "agent-a ok, agent-b ok")
	w.pass(2*silence, "q", "a") // nor does it hide that its own host is
	w.wantStates(t, "agent-a ok, agent-b silent")
}

// A queue that another aggregator owns now is judged there.
func TestReleasedQueue(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.pass(time.Minute, "q", "a")
	w.must(w.Save(w.now))
	w.must(w.Release("q"))
	w.pass(2*silence, "other", "x")
	w.wantSaid(t)
	w.wantStates(t, "agent-a ok, agent-x ok")
	w.kill()
	w.pass(2*silence, "other", "x")
	w.wantSaid(t)
	w.pass(time.Minute, "q", "a") // and then it comes back
	w.pass(2*silence, "other", "x")
	w.wantSaid(t, "queue-idle")
}

func TestManySilentAtOnceAreOneStory(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	for i := range 2 * many {
		w.speaks("q", fmt.Sprintf("h%02d", i))
	}
	w.pass(2*silence, "q", "a")
	w.wantSaid(t, "hosts-silent")
}

// However many are silent, what is said of them can be read back: else nothing would be said any more.
func TestVeryManySilent(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	names := make([]string, 2*event.MaxFields)
	for i := range names {
		names[i] = fmt.Sprint("web", i)
	}
	w.must(w.Expect(t.Context(), names, w.now))
	w.pass(silence+time.Minute, "q", "a")
	w.wantSaid(t, "hosts-silent")
}

func TestExpected(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.must(w.Expect(t.Context(), []string{"agent-a", "b", "gone", "web"}, w.now))
	w.pass(time.Minute, "q", "a", "b", "web.example.org")
	w.wantStates(t, "agent-a ok, agent-b ok, agent-web.example.org ok, gone expected")
	w.must(w.Expect(t.Context(), []string{"agent-a", "b", "gone", "web"}, w.now)) // is nothing new
	w.kill()
	w.pass(silence, "q", "a", "b", "web.example.org")
	w.wantStates(t, "agent-a ok, agent-b ok, agent-web.example.org ok, gone silent")
	w.wantSaid(t, "host-silent gone")
	w.kill()
	w.pass(time.Minute, "q", "a", "b", "web.example.org")
	w.wantSaid(t)
	w.must(w.Expect(t.Context(), []string{"agent-a"}, w.now))
	w.wantStates(t, "agent-a ok, agent-b ok, agent-web.example.org ok")
	if _, known, err := w.Forget(t.Context(), "gone", w.now); known || err != nil {
		t.Errorf("known %v, %v", known, err)
	}
}

// A host that was set up anew has another id; the old one is not missed.
func TestReplacedID(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q", "x")
	for range 20 {
		w.now = w.now.Add(30 * time.Second)
		w.Batch(&batch.Manifest{Agent: id("anew"), Sealed: w.now}, "agent-x", "q", w.now)
		w.must(w.Tick(w.now))
	}
	w.wantSaid(t)
	if got := w.states(); strings.Count(got, OK) != 1 || strings.Count(got, Replaced) != 1 {
		t.Error(got)
	}
}

// Two processes that speak side by side are a clone; one that was started anew is none, however late its batches come.
func TestClone(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	from := func(boot string, ago time.Duration) {
		w.Batch(&batch.Manifest{Agent: id("a"), Boot: id(boot), Sealed: w.now.Add(-ago)}, "agent-a", "q", w.now)
		w.must(w.Tick(w.now))
	}
	from("first", 0)
	w.now = w.now.Add(time.Minute)
	from("first", 0)
	from("second", 0)
	w.now = w.now.Add(time.Minute)
	from("second", 0)
	from("first", time.Minute) // came late
	from("second", 0)
	w.wantSaid(t)
	w.now = w.now.Add(time.Minute)
	from("second", 0)
	from("first", 0)
	from("second", 0)
	w.wantSaid(t, "clone-seen agent-a")
	w.wantStates(t, "agent-a clone")
	w.kill()
	from("first", 0)
	from("second", 0)
	w.wantSaid(t)
	w.pass(cloneFresh+time.Minute, "q", "a") // a third process; the others are quiet
	w.wantStates(t, "agent-a ok")
}

// A clock that was set back between two starts is no clone.
func TestClockSetBackIsNoClone(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	from := func(boot string, at time.Duration) {
		w.now = w.now.Add(time.Minute)
		w.Batch(&batch.Manifest{Agent: id("a"), Boot: id(boot), Sealed: noon.Add(-24*time.Hour + at)}, "agent-a", "q", w.now)
		w.must(w.Tick(w.now))
	}
	from("first", time.Hour)
	from("first", 2*time.Hour)
	for i := range 5 {
		from("second", time.Duration(i)*time.Hour)
	}
	w.wantSaid(t)
}

func beat(w *town, name string, h heartbeat.Heartbeat) *event.Event {
	e := new(event.Event)
	w.must(h.Put(e))
	e.Set("agent.id", id(name).String())
	e.Set("agent.name", "agent-"+name)
	e.Set("agent.version", "1.2")
	e.Set("host.name", name)
	e.Set("event.created", w.now.Format(time.RFC3339Nano))
	return e
}

func TestHostOfHeartbeats(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	expires := noon.Add(24 * time.Hour)
	w.speaks("q", "a")
	s := heartbeat.Stream{ID: id("s"), Epoch: 1, Path: "/var/log/a", End: 100, Cursor: 60, Behind: 7, Since: w.now.Add(-9 * time.Second)}
	w.must(w.Process(1, []*event.Event{beat(w, "a", heartbeat.Heartbeat{Boot: id("1"), Dropped: 3, Spool: 5, Streams: []heartbeat.Stream{s}})}))
	w.now = w.now.Add(heartbeat.Every)
	w.must(w.Process(2, []*event.Event{
		beat(w, "a", heartbeat.Heartbeat{Boot: id("2"), Dropped: 4, Spool: 5, Expires: expires, Config: "c0", Streams: []heartbeat.Stream{s}}),
		beat(w, "nobody's", heartbeat.Heartbeat{})}))
	h := w.Hosts(w.now)[0]
	if h.Name != "agent-a" || h.Host != "a" || h.Lag != 7+40 || h.Spool != 5 || h.LagTime != 39 || h.Dropped != 7 || h.Version != "1.2" ||
		h.Config != "c0" || !h.Expires.Equal(expires) {
		t.Errorf("%+v", h)
	}
	if soon, now := w.expiring(expires.Add(-expirySoon)), w.expiring(w.now); soon != 0 || now != 1 {
		t.Errorf("%d certificates expire within a week of a week before, %d within one of now", soon, now)
	}
	clock := w.now
	w.now = w.now.Add(-24 * time.Hour) // the agent's clock was set right, or wrong: what comes last counts
	w.must(w.Process(3, []*event.Event{beat(w, "a", heartbeat.Heartbeat{Boot: id("2"), Dropped: 5})}))
	w.now = clock
	if h := w.Hosts(w.now)[0]; h.Dropped != 8 || h.Lag != 0 {
		t.Errorf("%+v", h)
	}
	bad := beat(w, "a", heartbeat.Heartbeat{})
	bad.Set("belfry.heartbeat.dropped", "x")
	foreign := beat(w, "a", heartbeat.Heartbeat{Dropped: 1000})
	foreign.Delete("agent.id")
	w.must(w.Process(4, []*event.Event{bad, foreign}))
	if n := w.unread.Get(); n != 2 || w.Hosts(w.now)[0].Dropped != 8 {
		t.Errorf("%d could not be read", n)
	}
}

// A heartbeat of a hostile agent harms nobody's memory, and cannot have the agent forgotten: a value that cannot be
// written was taken for one that is to be removed.
func TestHostileHeartbeat(t *testing.T) {
	w := newTown(t, t.TempDir())
	w.must(w.Claim(t.Context(), id("web01"), "agent-web01"))
	h := heartbeat.Heartbeat{Boot: id("boot"), Config: strings.Repeat("c", 1<<20), Streams: []heartbeat.Stream{
		{ID: id("s"), Path: strings.Repeat("\u00e9", 1<<20), End: 1}}}
	e := beat(w, "web01", h)
	e.Set("event.created", "2026-11-24T12:00:00+24:00")
	e.Set("belfry.heartbeat.certificate_expires", "2027-11-24T12:00:00+24:00")
	e.Set("host.name", strings.Repeat("h", 1<<20))
	w.must(w.Process(1, []*event.Event{e}))
	if _, err := json.Marshal(w.Hosts(w.now)); err != nil {
		t.Errorf("nobody can list the hosts any more: %v", err)
	}
	w.must(w.Save(w.now))
	w.kill()
	if name, ok := w.Owner(id("web01")); !ok || name != "agent-web01" {
		t.Errorf("the id belongs to %q, %v after a restart", name, ok)
	}
	st, ok := w.Stream(ledger.Position{Agent: id("web01"), Stream: id("s")}, w.now)
	if n := len(st.Path); !ok || n == 0 || n > maxPath || !utf8.ValidString(st.Path) {
		t.Errorf("stream %v, a path of %d bytes", ok, n)
	}
	if hosts := w.Hosts(w.now); len(hosts) != 1 || len(hosts[0].Host) > maxText || len(hosts[0].Config) > maxText {
		t.Errorf("%d hosts, or one of long names", len(hosts))
	}
}

func TestAcks(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	l := ledger.New()
	pos := ledger.Position{Agent: id("a"), Stream: id("s"), Epoch: 1}
	w.must(l.Add(pos, batch.Data, 0, 50))
	w.must(l.Add(pos, batch.Data, 60, 100))
	w.speaks("q", "a", "silent")
	old := heartbeat.Stream{ID: id("acknowledged"), Epoch: 1, End: 10, Cursor: 10}
	s := heartbeat.Stream{ID: pos.Stream, Epoch: 1, End: 100, Cursor: 100}
	w.must(w.Process(1, []*event.Event{beat(w, "a", heartbeat.Heartbeat{Streams: []heartbeat.Stream{old, s}})}))
	w.now = w.now.Add(heartbeat.Every)
	w.speaks("q", "a")
	w.must(w.Process(2, []*event.Event{beat(w, "a", heartbeat.Heartbeat{Streams: []heartbeat.Stream{s}})}))
	n := 0
	for a := range w.Acks(l, w.now) {
		if n++; a.Agent != id("a") || len(a.Streams) != 1 || a.Streams[0] != (heartbeat.Held{ID: pos.Stream, Epoch: 1, End: 50}) {
			t.Errorf("%+v", a)
		}
	}
	if n != 1 {
		t.Errorf("%d acknowledgements", n)
	}
	for a := range w.Acks(l, w.now.Add(time.Hour)) {
		t.Errorf("%+v to one who has not spoken for an hour", a)
	}
}

// After a kill, what the index's log shows again from the cursor on brings back what was not written.
func TestReplay(t *testing.T) {
	base := memory(t)
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		w := newTown(t, dir)
		defer func() { w.Close() }()
		var log []*event.Event // position 1 on
		ends := make(map[string]uint64)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			w.now = w.now.Add(time.Second)
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				w.must(w.Tick(w.now))
			case 1:
				w.kill()
				for at := w.Cursor(); at < uint64(len(log)); at++ {
					w.must(w.Process(at+1, log[at:at+1]))
				}
			default:
				name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "host")
				end := uint64(rapid.IntRange(0, 1000).Draw(t, "end"))
				e := beat(w, name, heartbeat.Heartbeat{Streams: []heartbeat.Stream{{ID: id("s"), End: end}}})
				w.must(w.Claim(t.Context(), id(name), "agent-"+name))
				log = append(log, e)
				w.must(w.Process(uint64(len(log)), []*event.Event{e}))
				ends[name] = max(ends[name], end)
			}
			for name, end := range ends {
				s, ok := w.Stream(ledger.Position{Agent: id(name), Stream: id("s")}, w.now)
				if !ok || s.End != end || !s.Known {
					t.Fatalf("%s: %v, %+v, want end %d", name, ok, s, end)
				}
			}
		}
	})
}

// What came in the seconds before a kill is judged as well, under the name of its file.
func TestAdopted(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	pos := ledger.Position{Agent: id("a"), Stream: id("s"), Epoch: 1}
	w.must(w.Claim(t.Context(), pos.Agent, "agent-a"))
	l := ledger.New()
	w.must(l.Add(pos, batch.Data, 0, 70))
	w.must(l.Add(ledger.Position{Agent: own, Stream: id("s")}, batch.Data, 0, 1))
	w.Batch(&batch.Manifest{Agent: pos.Agent, Streams: []batch.Stream{{ID: pos.Stream, Epoch: 1}}}, "agent-a", "q", w.now)
	var e event.Event
	e.Set("agent.id", pos.Agent.String())
	e.Set("event.id", event.ID(pos.Agent, pos.Stream, 1, 40).String())
	e.Set("log.offset", "40")
	e.Set("log.file.path", "/var/log/a")
	w.kill()
	if n := w.Adopt(l, w.now); n != 1 {
		t.Errorf("%d streams", n)
	}
	if s, ok := w.Stream(pos, w.now); !ok || s.End != 70 || s.Path != "" {
		t.Errorf("%v, %+v", ok, s)
	}
	w.must(w.Recognize(1, []*event.Event{{}, &e}))
	if s, _ := w.Stream(pos, w.now); s.Path != "/var/log/a" {
		t.Errorf("%+v", s)
	}
	if n := w.Adopt(l, w.now); n != 0 {
		t.Errorf("%d streams were adopted again", n)
	}
}

// The first that comes of an agent may be an event of its heartbeats' stream that is about a file.
func TestHeartbeatsKeepTheirName(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	pos := ledger.Position{Agent: id("a"), Stream: event.HashKey("heartbeat", id("a").String()), Epoch: 1}
	w.must(w.Claim(t.Context(), pos.Agent, "agent-a"))
	w.Name(pos, "/var/lib/belfry-agent/files", "a")
	if s, _ := w.Stream(pos, w.now); s.Path != "(heartbeats)" {
		t.Errorf("%+v", s)
	}
}

// memory returns a folder for files that are synced often: in memory where there is such a place.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "belfry-fleet")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s stream
		at := noon
		came := map[uint64]time.Time{} // first byte of each range
		ended := map[uint64]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "batches") {
			at = at.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "after")) * time.Second)
			first := s.Seen + uint64(rapid.IntRange(0, 3).Draw(t, "hole"))*10
			end := first + uint64(rapid.IntRange(1, 9).Draw(t, "bytes"))
			from := s.Seen
			came[first], ended[end] = at, at
			s.came(&batch.Stream{Ranges: []batch.Range{{Kind: batch.Data, First: first, End: end}}}, "q", at, at)
			if first > from { // a hole that has just opened is told exactly
				a, b := s.between(from, first)
				if !b.Equal(at) || !a.Equal(ended[from]) {
					t.Fatalf("hole [%d,%d) between %v and %v, want %v and %v", from, first, a, b, ended[from], at)
				}
			}
		}
		if len(s.Line) > maxPoints {
			t.Fatalf("%d points", len(s.Line))
		}
		for first, at := range came { // and an old one is not said to be shorter than it was
			if _, until := s.between(first, first); until.IsZero() && first < s.Seen || !until.IsZero() && until.Before(at) {
				t.Fatalf("byte %d came at %v, told %v", first, at, until)
			}
		}
	})
}

// A file of the first version is read for ever.
func TestOldFile(t *testing.T) {
	packed, err := os.Open("testdata/fleet-v1.db.gz")
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
	defer func() { w.Close() }()
	w.wantStates(t, "agent-a ok, agent-b ok, gone expected")
	if h := w.Hosts(noon)[0]; h.Queue != "q" {
		t.Errorf("%+v", h)
	}
	if w.Cursor() != 7 || w.db.Self().Agent != own {
		t.Errorf("cursor %d", w.Cursor())
	}
	s, ok := w.Stream(ledger.Position{Agent: id("a"), Stream: id("s"), Epoch: 1 << 63}, noon)
	if !ok || s.Path != "/var/log/a" || s.End != 100 || !s.Known || !s.Fresh {
		t.Errorf("%v, %+v", ok, s)
	}
	w.wantSaid(t, "host-back agent-b")
}
