package app

import (
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/agent/input/file"
	"belfry/agent/ship"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// The last heartbeat names all streams, in as many parts as that takes.
func TestHeartbeat(t *testing.T) {
	r := newReceiver(t)
	road := &taken{}
	agent, boot := event.HashKey("a"), event.HashKey("b")
	b, err := batch.NewBuilder(agent, boot, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := ship.New(ship.Config{}, b, road, func(*batch.Manifest) {}, quiet, metrics.NewSet())
	shipped := make(chan error, 1)
	go func() { shipped <- s.Run(t.Context()) }()
	p := newPulse(file.Source{Agent: agent, Version: "v", Host: "h"}, boot, "c0ffee", r.files, s, quiet)
	var want []heartbeat.Stream
	for i := range uint64(2*heartbeat.MaxStreams + 1) {
		want = append(want, heartbeat.Stream{ID: event.RandomKey(), Epoch: i, End: i + 2, Cursor: i})
	}
	p.streams, p.dropped = func() []heartbeat.Stream { return want }, func() uint64 { return 7 }
	p.stop()
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := <-shipped; err != nil {
		t.Fatal(err)
	}
	opener, err := batch.NewOpener()
	if err != nil {
		t.Fatal(err)
	}
	var got []heartbeat.Stream
	var dec event.Decoder
	next := uint64(0)
	for _, b := range road.batches {
		lines, err := opener.Open(b.Manifest, b.Body)
		if err != nil {
			t.Fatal(err)
		}
		m := b.Manifest.Streams[0]
		for i, line := range lines {
			e, err := dec.Decode(line)
			if err != nil {
				t.Fatal(err)
			}
			h, err := heartbeat.Of(e)
			if err != nil || h.Boot != boot || h.Config != "c0ffee" || h.Dropped != 7 || time.Until(h.Expires) < 24*time.Hour {
				t.Fatalf("%v %+v", err, h)
			}
			if id := event.ID(agent, m.ID, m.Epoch, next).String(); e.Get("event.id") != id || len(lines) != m.Events {
				t.Errorf("line %d: event.id %s, want %s", i, e.Get("event.id"), id)
			}
			next++
			got = append(got, h.Streams...)
		}
	}
	if len(got) != len(want) || got[len(got)-1] != want[len(want)-1] {
		t.Errorf("%d streams were named of %d", len(got), len(want))
	}
}

// What is told of the relay counts as told when the receiver has the last of it, and not before.
func TestToldOfTheRelay(t *testing.T) {
	b, err := batch.NewBuilder(event.HashKey("a"), event.HashKey("b"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := ship.New(ship.Config{}, b, nil, nil, quiet, metrics.NewSet()) // it does not run: what is added stays
	p := newPulse(relaySource, event.HashKey("b"), "", certs.Files{}, s, quiet)
	told := 0
	p.told = func() error { told++; return nil }
	p.doubts = func() []file.Doubt {
		return []file.Doubt{{Path: "/var/log/a"}, {Path: relayPath}, {Path: relayPath}, {Path: "/var/log/b"}}
	}
	if err := p.tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	confirm := func(first, end uint64, want int) {
		t.Helper()
		p.confirmed(batch.Stream{ID: p.place.Stream, Epoch: p.place.Epoch, Ranges: []batch.Range{{Kind: batch.Data, First: first, End: end}}})
		if told != want {
			t.Errorf("told %d times after [%d,%d), want %d", told, first, end, want)
		}
	}
	confirm(2, 4, 0)
	confirm(0, 1, 0)
	confirm(1, 2, 1)
	confirm(4, 9, 1)
}
