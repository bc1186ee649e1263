package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

const (
	// overlap is how much is read again of what was saved before the last look, as the fleet does.
	overlap = 2 * time.Minute
	// patience is how long another aggregator is given to say what it was about to say of a gap.
	patience = 15 * time.Second
	// maxConflicts bounds how often a document is written again.
	maxConflicts = 100
)

// documents is the gaps where several aggregators share an index: a document each, with what is to be said of the gap, so
// that it is there together with it. A gap's id is made of its place; so two who judge the same mean the same gap, and who
// writes second sees what the first has written.
type documents struct {
	docs     fleet.Docs // nil: nobody else has a part in the gaps
	sure     func(ctx context.Context, p ledger.Position) error
	read     time.Time // up to when the documents were
	versions map[string]ledger.Version
	lost     bool // what is in memory could not be written: the documents are to be read again

	unsaid fleet.Unsaid // each in the document of its gap
}

// gapDoc is the document of a gap.
type gapDoc struct {
	Gap *Gap              `json:"gap"`
	Say []json.RawMessage `json:"say,omitempty"` // events that may not be in the index yet
}

// Share keeps the gaps in documents from now on, and moves those of the file there. Before a gap is opened, sure is asked to
// read what the ledger's documents have of its place. It is to be called before anything else.
func (t *Tracker) Share(docs fleet.Docs, sure func(ctx context.Context, p ledger.Position) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.documents = documents{docs: docs, sure: sure, lost: true, versions: make(map[string]ledger.Version)}
}

// move writes the gaps that the file has into documents.
func (t *Tracker) move(ctx context.Context) error {
	var puts []fleet.Put
	err := t.fleet.DB().Each(fleet.BucketGaps, func(k, v []byte) error {
		var g Gap
		if err := json.Unmarshal(v, &g); err != nil {
			return fmt.Errorf("gap %s: %w", k, err)
		}
		g.Rev = 1
		body, err := json.Marshal(gapDoc{Gap: &g})
		if err == nil {
			err = t.docs.Save(ctx, g.ID, body, ledger.Version{})
		}
		if err != nil && !errors.Is(err, ledger.ErrConflict) { // else the documents know better
			return err
		}
		puts = append(puts, fleet.Put{Bucket: fleet.BucketGaps, Key: slices.Clone(k)})
		return nil
	})
	if err == nil {
		err = t.fleet.DB().Write(puts, nil)
	}
	if err != nil {
		return fmt.Errorf("share gaps: %w", err)
	}
	return nil
}

// Follow takes in what other aggregators have written since it was asked before.
func (t *Tracker) Follow(ctx context.Context, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.ready(ctx, now), t.follow(ctx, now))
}

// ready reads the documents again if what is in memory may be wrong.
func (t *Tracker) ready(ctx context.Context, now time.Time) error {
	if t.docs == nil || !t.lost {
		return nil
	}
	if err := t.move(ctx); err != nil {
		return err
	}
	for _, g := range t.gaps {
		t.takeOut(g)
	}
	clear(t.versions)
	t.read = time.Time{}
	if err := t.follow(ctx, now); err != nil {
		return err
	}
	t.lost, t.looked = false, time.Time{}
	t.fleet.TouchAll()
	return nil
}

func (t *Tracker) follow(ctx context.Context, now time.Time) error {
	since := t.read
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	err := t.docs.Each(ctx, since, func(id string, body []byte, v ledger.Version) error {
		if !t.newer(id, v) {
			return nil
		}
		d, err := readGap(id, body)
		if err != nil { // it must not hold up all others
			t.log.Error("gap cannot be read", "id", id, "err", err)
			return nil
		}
		t.take(d, now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the gaps that other aggregators know: %w", err)
	}
	t.read = now
	return nil
}

// newer notes the version of a document, and reports whether it is newer than the one that was read before.
func (t *Tracker) newer(id string, v ledger.Version) bool {
	old, known := t.versions[id]
	if known && cmp.Or(cmp.Compare(v.Term, old.Term), cmp.Compare(v.Seq, old.Seq)) <= 0 {
		return false
	}
	t.versions[id] = v
	return true
}

func readGap(id string, body []byte) (d gapDoc, err error) {
	if err := json.Unmarshal(body, &d); err != nil {
		return d, fmt.Errorf("gap %s: %w", id, err)
	}
	if d.Gap == nil {
		return d, fmt.Errorf("gap %s: its document has none", id)
	}
	return d, nil
}

// take puts a gap of a document in the place of what is known of it.
func (t *Tracker) take(d gapDoc, now time.Time) {
	t.heed(d, now.Add(patience), false)
	g := d.Gap
	if old := t.gaps[g.ID]; old != nil {
		if old.Rev > g.Rev {
			return
		}
		t.takeOut(old)
	}
	if g.State == Open || g.State == Accepted {
		t.keep(g)
		pl := t.place(g.position())
		pl.gaps = append(pl.gaps, g)
	}
}

func (t *Tracker) takeOut(g *Gap) {
	t.drop(g)
	p := g.position()
	pl := t.places[p]
	if pl == nil {
		return
	}
	pl.gaps = slices.DeleteFunc(pl.gaps, func(x *Gap) bool { return x.ID == g.ID })
	if len(pl.gaps) == 0 && len(pl.holes) == 0 {
		delete(t.places, p)
	}
}

// heed notes what a document has to say, and when it is to be said here.
func (t *Tracker) heed(d gapDoc, due time.Time, ours bool) {
	for _, text := range d.Say {
		var dec event.Decoder
		e, err := dec.Decode(text)
		if err != nil {
			continue // it was said when it was written, or is lost
		}
		t.unsaid.Add(e.Get("event.id"), fleet.Waiting{Doc: d.Gap.ID, Event: text, Due: due, Ours: ours})
	}
}

// elsewhere reports whether another aggregator judges a position.
func (t *Tracker) elsewhere(p ledger.Position, st *fleet.Stream, known bool) bool {
	return t.docs != nil && (known && !st.Ours || !known && !t.fleet.Forgotten(p))
}

// leave forgets the holes of a position that another aggregator judges; it finds them itself.
func (t *Tracker) leave(p ledger.Position) {
	pl := t.places[p]
	if pl == nil || len(pl.holes) == 0 {
		return
	}
	pl.holes = nil
	t.stale[p] = true
	if len(pl.gaps) == 0 {
		delete(t.places, p)
	}
}

// makeSure lets the ledger read what others have written, if a gap is about to be opened.
func (t *Tracker) makeSure(ctx context.Context, st *fleet.Stream, now time.Time) error {
	pl := t.places[st.Pos]
	if t.docs == nil || pl == nil || st.Now.IsZero() || !t.room(st.Name) ||
		!slices.ContainsFunc(pl.holes, func(h hole) bool { return t.isRipe(st, h, now) }) {
		return nil
	}
	return t.sure(ctx, st.Pos)
}

// writeShared writes the gaps that have changed, each with what is said of it. Where somebody else has written one, that is
// taken instead, and judged again.
func (t *Tracker) writeShared(ctx context.Context, now time.Time, c *changes) error {
	for _, g := range c.gaps {
		var says []*event.Event
		for _, s := range c.says {
			if s.gap.ID == g.ID {
				says = append(says, s.event)
			}
		}
		if err := t.writeGap(ctx, now, g, says); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tracker) writeGap(ctx context.Context, now time.Time, g *Gap, says []*event.Event) error {
	fresh := g.Rev == 0
	for range maxConflicts {
		d, v, err := t.loadGap(ctx, g.ID)
		if err != nil {
			return err
		}
		if is := d.Gap; is != nil {
			ended := is.State != Open && is.State != Accepted
			if is.Rev != g.Rev && !(fresh && ended) {
				t.takeOut(g) // it may be that nobody has it any more
				t.take(d, now)
				t.looked = time.Time{}
				return nil
			}
			g.Rev = is.Rev
		}
		next := *g
		if err := t.save(ctx, now, &next, d.Say, says, v); errors.Is(err, ledger.ErrConflict) {
			continue
		} else if err != nil {
			return err
		}
		g.Rev = next.Rev
		return nil
	}
	return fmt.Errorf("write gap %s: %d times in a row: %w", g.ID, maxConflicts, ledger.ErrConflict)
}

// loadGap returns the document of a gap; an empty one if there is none.
func (t *Tracker) loadGap(ctx context.Context, id string) (d gapDoc, v ledger.Version, err error) {
	body, v, err := t.docs.Load(ctx, id)
	if err != nil {
		return d, v, fmt.Errorf("read gap %s: %w", id, err)
	}
	if body == nil {
		return d, v, nil
	}
	t.newer(id, v)
	d, err = readGap(id, body)
	return d, v, err
}

// save writes a gap with what is said of it, and what was to be said before.
func (t *Tracker) save(ctx context.Context, now time.Time, g *Gap, before []json.RawMessage, says []*event.Event, v ledger.Version) error {
	g.Rev++
	d := gapDoc{Gap: g, Say: slices.Clone(before)}
	for _, e := range says {
		e.Set("event.id", event.HashKey("belfry", "gap", g.ID, fmt.Sprint(g.Rev), e.Get("event.action")).String())
		d.Say = append(d.Say, e.AppendJSON(nil))
	}
	body, err := json.Marshal(d)
	if err == nil {
		err = t.docs.Save(ctx, g.ID, body, v)
	}
	if err != nil {
		return err
	}
	t.heed(d, now, true)
	return nil
}

// acceptShared accepts a gap as its document has it.
func (t *Tracker) acceptShared(ctx context.Context, id string, now time.Time, accept func(*Gap)) (Gap, error) {
	for range maxConflicts {
		d, v, err := t.loadGap(ctx, id)
		if err != nil {
			return Gap{}, err
		}
		if d.Gap == nil || d.Gap.State != Open && d.Gap.State != Accepted {
			return Gap{}, fmt.Errorf("%w: %q (belfry gaps lists them)", ErrNoGap, id)
		}
		next := *d.Gap
		accept(&next)
		err = t.save(ctx, now, &next, d.Say, []*event.Event{next.event(now, "gap-accepted")}, v)
		if errors.Is(err, ledger.ErrConflict) {
			continue
		}
		if err != nil {
			return Gap{}, fmt.Errorf("write gap %s: %w", id, err)
		}
		t.take(gapDoc{Gap: &next}, now)
		return next, nil
	}
	return Gap{}, fmt.Errorf("write gap %s: %d times in a row: %w", id, maxConflicts, ledger.ErrConflict)
}

// Sayings returns what is to be said of gaps now, as the fleet's Sayings does.
func (t *Tracker) Sayings(ctx context.Context, now time.Time) ([]fleet.Saying, error) {
	waits := func(id string, body []byte) bool { return strings.Contains(string(body), id) }
	return t.unsaid.Due(ctx, t.docs, now, waits, func(_ string, w *fleet.Waiting, err error) (*event.Event, error) {
		return nil, fmt.Errorf("what is to be said of gap %s: %w", w.Doc, err)
	})
}

// Spoken takes a saying out that is in the index.
func (t *Tracker) Spoken(ctx context.Context, id string) error {
	s := t.unsaid.Get(id)
	if s == nil {
		return nil
	}
	for range maxConflicts {
		body, v, err := t.docs.Load(ctx, s.Doc)
		if err != nil {
			return err
		}
		var d gapDoc
		if body != nil {
			if d, err = readGap(s.Doc, body); err != nil {
				return err
			}
		}
		d.Say = slices.DeleteFunc(d.Say, func(text json.RawMessage) bool { return strings.Contains(string(text), id) })
		if body, err = json.Marshal(d); err == nil && d.Gap != nil {
			err = t.docs.Save(ctx, s.Doc, body, v)
		}
		if errors.Is(err, ledger.ErrConflict) {
			continue
		}
		if err == nil {
			t.unsaid.Drop(id)
		}
		return err
	}
	return nil // it is said once more, which is no harm
}

// pruneShared removes the documents of gaps that ended before the retention.
func (t *Tracker) pruneShared(ctx context.Context, now time.Time) error {
	return t.docs.Each(ctx, time.Time{}, func(id string, body []byte, v ledger.Version) error {
		d, err := readGap(id, body)
		if err != nil || d.Gap.Ended.IsZero() || now.Sub(d.Gap.Ended) <= t.fleet.Retention() {
			return nil
		}
		if err := t.docs.Remove(ctx, id, v); err != nil && !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		return nil
	})
}
