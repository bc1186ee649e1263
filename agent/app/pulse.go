package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"belfry/agent/input/file"
	"belfry/agent/ship"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// firstBeat is how long after the start the first heartbeat leaves: by then the files were looked at once.
const firstBeat = 2 * time.Second

// lastBeat is how long the last heartbeat may wait for the road.
const lastBeat = time.Second

// counted is the number of dropped messages that a heartbeat told of, and where it ends in the stream.
type counted struct{ end, dropped uint64 }

// pulse sends heartbeats. They are a stream like any other, which begins anew with each start of the process.
type pulse struct {
	src     file.Source
	boot    event.Key
	config  string // hash of the configuration
	files   certs.Files
	streams func() []heartbeat.Stream
	dropped func() uint64
	spool   func() uint64 // bytes that wait on the disk
	doubts  func() []file.Doubt
	ship    *ship.Shipper
	log     *slog.Logger

	place batch.Place

	mu     sync.Mutex // guards what follows
	offset uint64
	relay  uint64    // behind the last event that told of the relay
	taken  batchSpan // what of the stream was confirmed
	counts []counted // of heartbeats that are not confirmed, in order

	told  func() error  // the receiver has what was told of the relay
	heard func(uint64)  // the receiver knows that so many messages were dropped
	ended chan struct{} // closed when the inputs have stopped
	stop  func()
}

func newPulse(src file.Source, boot event.Key, config string, files certs.Files, s *ship.Shipper, log *slog.Logger) *pulse {
	p := &pulse{
		src: src, boot: boot, config: config, files: files, ship: s, log: log, ended: make(chan struct{}),
		place: batch.Place{Stream: event.HashKey("heartbeat", src.Agent.String()), Epoch: randomEpoch(), Class: "default"},
	}
	p.doubts = func() []file.Doubt { return nil }
	p.spool = func() uint64 { return 0 }
	p.told, p.heard = func() error { return nil }, func(uint64) {}
	p.stop = sync.OnceFunc(func() { close(p.ended) })
	return p
}

// Run sends a heartbeat now and then, and a last one when the inputs have stopped.
func (p *pulse) Run(ctx context.Context) error {
	t := time.NewTimer(firstBeat)
	defer t.Stop()
	often := time.NewTicker(tellEvery)
	defer often.Stop()
	for {
		select {
		case <-often.C:
			if err := p.tell(ctx); err != nil {
				return err
			}
			continue
		case <-t.C:
			t.Reset(heartbeat.Every)
		case <-p.ended: // who cannot be reached must not hold up the stop
			ctx, cancel := context.WithTimeout(ctx, lastBeat)
			defer cancel()
			return errors.Join(p.tell(ctx), p.beat(ctx))
		case <-ctx.Done():
			return nil
		}
		if err := p.beat(ctx); err != nil {
			return err
		}
	}
}

// beat sends one heartbeat, in as many parts as it takes to name all streams. It blocks while the road does.
func (p *pulse) beat(ctx context.Context) error {
	streams := p.streams()
	for first := true; first || len(streams) > 0; first = false {
		n := min(len(streams), heartbeat.MaxStreams)
		if err := p.send(ctx, streams[:n]); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		streams = streams[n:]
	}
	return nil
}

func (p *pulse) send(ctx context.Context, streams []heartbeat.Stream) error {
	now := time.Now().UTC()
	h := heartbeat.Heartbeat{Boot: p.boot, Config: p.config, Dropped: p.dropped(), Spool: p.spool(), Streams: streams}
	var err error
	if h.Expires, err = p.files.Expires(); err != nil {
		p.log.Debug("certificate cannot be read", "err", err)
	}
	e := p.event(now, h.String())
	if err := h.Put(e); err != nil {
		return err
	}
	p.mu.Lock()
	p.counts = append(p.counts, counted{p.offset + 1, h.Dropped})
	p.mu.Unlock()
	return p.put(ctx, now, e)
}

// probe returns when nothing of it is held.
func (p *pulse) probe() {
	p.mu.Lock()
	defer p.mu.Unlock()
}

// tellEvery is how often it is asked what is in doubt.
const tellEvery = time.Second

// tell sends what is in doubt, each as an event of its own. It blocks while the road does.
func (p *pulse) tell(ctx context.Context) error {
	all := p.doubts()
	p.mu.Lock()
	for i, d := range all {
		if d.Path == relayPath { // before the first leaves: the receiver must have the last, too
			p.relay = p.offset + uint64(i) + 1
		}
	}
	p.mu.Unlock()
	for _, d := range all {
		at := d.At.UTC()
		if err := p.put(ctx, at, p.doubt(d)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	return nil
}

// doubt makes the event of a doubt: of a file, of all files, or of the relay.
func (p *pulse) doubt(d file.Doubt) *event.Event {
	text := fmt.Sprintf("what was sent of %s before byte %d may be there twice, or not be whole: %s", d.Path, d.End, d.Reason)
	if d.Stream == (event.Key{}) { // not of one file
		text = fmt.Sprintf("%s: %s", d.Path, d.Reason)
	}
	e := p.event(d.At.UTC(), text)
	e.Set("event.dataset", heartbeat.Doubt)
	e.Set("event.kind", "event")
	e.Set("belfry.doubt.reason", d.Reason)
	if d.Path == relayPath {
		e.Set("event.action", "relay-cut-off")
		return e
	}
	e.Set("event.action", "file-in-doubt")
	e.Set("log.file.path", d.Path)
	e.Set("belfry.doubt.stream", d.Stream.String())
	e.Set("belfry.doubt.epoch", fmt.Sprint(d.Epoch))
	e.Set("belfry.doubt.end", fmt.Sprint(d.End))
	return e
}

// event begins an event of the agent's own.
func (p *pulse) event(at time.Time, message string) *event.Event {
	e := new(event.Event)
	stamp := at.Format(event.Stamp)
	e.Set("@timestamp", stamp)
	e.Set("event.created", stamp)
	e.Set("event.id", event.ID(p.src.Agent, p.place.Stream, p.place.Epoch, p.offset).String())
	e.Set("agent.id", p.src.Agent.String())
	e.Set("agent.version", p.src.Version)
	e.Set("host.name", p.src.Host)
	e.Set("log.offset", fmt.Sprint(p.offset))
	e.Set("message", message)
	return e
}

// put ships an event as the next of the stream.
func (p *pulse) put(ctx context.Context, at time.Time, e *event.Event) error {
	p.place.Day = at.Format(time.DateOnly)
	p.mu.Lock()
	first := p.offset
	p.offset++
	p.mu.Unlock()
	return p.ship.Add(ctx, p.place, first, first+1, e.AppendJSON(nil))
}

// confirmed notes what of the stream the receiver has taken. It may be called from any goroutine.
func (p *pulse) confirmed(s batch.Stream) {
	if s.ID != p.place.Stream || s.Epoch != p.place.Epoch {
		return
	}
	p.mu.Lock()
	before := p.taken.mark
	for _, r := range s.Ranges {
		p.taken.add(r)
	}
	done := p.relay > before && p.relay <= p.taken.mark
	for len(p.counts) > 0 && p.counts[0].end <= p.taken.mark {
		p.heard(p.counts[0].dropped)
		p.counts = p.counts[1:]
	}
	p.mu.Unlock()
	if !done {
		return
	}
	if err := p.told(); err != nil {
		p.log.Warn("what was told of the relay will be told again", "err", err)
	}
}

// randomEpoch draws the number of a stream that begins anew with each start of the process.
func randomEpoch() uint64 {
	k := event.RandomKey()
	n, _ := strconv.ParseUint(k.String()[:12], 16, 64) // twelve hex digits always parse
	return n
}
