package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/enrich"
	"belfry/aggregator/fleet"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/parse"
	"belfry/aggregator/receive"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// errPoison says that a message can never be taken.
var errPoison = errors.New("cannot be taken")

// poison is an errPoison that knows its batch.
type poison struct {
	reason error
	proven *batch.Manifest // nil: nobody knows whose it is, so it says nothing
}

func (r *poison) Error() string        { return errPoison.Error() + ": " + r.reason.Error() }
func (r *poison) Unwrap() error        { return r.reason }
func (r *poison) Is(target error) bool { return target == errPoison }

// delivery is a batch as it came.
type delivery struct {
	manifest []byte
	proof    batch.Proof
	body     []byte
	masked   bool   // we have taken secrets out of the body since it was proven
	queue    string // of the broker; "" without
}

// pipeline takes messages from the doors through the stages: decode, ledger, parse, index. The index calls the
// alerts and the live tail when the events are on the disk, and then what each message waits for.
type pipeline struct {
	prover *prover
	speaks *speakers
	opener *batch.Opener
	parser *parse.Parser
	index  index.Index
	enrich *enrich.Enricher
	fleet  *fleet.Fleet
	log    *slog.Logger
	decs   sync.Pool // of *event.Decoder

	events, repeats, poison, mismatches, reduced *metrics.Counter
}

func newPipeline(prover *prover, speaks *speakers, parser *parse.Parser, x index.Index, log *slog.Logger,
	set *metrics.Set) (*pipeline, error) {
	opener, err := batch.NewOpener()
	if err != nil {
		return nil, err
	}
	return &pipeline{
		prover: prover, speaks: speaks, opener: opener, parser: parser, index: x, log: log,
		decs:    sync.Pool{New: func() any { return new(event.Decoder) }},
		events:  set.NewCounter("belfry_receive_events_total"),
		repeats: set.NewCounter("belfry_ledger_repeats_total"),
		poison:  set.NewCounter("belfry_receive_poison_total"),

		mismatches: set.NewCounter("belfry_receive_identity_mismatches_total"),
		reduced:    set.NewCounter("belfry_receive_reduced_total"),
	}, nil
}

// batch takes an agent's batch. done is called once, when all of it is durable, or with an error that says why not:
// errPoison if it can never be. The calls of one queue must come in its order.
func (p *pipeline) batch(ctx context.Context, d delivery, done func(error)) {
	m, err := batch.ParseManifest(d.manifest)
	if err != nil {
		p.refuse(nil, err, done)
		return
	}
	from, err := p.prover.prove(m, d.manifest, d.proof)
	if err != nil {
		p.refuse(nil, err, done)
		return
	}
	if err := p.claim(ctx, m, from); err != nil {
		done(err)
		return
	}
	open := p.opener.Open
	if d.masked {
		open = p.opener.OpenMasked
	}
	lines, err := open(m, d.body)
	if err != nil {
		p.refuse(m, err, done)
		return
	}
	w := index.Write{Items: make([]index.Item, 0, len(lines))}
	for i := range m.Streams {
		s := &m.Streams[i]
		if err := p.stream(ctx, &w, m.Agent, s, lines[:s.Events], from); err != nil {
			p.refuse(m, fmt.Errorf("streams[%d]: %w", i, err), done)
			return
		}
		lines = lines[s.Events:]
	}
	p.write(ctx, m, w, p.noted(m, from, d.queue, w.Items, done))
}

// refuse says that a message can never be taken; m is its manifest if that is proven.
func (p *pipeline) refuse(m *batch.Manifest, reason error, done func(error)) {
	p.poison.Inc()
	done(&poison{reason, m})
}

// stream decodes and parses what is new of one stream's part of a batch.
func (p *pipeline) stream(ctx context.Context, w *index.Write, agent event.Key, s *batch.Stream, lines [][]byte, from sender) error {
	pos := ledger.Position{Agent: agent, Stream: s.ID, Epoch: s.Epoch}
	for _, r := range s.Ranges {
		w.Ranges = append(w.Ranges, index.Range{Pos: pos, Kind: r.Kind, First: r.First, End: r.End})
	}
	dec := p.decs.Get().(*event.Decoder)
	defer p.decs.Put(dec)
	now, last, speaks := time.Now(), "", true // for which host the sender was asked for last
	p.foresee(dec, lines, agent.String(), from.foreign, now)
	for i, line := range lines {
		e, err := dec.Decode(line)
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		offset, err := strconv.ParseUint(e.Get("log.offset"), 10, 64)
		if err != nil || !inData(s.Ranges, offset) {
			return fmt.Errorf("event %d: log.offset %q is in no data range of the manifest", i, e.Get("log.offset"))
		}
		named := from.foreign && receive.Named(e)
		if want := event.ID(agent, s.ID, s.Epoch, offset).String(); e.Get("event.id") != want && !named {
			return fmt.Errorf("event %d: event.id %q, its place gives %s", i, e.Get("event.id"), want)
		}
		if p.index.Held(pos, offset) {
			p.repeats.Inc()
			continue
		}
		if from.foreign {
			e.Delete("log.offset") // of the aggregator's stream
		} else {
			e.Set("agent.id", agent.String())
			e.Set("agent.name", from.name)
		}
		ownWords(e)
		p.understand(e, now)
		if host := e.Get("host.name"); !from.foreign && host != last {
			last, speaks = host, p.speaks.may(from.name, host)
		}
		switch {
		case from.foreign:
			p.identify(ctx, e, now)
		case !speaks, p.speaks.further(from.name, e) != "":
			p.mismatches.Inc()
			p.speaks.check(ctx, e, from.name, false, now)
		}
		w.Items = append(w.Items, index.Item{
			Event: e, Pos: pos, Offset: offset, Ranged: true, Named: named, Class: s.Class, Day: s.Day,
		})
	}
	return nil
}

// foresee tells the parser of lines that others of their batch may need.
func (p *pipeline) foresee(dec *event.Decoder, lines [][]byte, agent string, foreign bool, now time.Time) {
	for _, line := range lines {
		if !parse.MayForesee(line) {
			continue
		}
		e, err := dec.Decode(line)
		if err != nil {
			return // it is told of when its turn comes
		}
		if !foreign {
			e.Set("agent.id", agent)
		}
		p.parser.Foresee(e, now)
	}
}

// identify looks whether a foreign sender who is known by name speaks for the host that the event names.
func (p *pipeline) identify(ctx context.Context, e *event.Event, now time.Time) {
	name := e.Get("agent.name")
	if name == "" || p.speaks.may(name, e.Get("host.name")) && p.speaks.further(name, e) == "" {
		return
	}
	p.mismatches.Inc()
	p.speaks.check(ctx, e, name, true, now)
}

func inData(ranges []batch.Range, offset uint64) bool {
	for _, r := range ranges {
		if r.Kind == batch.Data && r.First <= offset && offset < r.End {
			return true
		}
	}
	return false
}

// ownWords keeps an agent from saying what only an aggregator does, as that there is a gap. How it is, and what it doubts
// of its own, it says itself.
func ownWords(e *event.Event) {
	for i := range e.Fields { // of a list, each value is found by a search; and in either case
		f := &e.Fields[i]
		if f.Name == "event.dataset" && hasOwnPrefix(f.Value) && f.Value != heartbeat.Dataset && f.Value != heartbeat.Doubt {
			f.Name = "labels.dataset"
		}
	}
}

func hasOwnPrefix(dataset string) bool {
	return len(dataset) >= len(ownDatasets) && strings.EqualFold(dataset[:len(ownDatasets)], ownDatasets)
}

// understand parses one event. What an agent says of itself is no line of a log.
func (p *pipeline) understand(e *event.Event, now time.Time) {
	e.Set("event.ingested", now.UTC().Format(time.RFC3339Nano))
	if strings.HasPrefix(e.Get("event.dataset"), ownDatasets) {
		return
	}
	p.parser.Parse(e, now)
	p.enrich.Enrich(e, now)
	if err := p.index.Refuses(e); err != nil { // its neighbours must not suffer for it
		p.reduced.Inc()
		index.Reduce(e, err)
	}
}

// foreign takes a message of somebody who is no agent, in a content encoding. Its key is the sender's name for it.
func (p *pipeline) foreign(ctx context.Context, body []byte, encoding string, from receive.Origin, done func(error)) {
	text, err := receive.Unpack(body, encoding)
	if err != nil {
		p.refuse(nil, err, done)
		return
	}
	events, err := receive.Foreign(text, from)
	if err != nil {
		p.refuse(nil, err, done)
		return
	}
	p.foreignEvents(ctx, events, func(_ index.Result, err error) { done(err) })
}

// foreignEvents takes events that are read already.
func (p *pipeline) foreignEvents(ctx context.Context, events []*event.Event, done func(index.Result, error)) {
	w := index.Write{Items: make([]index.Item, 0, len(events))}
	now := time.Now()
	for _, e := range events {
		named := receive.Named(e)
		ownWords(e)
		p.understand(e, now)
		p.identify(ctx, e, now)
		w.Items = append(w.Items, index.Item{Event: e, Named: named})
	}
	p.writeTold(ctx, nil, w, done)
}

func (p *pipeline) write(ctx context.Context, m *batch.Manifest, w index.Write, done func(error)) {
	p.writeTold(ctx, m, w, func(_ index.Result, err error) { done(err) })
}

// writeTold is write for who wants to know what was there already.
func (p *pipeline) writeTold(ctx context.Context, m *batch.Manifest, w index.Write, done func(index.Result, error)) {
	p.index.Write(ctx, w, func(r index.Result, err error) {
		switch {
		case err == nil:
			p.events.Add(r.New)
			p.repeats.Add(r.Repeats)
		case errors.Is(err, index.ErrBadWrite), errors.Is(err, ledger.ErrFull): // nor later
			p.refuse(m, err, func(err error) { done(r, err) })
			return
		}
		done(r, err)
	})
}
