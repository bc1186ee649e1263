package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"belfry/aggregator/audit"
	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// county is several aggregators that share an index, and hosts that speak in the queues of their broker. An index in memory
// is all that is not real; what a real one does is tried elsewhere.
type county struct {
	t        *testing.T
	rand     *rand.Rand
	docs     map[string]*late
	ledgers  *shelf
	index    map[string]*event.Event // by event.id
	beats    []*event.Event          // heartbeats in it, in order
	queues   []*line
	members  []*member
	hosts    []*source
	position uint64
	rough    bool // faults happen
	kills    int
}

// late is documents of which Each sees what was there a while ago, as a search does.
type late struct {
	desk
	seen map[string]paper
	at   time.Time
	fail func() (before, after bool) // a save
}

var errFault = errors.New("the servers are away")

func (l *late) Save(ctx context.Context, id string, body []byte, v ledger.Version) error {
	before, after := l.fail()
	if before {
		return errFault
	}
	err := l.desk.Save(ctx, id, body, v)
	if after {
		return errFault
	}
	return err
}

func (l *late) Each(_ context.Context, since time.Time, fn func(string, []byte, ledger.Version) error) error {
	if now := time.Now(); now.Sub(l.at) >= 2*time.Second {
		l.seen, l.at = maps.Clone(l.docs), now
	}
	for id, p := range l.seen {
		if !p.saved.Before(since) {
			if err := fn(id, []byte(p.body), p.v); err != nil {
				return err
			}
		}
	}
	return nil
}

// shelf is the ledger's documents.
type shelf struct{ desk }

func (s *shelf) Load(ctx context.Context, n ledger.Name) ([]byte, ledger.Version, error) {
	return s.desk.Load(ctx, fmt.Sprint(n))
}

func (s *shelf) Save(ctx context.Context, n ledger.Name, body []byte, v ledger.Version) error {
	return s.desk.Save(ctx, fmt.Sprint(n), body, v)
}

func (s *shelf) Names(context.Context, func(ledger.Name) error) error { return nil }

// line is a queue.
type line struct {
	name     string
	messages []message
	consumer *member // nil: nobody
}

type message struct {
	manifest *batch.Manifest
	beat     *event.Event
	name     string
}

// member is an aggregator.
type member struct {
	*follower
	w      *county
	queues map[string]bool // that it believes to be its own
}

// source is a host with a file.
type source struct {
	id          event.Key
	name        string
	queue       *line
	pos         ledger.Position
	sent, beats uint64
	lost        []batch.Range
	silent      bool
	dropped     uint64
}

func newCounty(t *testing.T, seed uint64, members, hosts, queues int) *county {
	w := &county{
		t: t, rand: rand.New(rand.NewPCG(seed, 8)), index: make(map[string]*event.Event), docs: make(map[string]*late),
		ledgers: &shelf{desk{docs: make(map[string]paper)}},
	}
	for _, name := range []string{"agents", "notes", "gaps"} {
		w.docs[name] = &late{desk: desk{docs: make(map[string]paper)}, fail: func() (before, after bool) {
			n := 1
			if w.rough {
				n = w.rand.IntN(100)
			}
			return n == 0, n == 2
		}}
	}
	for i := range queues {
		w.queues = append(w.queues, &line{name: fmt.Sprintf("belfry.events.%02d", i)})
	}
	for i := range hosts {
		name := fmt.Sprintf("h%02d", i)
		id := event.HashKey(name)
		w.hosts = append(w.hosts, &source{
			id: id, name: name, queue: w.queues[i%queues], pos: ledger.Position{Agent: id, Stream: event.HashKey("file"), Epoch: 1},
		})
	}
	for range members {
		w.join()
	}
	return w
}

func (w *county) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// join starts an aggregator that knows nothing.
func (w *county) join() {
	now := time.Now()
	f, err := fleet.Open(fleet.Config{Path: filepath.Join(w.t.TempDir(), "fleet.db"), Self: ownAgent}, now, quietLog, nil)
	w.must(err)
	f.Share(w.docs["agents"], w.docs["notes"], now)
	held := ledger.New()
	g, err := audit.OpenTracker(f, held, 0, now, quietLog, nil)
	w.must(err)
	m := &member{w: w, queues: make(map[string]bool)}
	m.follower = &follower{fleet: f, gaps: g, held: held, ledgers: m, heartbeats: m.beatsSince, say: m.write}
	g.Share(w.docs["gaps"], m.Read)
	w.members = append(w.members, m)
	w.share()
}

var quietLog = slog.New(slog.DiscardHandler)

// kill ends an aggregator at once; those who are left notice later.
func (w *county) kill(m *member) {
	w.kills++
	w.must(m.fleet.DB().Close())
	w.members = slices.DeleteFunc(w.members, func(o *member) bool { return o == m })
	for _, q := range w.queues {
		if q.consumer == m {
			q.consumer = nil
		}
	}
}

// share gives each queue to a member. Who had it may believe for a while that it still has.
func (w *county) share() {
	for i, q := range w.queues {
		m := w.members[i%len(w.members)]
		if q.consumer == m {
			continue
		}
		if old := q.consumer; old != nil && w.rand.IntN(2) == 0 {
			delete(old.queues, q.name)
		}
		q.consumer, m.queues[q.name] = m, true
	}
}

func (w *county) settleShares() {
	for _, q := range w.queues {
		for _, m := range w.members {
			if q.consumer != m {
				delete(m.queues, q.name)
			}
		}
	}
}

func (m *member) CatchUp(_ context.Context, _ time.Time) (all []ledger.Position, err error) {
	for _, h := range m.w.hosts {
		before := fmt.Sprint(m.held.Ranges(h.pos))
		if err := m.Read(m.w.t.Context(), h.pos); err != nil {
			return nil, err
		}
		if fmt.Sprint(m.held.Ranges(h.pos)) != before {
			all = append(all, h.pos)
		}
	}
	return all, nil
}

func (m *member) Read(ctx context.Context, p ledger.Position) error {
	text, _, err := m.w.ledgers.Load(ctx, ledger.Name{Agent: p.Agent})
	if err != nil || text == nil {
		return err
	}
	other := ledger.New()
	if err := other.Unmarshal(text); err != nil {
		return err
	}
	return m.held.Join(other)
}

func (m *member) beatsSince(_ context.Context, since time.Time, fn func(*event.Event) error) error {
	for _, e := range m.w.beats {
		if at, _ := time.Parse(time.RFC3339Nano, e.Get("event.ingested")); at.Before(since) {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) write(_ context.Context, e *event.Event) error {
	switch {
	case !m.w.rough:
	case m.w.rand.IntN(8) == 0:
		return errFault
	case m.w.rand.IntN(8) == 0:
		m.w.index[e.Get("event.id")] = e
		return errFault
	}
	m.w.index[e.Get("event.id")] = e
	return nil
}

// speak sends what a host has to say: some lines, of which the broker may lose some, and a heartbeat now and then.
func (w *county) speak(h *source, beat, lose bool) {
	now := time.Now()
	size := 1 + uint64(w.rand.IntN(100))
	r := batch.Range{Kind: batch.Data, First: h.sent, End: h.sent + size}
	h.sent += size
	if lose {
		h.lost = append(h.lost, r)
		return
	}
	msg := message{name: "agent-" + h.name, manifest: &batch.Manifest{Agent: h.id, Boot: event.HashKey("boot", h.name), Sealed: now,
		Streams: []batch.Stream{{ID: h.pos.Stream, Epoch: h.pos.Epoch, Ranges: []batch.Range{r}}}}}
	if beat {
		msg.beat = w.beat(h, now)
	}
	h.queue.messages = append(h.queue.messages, msg)
}

func (w *county) beat(h *source, now time.Time) *event.Event {
	e := new(event.Event)
	hb := heartbeat.Heartbeat{Boot: event.HashKey("boot", h.name), Dropped: h.dropped, Streams: []heartbeat.Stream{
		{ID: h.pos.Stream, Epoch: h.pos.Epoch, Path: "/var/log/" + h.name, End: h.sent, Cursor: h.sent}}}
	w.must(hb.Put(e))
	e.Set("@timestamp", now.UTC().Format(time.RFC3339Nano))
	e.Set("event.created", now.UTC().Format(time.RFC3339Nano))
	e.Set("event.id", event.HashKey("beat", h.name, fmt.Sprint(h.beats)).String())
	e.Set("agent.id", h.id.String())
	e.Set("agent.name", "agent-"+h.name)
	e.Set("host.name", h.name)
	h.beats++
	return e
}

// consume takes what is in the queues. It may be that a member dies of it, somewhere on the way.
func (w *county) consume(mayDie bool) {
	for _, q := range w.queues {
		for len(q.messages) > 0 && q.consumer != nil {
			dies := -1
			if mayDie && len(w.members) > 1 && w.rand.IntN(200) == 0 {
				dies = w.rand.IntN(4)
			}
			if m := q.consumer; w.take(m, q, q.messages[0], dies) {
				q.messages = q.messages[1:]
			} else {
				w.kill(m)
			}
		}
	}
}

// take makes a message durable, as the pipeline and the index do, up to a step.
func (w *county) take(m *member, q *line, msg message, dies int) bool {
	ctx, now := w.t.Context(), time.Now()
	for {
		err := m.fleet.Claim(ctx, msg.manifest.Agent, msg.name)
		if err == nil {
			break
		}
		if !errors.Is(err, errFault) {
			w.t.Fatal(err)
		}
	}
	if dies == 0 {
		return false
	}
	if e := msg.beat; e != nil {
		if w.index[e.Get("event.id")] == nil {
			e.Set("event.ingested", now.UTC().Format(time.RFC3339Nano))
			w.index[e.Get("event.id")] = e
			w.beats = append(w.beats, e)
		}
		w.position++
		w.must(m.fleet.Process(w.position, []*event.Event{e}))
	}
	if dies == 1 {
		return false
	}
	for _, s := range msg.manifest.Streams {
		for _, r := range s.Ranges {
			w.must(m.held.Add(ledger.Position{Agent: msg.manifest.Agent, Stream: s.ID, Epoch: s.Epoch}, r.Kind, r.First, r.End))
		}
	}
	w.must(ledger.Unite(ctx, w.ledgers, m.held, msg.manifest.Agent, func(ledger.Position) bool { return false }))
	if dies == 2 {
		return false
	}
	m.fleet.Batch(msg.manifest, msg.name, q.name, now)
	return true
}

// second lets a second pass.
func (w *county) second() {
	for _, m := range slices.Clone(w.members) {
		err := m.step(w.t.Context(), slices.Sorted(maps.Keys(m.queues)), time.Now())
		switch {
		case !errors.Is(err, errFault):
			w.must(err)
		case len(w.members) > 1 && w.rand.IntN(3) == 0:
			w.kill(m)
		}
	}
	time.Sleep(time.Second)
}

// dies ends a host for good, just after its broker has lost something; who takes its last heartbeat ends with it.
func (w *county) dies(h *source) {
	if len(w.members) == 1 {
		w.join()
	}
	w.settleShares()
	w.share()
	w.consume(false)
	w.speak(h, false, true)
	h.silent = true
	e := w.beat(h, time.Now())
	h.queue.messages = append(h.queue.messages, message{name: "agent-" + h.name, beat: e,
		manifest: &batch.Manifest{Agent: h.id, Boot: event.HashKey("boot", h.name), Sealed: time.Now()}})
	m := h.queue.consumer
	w.consume(false)
	if w.rand.IntN(2) == 0 { // or when the others know, and nothing has come of it yet
		for range 60 {
			w.second()
		}
	}
	if m == h.queue.consumer && len(w.members) > 1 {
		w.kill(m)
	}
}

// answers is what a member tells, as an operator sees it.
func (m *member) answers() (all []string) {
	now := time.Now()
	m.w.must(m.catchUp(m.w.t.Context(), now, 0))
	put := func(v any, err error) {
		m.w.must(err)
		text, err := json.Marshal(v)
		m.w.must(err)
		all = append(all, string(text))
	}
	gaps := m.gaps.OpenGaps()
	for _, h := range m.fleet.Hosts(now) {
		h.Gaps = gaps[h.Agent]
		put(h, nil)
	}
	list, err := m.gaps.Gaps(m.w.t.Context(), true)
	for i := range list {
		put(list[i], err)
	}
	m.w.must(m.gaps.Report(m.w.t.Context(), "", true, now, func(l audit.Line) error { put(l, nil); return nil }))
	return all
}

// agree asks all members, and returns what they tell: the same.
func (w *county) agree() []string {
	w.t.Helper()
	for _, m := range w.members {
		w.must(m.fleet.PublishAll(w.t.Context(), time.Now()))
	}
	time.Sleep(3 * time.Second) // as late as a search is
	want := w.members[0].answers()
	for _, m := range w.members[1:] {
		if diff := cmp.Diff(want, m.answers()); diff != "" {
			w.t.Fatalf("two aggregators do not tell the same:\n%s", diff)
		}
	}
	return want
}

// said counts what was said, as ACTION HOST.
func (w *county) said() map[string]int {
	all := make(map[string]int)
	for _, e := range w.index {
		if n, _ := strconv.Atoi(e.Get("belfry.gap.messages")); n > 0 {
			all["messages-dropped"] += n
			continue
		}
		if d := e.Get("event.dataset"); d == audit.Dataset || d == "belfry.silence" {
			all[strings.TrimSpace(e.Get("event.action")+" "+e.Get("host.name")+" "+e.Get("belfry.gap.first"))]++
		}
	}
	return all
}
