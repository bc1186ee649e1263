package app

import (
	"context"
	"encoding/base64"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// relay makes events of what one syslog listener takes. What a socket gave cannot be read again, so its stream begins
// anew with each start of the process, in an epoch drawn at random; offsets count the bytes taken since.
type relay struct {
	src  file.Source
	ship *ship.Shipper

	listen string // where its listener is

	mu     sync.Mutex // keeps offsets in the order of the batch
	place  batch.Place
	offset uint64
	buf    []byte
}

func newRelay(src file.Source, cfg syslog.Config, s *ship.Shipper) *relay {
	return &relay{src: src, ship: s, listen: cfg.Listen, place: batch.Place{
		Stream: event.HashKey("syslog", src.Agent.String(), cfg.Listen),
		Epoch:  randomEpoch(),
		Class:  "default",
	}}
}

func randomEpoch() uint64 {
	k := event.RandomKey()
	n, _ := strconv.ParseUint(k.String()[:12], 16, 64) // twelve hex digits always parse
	return n
}

// Put ships one message. It blocks while the road is blocked.
func (r *relay) Put(ctx context.Context, m syslog.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.place.Day = m.Received.UTC().Format(time.DateOnly)
	line := r.encode(m)
	first := r.offset
	r.offset += uint64(len(m.Raw)) + 1
	return r.ship.Add(ctx, r.place, first, r.offset, line)
}

// end says how far the stream reaches. Nobody confirms it: what was not taken when the process ends is lost, and shows. The
// last heartbeat says that it ends there; without that, an aggregator tells of the doubt.
func (r *relay) end() heartbeat.Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return heartbeat.Stream{ID: r.place.Stream, Epoch: r.place.Epoch, Path: r.listen, End: r.offset}
}

// encode writes the message as one ECS object. The host is not the relay's: the aggregator reads it from the header.
func (r *relay) encode(m syslog.Message) []byte {
	created := m.Received.UTC().Format("2006-01-02T15:04:05.000000Z")
	b := append(r.buf[:0], `{"@timestamp":"`...)
	b = append(append(b, created...), `","agent":{"id":"`...)
	b = append(r.src.Agent.AppendHex(b), `","version":`...)
	b = append(event.AppendString(b, r.src.Version), `},"event":{"created":"`...)
	b = append(append(b, created...), `","id":"`...)
	b = event.ID(r.src.Agent, r.place.Stream, r.place.Epoch, r.offset).AppendHex(b)
	b = event.AppendString(append(b, `","original":`...), m.Raw)
	b = event.AppendString(append(b, `,"timezone":`...), r.src.Zone)
	b = strconv.AppendUint(append(b, `},"log":{"offset":`...), r.offset, 10)
	if m.OriginalLength > len(m.Raw) {
		b = strconv.AppendInt(append(b, `,"original_length":`...), int64(m.OriginalLength), 10)
	}
	b = append(b, '}')
	if !utf8.Valid(m.Raw) {
		b = append(b, `,"labels":{"raw_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, m.Raw), `"},"tags":["invalid_utf8"]`...)
	}
	b = event.AppendString(append(b, `,"observer":{"name":`...), r.src.Host)
	b = append(append(b, `},"source":{"ip":"`...), m.Peer.Addr().Unmap().WithZone("").String()...)
	b = append(b, `"}}`...)
	r.buf = b
	return b
}
