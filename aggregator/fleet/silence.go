package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/shared/event"
)

// queue is one queue that agents speak in; the one without a name is the road over HTTPS.
type queue struct {
	Name    string    `json:"name"`
	Time    time.Time `json:"time"`             // the newest moment at which a batch in it was sealed
	Came    time.Time `json:"came"`             // when its newest batch came, by our clock
	Resumed time.Time `json:"resumed,omitzero"` // Time at the first batch after the last pause
	Back    time.Time `json:"back,omitzero"`    // by our clock, when that one came
	Idle    time.Time `json:"idle,omitzero"`    // when it was told that nobody speaks
	Turned  time.Time `json:"turned,omitzero"`  // when Idle has changed last

	taken time.Time // since when it is judged here; zero: by another aggregator, where there are several
	bare  bool      // at the last look no heartbeats were due in it: it has other lanes of relays, or nobody
}

// pauses is the part of Config.SilenceAfter for which nothing comes in a queue before those who speak again are given
// time to do so: after an outage not all of them come back at once. Heartbeats are far more frequent.
const pauses = 2

// comeBack is how much time they are given, by the clock; a shorter Config.SilenceAfter counts instead.
const comeBack = time.Minute

// expectation is a host that is to be there.
type expectation struct {
	Since time.Time `json:"since"`
	Told  time.Time `json:"told,omitzero"` // that it is not
}

func (f *Fleet) queue(name string) *queue {
	q := f.queues[name]
	if q == nil {
		q = &queue{Name: name}
		f.queues[name] = q
	}
	return q
}

func (q *queue) came(sealed, now time.Time, pause time.Duration) {
	if sealed.After(q.Time) {
		q.Time = sealed
	}
	if now.Sub(q.Came) > pause {
		q.Resumed, q.Back = q.Time, now
	}
	q.Came = now
}

// dataTime returns the time of the data in a queue; zero if none has come.
func (f *Fleet) dataTime(name string, now time.Time) time.Time {
	q := f.queues[name]
	if q == nil {
		return time.Time{}
	}
	if q.Time.After(now) {
		return now
	}
	return q.Time
}

// idle reports whether nobody speaks in a queue.
func (f *Fleet) idle(q *queue, now time.Time) bool {
	if !f.judges(q) {
		return !q.Idle.IsZero() || now.Sub(q.Came) > f.cfg.SilenceAfter+overlap // as who does has told, or nobody does
	}
	last := later(later(q.Came, q.taken), f.opened) // while we were away nobody could
	return now.Sub(last) > f.cfg.SilenceAfter
}

// still reports whether nobody speaks in the queue of an agent's heartbeats.
func (f *Fleet) still(a *agent, now time.Time) bool {
	q := f.home(a)
	return q != nil && f.idle(q, now)
}

// Release says that another aggregator owns a queue now: who speaks in it is judged there.
func (f *Fleet) Release(name string) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	_, known := f.queues[name]
	delete(f.queues, name)
	f.mu.Unlock()
	if !known {
		return nil
	}
	return f.db.Write([]Put{{bucketQueues, []byte("q" + name), nil}}, nil)
}

// newest returns, for each name, when its newest batch was sealed, of whatever id.
func (f *Fleet) newest() map[string]time.Time {
	all := make(map[string]time.Time, len(f.ids))
	for _, a := range f.agents {
		if t, ok := all[a.Name]; !ok || a.Sealed.After(t) {
			all[a.Name] = a.Sealed
		}
	}
	return all
}

// mute reports whether an agent says nothing, by whatever lane, while others speak in the queue of its heartbeats.
func (f *Fleet) mute(a *agent, now time.Time) bool {
	q := f.home(a)
	if q == nil || f.idle(q, now) || a.Seen.IsZero() || now.Sub(q.Back) <= min(f.cfg.SilenceAfter, comeBack) {
		return false
	}
	since := a.Sealed
	if q.Resumed.After(since) {
		since = q.Resumed
	}
	return f.dataTime(q.Name, now).Sub(since) > f.cfg.SilenceAfter
}

// Tick judges who is silent, and writes what has changed when that is due. An error is the disk's: nothing is lost by
// it, and the next Tick tries again.
func (f *Fleet) Tick(now time.Time) error {
	if !f.judge(now) {
		return nil
	}
	return f.Save(now)
}

// judge reports whether something is to be written.
func (f *Fleet) judge(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.judgeQueues(now)
	f.judgeHosts(now)
	f.homes()
	f.judgeExpected(now)
	f.judgeDropped(now)
	return len(f.says) > 0 || now.Sub(f.saved) >= saveEvery
}

func (f *Fleet) judgeQueues(now time.Time) {
	for _, q := range f.queues {
		idle := f.idle(q, now)
		switch {
		case !f.judges(q):
		case idle && q.Idle.IsZero():
			names := f.speakers(q)
			if len(names) == 0 {
				continue
			}
			q.Idle, q.Turned = now, now
			e := Say(now, "belfry.silence", "queue-idle", fmt.Sprintf("nobody speaks in %s since %s: %s", q.shown(),
				q.Came.UTC().Format(time.RFC3339), list(names)))
			f.sayQueue(e, q, q.Idle)
		case !idle && !q.Idle.IsZero():
			e := Say(now, "belfry.silence", "queue-back", fmt.Sprintf("%s: agents speak again, after nobody did from %s on",
				q.shown(), q.Idle.UTC().Format(time.RFC3339)))
			since := q.Idle
			q.Idle, q.Turned = time.Time{}, now
			f.sayQueue(e, q, since)
		}
	}
}

func (f *Fleet) sayQueue(e *event.Event, q *queue, since time.Time) {
	e.Set("belfry.silence.queue", q.Name)
	f.says = append(f.says, word{
		event: e, key: []string{e.Get("event.action"), q.Name, stampKey(since)},
		queue: &queue{Name: q.Name, Idle: q.Idle, Turned: q.Turned},
	})
}

func (q *queue) shown() string {
	if q.Name == "" {
		return "HTTPS"
	}
	return "queue " + q.Name
}

// speakers returns whose heartbeats are due in a queue, and who is not known to be silent anyway.
func (f *Fleet) speakers(q *queue) (names []string) {
	for _, a := range f.agents {
		if f.home(a) == q && a.Silent.IsZero() && !a.Seen.IsZero() && !slices.Contains(names, a.shown()) {
			names = append(names, a.shown())
		}
	}
	return names
}

func (f *Fleet) judgeHosts(now time.Time) {
	newest := f.newest()
	var silent, back []absent
	for _, a := range f.agents {
		if !f.judgesHost(a) {
			continue
		}
		replaced := newest[a.Name].After(a.Sealed)
		mute := f.mute(a, now) && !replaced
		switch {
		case mute && a.Silent.IsZero():
			a.Silent, a.Turned = now, now
			silent = append(silent, absent{name: a.shown(), since: a.Sealed, agent: a})
		case !mute && !a.Silent.IsZero() && !f.still(a, now) && (replaced || !a.missed()):
			since := a.Silent
			a.Silent, a.Turned = time.Time{}, now
			if !replaced {
				back = append(back, absent{name: a.shown(), since: since, agent: a})
			}
		default:
			continue
		}
		f.dirty[a.id] = true
		f.soon(a.id, 0)
	}
	f.tell(now, "silent", "says nothing since %s, and others do", silent)
	f.tell(now, "back", "speaks again; it was silent from %s on", back)
}

// missed reports whether it was told that an agent is silent, and nothing of it has come since. After a pause of its queue
// it is given time to speak, but it does not do so by that.
func (a *agent) missed() bool { return !a.Silent.IsZero() && !a.Seen.After(a.Silent) }

func (f *Fleet) judgeExpected(now time.Time) {
	var missing []absent
	if !f.leads() {
		return
	}
	here, least := f.reported(), f.cfg.SilenceAfter
	if f.docs != nil { // it may have spoken to another aggregator
		least += overlap
	}
	for name, x := range f.expected {
		if here[name] || !x.Told.IsZero() || now.Sub(x.Since) <= least {
			continue
		}
		x.Told = now
		missing = append(missing, absent{name: name, since: x.Since, expected: x})
	}
	f.tell(now, "silent", "has never reported, and is expected since %s", missing)
}

// names returns by which names an agent may be expected: that in its certificate, and the host that this names.
func names(certificate string) []string {
	all := []string{certificate}
	if host, ok := strings.CutPrefix(certificate, "agent-"); ok {
		all = append(all, host)
	}
	if host, _, ok := strings.Cut(all[len(all)-1], "."); ok {
		all = append(all, host)
	}
	return all
}

// reported returns the names by which those are expected who have spoken.
func (f *Fleet) reported() map[string]bool {
	if len(f.expected) == 0 {
		return nil
	}
	all := make(map[string]bool, 2*len(f.agents))
	for certificate := range f.ids {
		for _, n := range names(certificate) {
			all[n] = true
		}
	}
	return all
}

// many is how many hosts are told of one by one; more at once are one story.
const many = 10

// maxNamed is how many of them the event's list has: no more values than an index takes.
const maxNamed = 1000

// absent is who is told of.
type absent struct {
	name     string
	since    time.Time
	agent    *agent       // or
	expected *expectation // nobody
}

func (f *Fleet) tell(now time.Time, action, text string, all []absent) {
	slices.SortFunc(all, func(x, y absent) int { return strings.Compare(x.name, y.name) })
	if len(all) <= many {
		for _, x := range all {
			e := Say(now, "belfry.silence", "host-"+action, fmt.Sprintf("%s "+text, x.name, x.since.UTC().Format(time.RFC3339)))
			e.Set("host.name", x.name)
			f.says = append(f.says, wordOf(e, x))
		}
		return
	}
	names, first := make([]string, len(all)), all[0].since
	for i, x := range all {
		names[i], first = x.name, earlier(first, x.since)
	}
	e := Say(now, "belfry.silence", "hosts-"+action, fmt.Sprintf("%d hosts at once: each "+text+" or later: %s",
		len(all), first.UTC().Format(time.RFC3339), list(names)))
	for _, n := range names[:min(len(names), maxNamed)] {
		e.Append("belfry.silence.hosts", n)
	}
	f.says = append(f.says, wordOf(e, all...))
}

// list writes some names, and how many more there are.
func list(names []string) string {
	slices.Sort(names)
	text := strings.Join(names[:min(len(names), many)], ", ")
	if more := len(names) - many; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Expect makes hosts known, by the names in their certificates or those of the hosts that these name, whether they have ever reported or not. Those that were
// expected before and are not named any more are expected no longer.
func (f *Fleet) Expect(ctx context.Context, names []string, now time.Time) error {
	if f.docs != nil {
		return f.expectShared(ctx, names, now)
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	next := make(map[string]*expectation, len(names))
	var puts []Put
	for name := range f.expected {
		if !slices.Contains(names, name) {
			puts = append(puts, Put{bucketExpected, []byte(name), nil})
		}
	}
	for _, name := range names {
		if next[name] = f.expected[name]; next[name] == nil {
			next[name] = &expectation{Since: now}
		}
		puts = append(puts, next[name].put(name))
	}
	if err := f.db.Write(puts, nil); err != nil {
		return err
	}
	f.expected = next
	return nil
}

func (x *expectation) put(name string) Put {
	text, _ := json.Marshal(x) // of times: it cannot fail
	return Put{bucketExpected, []byte(name), text}
}
