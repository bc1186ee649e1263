package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// Docs keeps the documents that several aggregators read and write; see index.Docs. Save and Remove return
// ledger.ErrConflict where a document is not in the version that was read.
type Docs interface {
	Load(ctx context.Context, id string) (body []byte, v ledger.Version, err error)
	Save(ctx context.Context, id string, body []byte, v ledger.Version) error
	Remove(ctx context.Context, id string, v ledger.Version) error
	Each(ctx context.Context, since time.Time, fn func(id string, body []byte, v ledger.Version) error) error
}

// How soon what was learned of an agent is in its document. What is not there by then is found again by who takes over:
// in the ledger's documents, and in the heartbeats that the index has.
const (
	shareStreams = 2 * time.Second  // that it has a new stream
	shareBeats   = 3 * time.Second  // what a heartbeat says
	shareBatches = 30 * time.Second // when its batches came
	shareQueues  = 5 * time.Second  // how far a queue is
)

// maxConflicts bounds how often a document is written again: each conflict means that somebody else got on.
const maxConflicts = 100

// documents is the part of the fleet that is in documents, where several aggregators share an index. There
//
//	AGENT        is whose an id is, what is known of the agent, and its streams that go on
//	AGENT.N      its streams that have ended or rest, by the last digit of their id
//
// are among the agents, and
//
//	queue.NAME   how far a queue is, as its consumer knows
//	expected     the hosts that are expected
//	say.ID       an event that is not in the index yet, and what is known by it
//
// among the notes. Documents of two aggregators are joined: all that either knows is kept, in whatever order. Who an agent
// id belongs to is what its document says.
type documents struct {
	docs, notes Docs // nil: nobody else has a part in the fleet

	unshared map[event.Key]time.Time // agents whose document is to be written, and when
	queued   map[string]time.Time    // when those of queues were
	told     bool                    // it was told of expected hosts that are not there
	clock    time.Time               // of the last Publish
	owned    time.Time               // of the last Own

	following sync.Mutex
	agentsAt  time.Time // up to when the documents were read
	notesAt   time.Time
	wholeAt   time.Time // when all were

	vmu      sync.Mutex
	versions map[string]ledger.Version // in which documents were read

	unsaid Unsaid
}

// Share keeps the fleet in documents from now on. What the file knows goes there, if the documents do not know it. It is
// to be called before anything else, and Follow after it.
func (f *Fleet) Share(agents, notes Docs, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.documents = documents{
		docs: agents, notes: notes, clock: now, unshared: make(map[event.Key]time.Time), queued: make(map[string]time.Time),
		versions: make(map[string]ledger.Version),
	}
	for id := range f.agents {
		f.unshared[id] = now
	}
	clear(f.queues) // until it is known who consumes them
	f.told = len(f.expected) > 0
}

// Shared reports whether other aggregators have a part in the fleet.
func (f *Fleet) Shared() bool { return f.docs != nil }

// soon has an agent's document written after so long.
func (f *Fleet) soon(id event.Key, after time.Duration) {
	if f.docs == nil {
		return
	}
	at := f.clock.Add(after)
	if due, ok := f.unshared[id]; !ok || at.Before(due) {
		f.unshared[id] = at
	}
}

// agentDoc is the document of an agent.
type agentDoc struct {
	Name    string             `json:"name,omitempty"` // whose its id is; "": nobody's, it was forgotten
	Agent   *agent             `json:"agent,omitempty"`
	Streams map[string]*stream `json:"streams,omitempty"` // by STREAM-EPOCH
}

// partDoc is streams of an agent that do not go on.
type partDoc struct {
	Name      string             `json:"name"`
	Streams   map[string]*stream `json:"streams,omitempty"`
	Forgotten []string           `json:"forgotten,omitempty"` // positions that are judged no more
}

func (k streamKey) String() string { return k.id.String() + "-" + strconv.FormatUint(k.epoch, 10) }

func parseStreamKey(text string) (k streamKey, err error) {
	id, epoch, _ := strings.Cut(text, "-")
	if k.id, err = event.ParseKey(id); err == nil {
		k.epoch, err = strconv.ParseUint(epoch, 10, 64)
	}
	return k, err
}

// part returns in which of an agent's documents a stream rests.
func (k streamKey) part() int { return int(k.id[len(k.id)-1] % parts) }

// parts is into how many documents the streams of an agent go that rest.
const parts = 16

func partID(agent event.Key, n int) string { return agent.String() + "." + strconv.Itoa(n) }

// read notes the version of a document, and reports whether it is newer than the one that was read before: what Each finds
// may be older than what was loaded.
func (f *Fleet) read(id string, v ledger.Version) bool {
	f.vmu.Lock()
	defer f.vmu.Unlock()
	old, known := f.versions[id]
	if known && cmp.Or(cmp.Compare(v.Term, old.Term), cmp.Compare(v.Seq, old.Seq)) <= 0 {
		return false
	}
	f.versions[id] = v
	return true
}

// update makes a document what change makes of the one that there is, nil if there is none, until nobody has written in
// between. Where change returns the same, or nil, nothing is written.
func (f *Fleet) update(ctx context.Context, d Docs, id string, change func(body []byte) ([]byte, error)) error {
	for range maxConflicts {
		body, v, err := d.Load(ctx, id)
		if err != nil {
			return fmt.Errorf("read document %s: %w", id, err)
		}
		if body != nil {
			f.read(id, v)
		}
		next, err := change(body)
		if err != nil {
			return fmt.Errorf("document %s: %w", id, err)
		}
		if next == nil || string(next) == string(body) {
			return nil
		}
		if err := d.Save(ctx, id, next, v); !errors.Is(err, ledger.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("write document %s: %d times in a row: %w", id, maxConflicts, ledger.ErrConflict)
}

// claimShared notes whose an agent id is, where nobody else has done so.
func (f *Fleet) claimShared(ctx context.Context, id event.Key, name string) error {
	err := f.update(ctx, f.docs, id.String(), func(body []byte) ([]byte, error) {
		var d agentDoc
		if body != nil {
			if err := json.Unmarshal(body, &d); err != nil {
				return nil, err
			}
		}
		if d.Name != "" {
			return nil, f.takeAgent(id, &d)
		}
		return json.Marshal(agentDoc{Name: name, Agent: newAgent(id, name)})
	})
	if err != nil {
		return err
	}
	if known, err := f.claimed(id, name); known || err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.agents[id] == nil {
		f.add(newAgent(id, name))
	}
	return nil
}

// Own says which queues this aggregator consumes: who speaks in them is judged here, and everybody is given time to do so
// since it has begun to. What is not among them is judged elsewhere. Whoever calls it has let Follow read all that was
// known of a queue that is New. It is to be called every second: who has slept must listen first.
func (f *Fleet) Own(queues []string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slept := now.Sub(f.owned) > asleep
	f.owned = now
	for name, q := range f.queues {
		if !slices.Contains(queues, name) {
			q.taken = time.Time{}
		}
	}
	fresh := false
	for _, name := range queues {
		q := f.queue(name)
		if q.taken.IsZero() || slept {
			q.taken, q.Back, q.Resumed, fresh = now, now, q.Time, true
		}
	}
	if fresh { // nothing may ever be heard again of some of them
		f.touchAll()
	}
}

// asleep is for how long Own is not called if the process was stopped, or the machine asleep.
const asleep = 15 * time.Second

// New returns those of the queues that are not judged here yet.
func (f *Fleet) New(queues []string) (fresh []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range queues {
		if q := f.queues[name]; q == nil || q.taken.IsZero() {
			fresh = append(fresh, name)
		}
	}
	return fresh
}

// judges reports whether who speaks in a queue is judged here.
func (f *Fleet) judges(q *queue) bool { return f.docs == nil || q != nil && !q.taken.IsZero() }

// judgesHost reports likewise of an agent.
func (f *Fleet) judgesHost(a *agent) bool { return f.docs == nil || f.judges(f.home(a)) }

// judgesStream reports whether gaps of a stream are judged here: by who consumes the queue that it came by, or that by which
// its agent's heartbeats do.
func (f *Fleet) judgesStream(a *agent, s *stream) bool {
	if f.docs == nil || s.First.IsZero() {
		return f.judgesHost(a)
	}
	return f.judges(f.queues[s.Queue])
}

// leads reports whether what is of no queue is judged here: by who consumes the first one.
func (f *Fleet) leads() bool {
	if f.docs == nil {
		return true
	}
	var first *queue
	for _, q := range f.queues {
		if first == nil || q.Name < first.Name {
			first = q
		}
	}
	return first != nil && f.judges(first)
}

// Since returns when the oldest of the newest heartbeats came that are known of the agents in some queues: what the index
// has of later ones may not be known. No more than a day is looked back.
func (f *Fleet) Since(queues []string, now time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	since := now
	for _, a := range f.agents {
		if home, _ := a.by(0); slices.Contains(queues, home) && a.Silent.IsZero() && !a.Heard.IsZero() {
			since = earlier(since, a.Heard)
		}
	}
	return later(since, now.Add(-longAgo))
}

const longAgo = 24 * time.Hour
