package amqp

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/event"
)

// Viewers are those who follow the live tail at this aggregator. They never make anybody wait.
type Viewers interface {
	Readers() int                  // that there are
	Publish(events []*event.Event) // shows events, which nobody changes any more
	Miss(n int)                    // tells them that so many were left out
}

// The headers of a message of belfry.live: who sends it, and how many events have passed there before its first, shown or
// not. By these it is known what was left out, by whomever.
const (
	liveMember = "belfry-member"
	liveFirst  = "belfry-first"
)

const (
	// maxLots and maxWaiting bound what waits to be shown to others, in calls of Show and in bytes.
	maxLots    = 1024
	maxWaiting = 32 << 20
	// liveTimeout is how long the broker may take for one message. What is behind it is left out meanwhile.
	liveTimeout = 2 * time.Second
)

// live shows what passes here to those who follow the live tail elsewhere.
type live struct {
	self     string
	publish  *Publisher
	code     *batch.Opener
	audience atomic.Bool // somebody follows elsewhere

	mu      sync.Mutex
	passed  uint64 // events, since this process began
	waiting int    // bytes of what is in lots
	lots    chan lot

	shown, dropped *metrics.Counter
}

// lot is events that became durable together.
type lot struct {
	first  uint64
	events []*event.Event
	bytes  int
}

func newLive(self string, p *Publisher, set *metrics.Set) *live {
	code, err := batch.NewOpener()
	if err != nil {
		panic(err) // its options are our own
	}
	return &live{
		self: self, publish: p, code: code, lots: make(chan lot, maxLots),
		shown:   set.NewCounter("belfry_receive_live_shown_total"),
		dropped: set.NewCounter("belfry_receive_live_dropped_total"),
	}
}

// Show shows events to those who follow the live tail at other aggregators, if there are any. It never waits: what is too
// much is left out, and they are told. The events are not changed any more.
func (r *Receiver) Show(events []*event.Event) { r.live.offer(events) }

func (l *live) offer(events []*event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.passed
	l.passed += uint64(len(events))
	if len(events) == 0 || !l.audience.Load() {
		return
	}
	o := lot{first, events, weigh(events)}
	if l.waiting+o.bytes <= maxWaiting {
		select {
		case l.lots <- o:
			l.waiting += o.bytes
			return
		default:
		}
	}
	l.dropped.Add(len(events))
}

// weigh is about the bytes of events as JSON.
func weigh(events []*event.Event) (n int) {
	for _, e := range events {
		for i := range e.Fields {
			n += len(e.Fields[i].Name) + len(e.Fields[i].Value) + len(`"":"",`)
		}
	}
	return n
}

// run publishes what is offered, until ctx is done.
func (l *live) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-l.lots:
			l.mu.Lock()
			l.waiting -= o.bytes
			l.mu.Unlock()
			l.showAll(ctx, o)
		}
	}
}

// showAll publishes a lot in messages of the size of batches.
func (l *live) showAll(ctx context.Context, o lot) {
	var text []byte
	begun := 0
	for i, e := range o.events {
		text = append(e.AppendJSON(text), '\n')
		if len(text) < batch.MaxRaw && i < len(o.events)-1 {
			continue
		}
		n := i + 1 - begun
		if err := l.show(ctx, o.first+uint64(begun), text); err != nil {
			l.dropped.Add(n) // the publisher tells why
		} else {
			l.shown.Add(n)
		}
		text, begun = text[:0], i+1
	}
}

func (l *live) show(ctx context.Context, first uint64, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	return l.publish.send(ctx, broker.Message{
		Exchange: broker.Live, ID: event.RandomKey().String(), Type: batch.ContentType, Encoding: batch.ContentEncoding,
		Headers: amqp.Table{liveMember: l.self, liveFirst: strconv.FormatUint(first, 10)},
		Body:    l.code.Compress(text), Fleeting: true,
	})
}

// viewing is what one who follows has seen of the others.
type viewing struct {
	self, user string // the member, and the broker's user of all aggregators
	viewers    Viewers
	code       *batch.Opener
	dec        event.Decoder
	next       map[string]uint64 // by member: the first event that was not shown yet

	seen, missed *metrics.Counter
}

// take shows what another aggregator has sent.
func (v *viewing) take(d *amqp.Delivery) error {
	if d.UserId != v.user {
		return fmt.Errorf("it is not from user %q", v.user)
	}
	member, _ := d.Headers[liveMember].(string)
	text, _ := d.Headers[liveFirst].(string)
	first, err := strconv.ParseUint(text, 10, 64)
	if member == "" || err != nil {
		return fmt.Errorf("it does not say where its events belong: member %q, first %q", member, text)
	}
	if member == v.self {
		return nil // was shown when it passed
	}
	raw, err := v.code.Decompress(d.Body)
	if err != nil {
		return err
	}
	lines := batch.Lines(raw)
	events := make([]*event.Event, 0, len(lines))
	for _, line := range lines {
		e, err := v.dec.Decode(line)
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	v.count(member, first, uint64(len(lines)))
	v.viewers.Publish(events)
	v.seen.Add(len(events))
	return nil
}

// count tells of what came in between.
func (v *viewing) count(member string, first, n uint64) {
	next, known := v.next[member]
	if known && first > next {
		v.missed.AddInt64(int64(first - next))
		v.viewers.Miss(int(first - next))
	}
	if !known && len(v.next) >= maxMembers {
		clear(v.next)
	}
	v.next[member] = first + n
}
