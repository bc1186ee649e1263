package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// record is all that arrived from one agent, in the order of arrival: by what stands in each line, and beside it what
// the agent said of it. It does not know what was written. It is safe for concurrent use.
type record struct {
	mu      sync.Mutex
	lines   map[string]map[int]*arrivals // by host and file number
	ids     map[uint64]uint64            // event id to what came by it; both shortened
	streams map[span]*course
	strays  map[string]*stray  // by textKey
	agents  map[event.Key]bool // identities by which it spoke
	said    []string           // events that the agent made: gaps, doubts and the like
	hints   []string           // where what may be a fault was seen first
	faults  []string           // what no batch may have
	dec     event.Decoder
	tally
}

// tally counts events of a record.
type tally struct {
	events, distinct int // lines that arrived; different ones of them
	repeats          int // events whose id came before: the aggregator removes them
	second           int // lines that came by a second id
	doubtful         int // likewise, but tagged as doubt
	merged           int // lines that came by the id of another
	disorder         int // steps back within a stream
	moves            int // grows with whatever arrives, but heartbeats
}

// span is one stream's epoch.
type span struct {
	stream event.Key
	epoch  uint64
}

// course is what a span has shown of itself.
type course struct {
	next  uint64                // after the last new event
	last  mark                  // the last new line
	kinds map[batch.Kind]pieces // ranges that arrived
	final uint64
	paths []string // that its events named, in order
}

// arrivals is which lines of a file number came, each by the first id that brought it; 0 is none.
type arrivals struct {
	ids  []uint64
	have int
	last int // how many lines of all files had come when its last one came
}

// stray is a text that is no whole numbered line.
type stray struct {
	times  int
	tags   []string // of the first
	path   string
	raw    string // labels.raw_base64 of the first
	length string // log.original_length of the first
}

func newRecord() *record {
	return &record{
		lines: map[string]map[int]*arrivals{}, ids: map[uint64]uint64{}, streams: map[span]*course{},
		strays: map[string]*stray{}, agents: map[event.Key]bool{},
	}
}

// maxFaults bounds what is told of batches.
const maxFaults = 10

func (r *record) fault(format string, args ...any) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, fmt.Sprintf(format, args...))
	}
}

// refuse notes that a batch cannot be taken.
func (r *record) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moves++
	r.fault("a batch cannot be taken: %v", err)
}

// take takes a batch: its manifest and the lines of its body.
func (r *record) take(m *batch.Manifest, body [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.agents[m.Agent] = true
	for _, s := range m.Streams {
		if s.Events > len(body) {
			r.fault("batch %v holds fewer events than its manifest says", m.ID)
			return
		}
		c := r.course(span{s.ID, s.Epoch})
		for _, x := range s.Ranges {
			c.kinds[x.Kind] = c.kinds[x.Kind].with(x.First, x.End)
			if x.Kind != batch.Data {
				r.moves++
			}
		}
		c.final = max(c.final, s.Final)
		for _, line := range body[:s.Events] {
			r.event(m.Agent, span{s.ID, s.Epoch}, c, line)
		}
		body = body[s.Events:]
	}
}

func (r *record) course(s span) *course {
	c := r.streams[s]
	if c == nil {
		c = &course{kinds: map[batch.Kind]pieces{}}
		r.streams[s] = c
	}
	return c
}

func (r *record) event(agent event.Key, s span, c *course, text []byte) {
	e, err := r.dec.Decode(text)
	if err != nil {
		r.fault("an event is not JSON: %v: %.200s", err, text)
		return
	}
	switch set := e.Get("event.dataset"); {
	case set == heartbeat.Dataset:
		r.beat(e)
		return
	case strings.HasPrefix(set, "belfry."):
		r.moves++
		r.said = append(r.said, fmt.Sprintf("%s: %s %s", set, e.Get("log.file.path"), e.Get("message")))
		return
	}
	r.moves++
	var offset uint64
	if _, err := fmt.Sscan(e.Get("log.offset"), &offset); err != nil && e.Has("log.offset") {
		r.fault("log.offset is %q", e.Get("log.offset"))
	}
	if id := event.ID(agent, s.stream, s.epoch, offset).String(); e.Get("event.id") != id {
		r.fault("event.id is %s, by agent, stream, epoch and offset %d it is %s", e.Get("event.id"), offset, id)
	}
	if path := e.Get("log.file.path"); len(c.paths) == 0 || c.paths[len(c.paths)-1] != path {
		c.paths = append(c.paths, path)
	}
	r.line(c, e, offset)
}

// line takes one event that was read from a file.
func (r *record) line(c *course, e *event.Event, offset uint64) {
	original := e.Get("event.original")
	host, m, whole := readLine([]byte(original))
	what := event.HashKey(original)
	if whole {
		r.events++
	}
	id := short(e.Get("event.id"))
	if before, known := r.ids[id]; known {
		r.repeats++
		if before != short(what.String()) {
			r.merged++
			r.fault("two texts have the id %s; the second is %.100s", e.Get("event.id"), original)
		}
		return
	}
	r.ids[id] = short(what.String())
	back := offset < c.next
	c.next = max(c.next, offset+1)
	if !whole {
		r.stray(e, original)
	} else {
		again := r.arrive(string(host), m, id, slices.Contains(e.All("tags"), "doubt"))
		back = back || !again && c.last.file == m.file && m.seq < c.last.seq
		c.last = m
	}
	if back {
		r.disorder++
		if r.disorder == 1 {
			r.hints = append(r.hints, fmt.Sprintf("the first step back: offset %d of %s: %.60s", offset, e.Get("log.file.path"), original))
		}
	}
}

// arrive notes that a line came by an id that was new, and reports whether the line had come before.
func (r *record) arrive(host string, m mark, id uint64, doubt bool) (again bool) {
	files := r.lines[host]
	if files == nil {
		files = map[int]*arrivals{}
		r.lines[host] = files
	}
	a := files[m.file]
	if a == nil {
		a = new(arrivals)
		files[m.file] = a
	}
	for len(a.ids) <= m.seq {
		a.ids = append(a.ids, 0)
	}
	switch {
	case a.ids[m.seq] == 0:
		a.ids[m.seq] = id
		a.have++
		r.distinct++
		a.last = r.distinct
		return false
	case doubt:
		r.doubtful++
	default:
		r.second++
		if r.second == 1 {
			r.hints = append(r.hints, fmt.Sprintf("the first line with a second id: %s %d %d", host, m.file, m.seq))
		}
	}
	return true
}

// maxStrays bounds how many different ones are kept.
const maxStrays = 300_000

func (r *record) stray(e *event.Event, text string) {
	key := textKey(text)
	s := r.strays[key]
	if s == nil {
		if len(r.strays) >= maxStrays {
			r.fault("there are more than %d different texts that are no numbered line", maxStrays)
			return
		}
		s = &stray{
			tags: e.All("tags"), path: e.Get("log.file.path"), raw: e.Get("labels.raw_base64"), length: e.Get("log.original_length"),
		}
		r.strays[key] = s
	}
	s.times++
}

func (r *record) beat(e *event.Event) {
	if _, err := heartbeat.Of(e); err != nil {
		r.fault("%v", err)
	}
}

// short is the first half of an id: of a hundred million, hardly ever two share it.
func short(id string) uint64 {
	k, err := event.ParseKey(id)
	if err != nil {
		return 0
	}
	return max(binary.BigEndian.Uint64(k[:]), 1)
}

// count is a copy of the counters.
func (r *record) count() tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally
}

// drops reports whether anything was declared as lost.
func (r *record) drops() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.streams {
		if len(c.kinds[batch.Dropped]) > 0 {
			return true
		}
	}
	return false
}

// of is how many different lines of a file number came.
func (r *record) of(host string, file int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.lines[host][file]; a != nil {
		return a.have
	}
	return 0
}

// order lists the file numbers in the order in which they were complete.
func (r *record) order(host string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	files := r.lines[host]
	return slices.SortedFunc(maps.Keys(files), func(a, b int) int { return cmp.Compare(files[a].last, files[b].last) })
}

// told lists what the agent said of itself with all the words in it.
func (r *record) told(words ...string) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.said {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			all = append(all, text)
		}
	}
	return all
}
