package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/dead"
	"belfry/aggregator/fleet"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/parse"
	"belfry/aggregator/receive"
	amqpin "belfry/aggregator/receive/amqp"
	httpin "belfry/aggregator/receive/http"
	"belfry/shared/backoff"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// The reasons for a dead letter that have a class of their own, beside those of the index and the ledger.
var (
	errSignature = errors.New("signature")
	errExhausted = errors.New("tried too often")
)

// classOf returns the class of what can never be taken.
func classOf(err error) dead.Class {
	switch {
	case errors.Is(err, errSignature):
		return dead.Signature
	case errors.Is(err, errExhausted):
		return dead.Exhausted
	case errors.Is(err, ledger.ErrFull):
		return dead.Full
	case errors.Is(err, index.ErrBadWrite):
		return dead.Refused
	}
	return dead.Undecodable
}

// provenBy returns the manifest of what was refused, nil if nobody knows whose it is: then it says nothing of any bytes.
func provenBy(reason error) *batch.Manifest {
	var p *poison
	if errors.As(reason, &p) {
		return p.proven
	}
	return nil
}

// letters is a store of dead letters.
type letters interface {
	// Bury returns nil when the letter is durable. The same letter may be buried again.
	Bury(ctx context.Context, l *dead.Letter) error
	// Visit calls fn for each letter, and removes those of which fn says so.
	Visit(ctx context.Context, fn func(*dead.Letter) (dead.Verdict, error)) error
	Count() int
	Where() string
}

// deadLetters puts away what can never be taken, and brings it back.
type deadLetters struct {
	store  letters
	again  func(ctx context.Context, l *dead.Letter) error // sends a letter the road again; nil: it is durable there
	tell   func(ctx context.Context, key []string, e *event.Event, done func(error))
	index  index.Index
	fleet  *fleet.Fleet
	prover *prover
	parser *parse.Parser
	open   *batch.Opener
	log    *slog.Logger

	mu   sync.Mutex
	kept map[event.Key]int // letters that are in the store but not in the index yet, and their retries

	buried           map[dead.Class]*metrics.Counter
	retried, dropped *metrics.Counter
}

// openDead opens the store: at the broker if there is one, else a folder.
func (a *Aggregator) openDead() error {
	d := &deadLetters{
		tell: a.tellThen, index: a.index, fleet: a.fleet, prover: a.pipe.prover, parser: a.pipe.parser,
		open: a.pipe.opener, log: a.log, kept: make(map[event.Key]int),
		buried:  make(map[dead.Class]*metrics.Counter),
		retried: a.set.NewCounter("belfry_dead_retried_total"),
		dropped: a.set.NewCounter("belfry_dead_dropped_total"),
	}
	for _, c := range dead.Classes {
		d.buried[c] = a.set.NewCounter(fmt.Sprintf("belfry_dead_buried_total{class=%q}", c))
	}
	if a.publish != nil {
		b := a.cfg.Receive.AMQP.Config
		b.AppID = "belfry"
		a.graves = dead.NewQueue(b, a.publishLetter, a.log)
		d.store, d.again = a.graves, a.retryByBroker
		if _, err := os.Stat(a.cfg.Dir(deadDir)); err == nil {
			if a.folder, err = dead.OpenFolder(a.cfg.Dir(deadDir), 0); err != nil {
				return err
			}
		}
	} else {
		f, err := dead.OpenFolder(a.cfg.Dir(deadDir), 0)
		if err != nil {
			return err
		}
		d.store, d.again = f, a.retryHere
	}
	a.set.NewGauge("belfry_dead_letters", func() float64 { return float64(d.store.Count()) })
	a.dead = d
	return nil
}

// moveLetters puts the letters of the folder to those at the broker, once: they are from before there was one.
func (a *Aggregator) moveLetters(ctx context.Context) error {
	if a.folder == nil || a.folder.Count() == 0 {
		<-ctx.Done()
		return nil
	}
	pause := backoff.Backoff{Min: time.Second, Max: time.Minute}
	for ctx.Err() == nil {
		moved := 0
		err := a.folder.Visit(ctx, func(l *dead.Letter) (dead.Verdict, error) {
			if err := a.graves.Bury(ctx, l); err != nil {
				return dead.Keep, err
			}
			moved++
			return dead.Remove, nil
		})
		if err == nil {
			a.log.Info("dead letters of the folder are at the broker now", "letters", moved)
			<-ctx.Done()
			return nil
		}
		pause.Wait(ctx)
	}
	return nil
}

func (a *Aggregator) publishLetter(ctx context.Context, m dead.Message) error {
	return a.publish.Publish(ctx, m.Exchange, m.Key, amqpin.Message{
		Body: m.Body, ContentType: m.Type, ContentEncoding: m.Encoding, MessageID: m.MessageID, Headers: m.Headers,
	})
}

// retryByBroker publishes a letter's message again, if it was one.
func (a *Aggregator) retryByBroker(ctx context.Context, l *dead.Letter) error {
	if is, err := a.dead.retryItem(ctx, l); is {
		return err
	}
	m, err := l.Retry()
	if err != nil {
		return err
	}
	return a.publishLetter(ctx, m)
}

// retryHere takes a letter's message into the index. Where it is refused again, the letter says so.
func (a *Aggregator) retryHere(ctx context.Context, l *dead.Letter) error {
	if !l.Whole() {
		return fmt.Errorf("only %d of its %d bytes were kept", len(l.Body), l.Bytes)
	}
	if is, err := a.dead.retryItem(ctx, l); is {
		return err
	}
	proof, err := batch.ProofOf(func(name string) string { return l.Headers[name] })
	if err != nil {
		return err
	}
	err = wait(ctx, func(done func(error)) {
		if manifest := l.Headers[batch.ManifestHeader]; manifest != "" {
			masked := l.Headers[dead.MaskedHeader] != ""
			a.pipe.batch(ctx, delivery{manifest: []byte(manifest), proof: proof, body: l.Body, masked: masked}, done)
			return
		}
		from := receive.Origin{Sender: l.Sender, Key: cmp.Or(l.MessageID, l.ID.String()), Now: time.Now()}
		a.pipe.foreign(ctx, l.Body, l.Encoding, from, done)
	})
	if !errors.Is(err, errPoison) {
		return err
	}
	again := *l
	again.Retries++
	again.Class, again.Reason, again.Proven = classOf(err), err.Error(), provenBy(err) != nil
	return errors.Join(err, a.dead.bury(ctx, &again, err))
}

// letterOf makes a letter of what a queue brought. What an aggregator sends again is the same letter, tried once more.
func (d *deadLetters) letterOf(m amqpin.Message, reason error) *dead.Letter {
	headers := make(map[string]string, len(m.Headers)+1)
	for name, v := range m.Headers {
		headers[name] = v
	}
	id, idErr := event.ParseKey(headers[dead.LetterHeader])
	retries, retriesErr := strconv.Atoi(headers[dead.RetriesHeader])
	for _, name := range []string{dead.SenderHeader, dead.LetterHeader, dead.RetriesHeader, itemHeader} {
		delete(headers, name) // ours, and no part of the message
	}
	if m.UserID != aggregatorUser {
		delete(headers, dead.MaskedHeader)
	}
	if len(m.Manifest) > 0 {
		headers[batch.ManifestHeader] = string(m.Manifest)
	}
	l := dead.New(dead.Message{
		Exchange: m.Exchange, Key: m.Key, MessageID: m.MessageID, Type: m.ContentType, Encoding: m.ContentEncoding,
		Headers: headers, Body: m.Body,
	}, senderOf(m), classOf(reason), reason)
	l.Queue = m.Queue
	if m.UserID == aggregatorUser && idErr == nil && retriesErr == nil {
		l.ID, l.Retries = id, retries
	}
	return &l
}

// senderOf returns who has sent a message, as far as the broker knows, or an aggregator that sends it again.
func senderOf(m amqpin.Message) string {
	if name, again := m.Headers[dead.SenderHeader]; again && m.UserID == aggregatorUser {
		return name
	}
	return m.UserID
}

// putAway is a handler's end for what can never be taken: it calls done when the letter is durable and told. It does
// not block: the index may be waiting for the one who calls.
func (d *deadLetters) putAway(ctx context.Context, m amqpin.Message, reason error, done func(error)) {
	go func() { done(d.bury(ctx, d.letterOf(m, reason), reason)) }()
}

// bury returns nil when a letter is in the store, and the index knows of it. Of a letter that is in the store when the
// index fails, there is no second one when it comes again.
func (d *deadLetters) bury(ctx context.Context, l *dead.Letter, reason error) error {
	if m := provenBy(reason); m != nil {
		l.Proven, l.Host = true, d.hostOf(l)
		if name := d.signerOf(m, l); name != "" {
			l.Sender = name
		}
	}
	if err := d.keep(ctx, l); err != nil {
		return err
	}
	return d.told(ctx, l)
}

// keep returns nil when a letter is in the store.
func (d *deadLetters) keep(ctx context.Context, l *dead.Letter) error {
	if d.has(l) {
		return nil
	}
	d.mask(l)
	if err := d.store.Bury(ctx, l); err != nil {
		return fmt.Errorf("%w; it was to be put away for: %s", err, l.Reason)
	}
	d.buried[l.Class].Inc()
	d.log.Error("message goes to the dead letters", "letter", l.ID.String(), "sender", l.Sender, "host", l.Host,
		"queue", l.Queue, "retries", l.Retries, "in", d.store.Where(), "err", l.Reason)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept[l.ID] = l.Retries
	return nil
}

// told returns nil when the index knows of a letter that is in the store.
func (d *deadLetters) told(ctx context.Context, l *dead.Letter) error {
	if err := d.report(ctx, l); err != nil {
		return fmt.Errorf("tell the index of dead letter %s: %w", l.ID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.kept, l.ID)
	return nil
}

func (d *deadLetters) has(l *dead.Letter) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	retries, ok := d.kept[l.ID]
	return ok && retries == l.Retries
}

// signerOf returns whose signature a letter bears. Who sent it may be an aggregator, which took it over HTTP.
func (d *deadLetters) signerOf(m *batch.Manifest, l *dead.Letter) string {
	proof, err := batch.ProofOf(func(name string) string { return l.Headers[name] })
	if err != nil {
		return ""
	}
	from, err := d.prover.prove(m, []byte(l.Headers[batch.ManifestHeader]), proof)
	if err != nil {
		return ""
	}
	return from.name
}

// hostOf returns the host that the first event names.
func (d *deadLetters) hostOf(l *dead.Letter) string {
	raw := l.Body
	if l.Encoding == batch.ContentEncoding {
		var err error
		if raw, err = d.open.Decompress(l.Body); err != nil {
			return ""
		}
	}
	var dec event.Decoder
	for _, line := range batch.Lines(raw) {
		if e, err := dec.Decode(line); err == nil {
			return e.Get("host.name")
		}
	}
	return ""
}

// report writes into the index that a letter was buried, and which bytes of which streams are dead by that. A manifest
// that is not the sender's says nothing. Where a stream has no room for another range, that is left out: its bytes are
// missing then, which is what an audit is to show.
func (d *deadLetters) report(ctx context.Context, l *dead.Letter) error {
	err := wait(ctx, func(done func(error)) { d.tell(ctx, []string{"dead", l.ID.String()}, tidings(l), done) })
	if err != nil {
		return err
	}
	m, err := l.Manifest()
	if err != nil || !l.Proven {
		return nil
	}
	for i := range m.Streams {
		w := deadRanges(m, &m.Streams[i])
		if len(w.Ranges) == 0 {
			continue
		}
		err := d.write(ctx, w)
		if errors.Is(err, ledger.ErrFull) || errors.Is(err, index.ErrBadWrite) {
			d.log.Warn("ranges of a dead letter are not in the ledger", "letter", l.ID.String(), "stream", m.Streams[i].ID.String(), "err", err)
		} else if err != nil {
			return err
		}
	}
	if l.Sender != aggregatorUser { // its agent has spoken, and its bytes are accounted for
		d.fleet.Batch(m, l.Sender, l.Queue, time.Now())
	}
	return nil
}

func (d *deadLetters) write(ctx context.Context, w index.Write) error {
	return wait(ctx, func(done func(error)) {
		d.index.Write(ctx, w, func(_ index.Result, err error) { done(err) })
	})
}

// deadRanges are the ranges of a stream of which a dead batch had the events; the others it only told of.
func deadRanges(m *batch.Manifest, s *batch.Stream) (w index.Write) {
	for _, r := range s.Ranges {
		kind := r.Kind
		if kind == batch.Data {
			kind = batch.Dead
		}
		w.Ranges = append(w.Ranges, index.Range{
			Pos: ledger.Position{Agent: m.Agent, Stream: s.ID, Epoch: s.Epoch}, Kind: kind, First: r.First, End: r.End,
		})
	}
	return w
}

// tidings is the event that says that a letter was buried: what the alerts see.
func tidings(l *dead.Letter) *event.Event {
	e := new(event.Event)
	at := l.Received.UTC().Format(time.RFC3339Nano)
	e.Set("@timestamp", at)
	e.Set("event.created", at)
	e.Set("event.dataset", "belfry.dead")
	e.Set("event.code", string(l.Class))
	e.Set("event.reason", l.Reason)
	e.Set("host.name", l.Host)
	e.Set("agent.name", l.Sender)
	e.Set("labels.dead_letter", l.ID.String())
	e.Set("labels.events", strconv.Itoa(l.Events))
	e.Set("message", fmt.Sprintf("%s of %s went to the dead letters: %s", describe(l), orUnknown(l.Sender), l.Reason))
	return e
}

func describe(l *dead.Letter) string {
	switch {
	case l.Headers[itemHeader] != "":
		return "an event"
	case l.Headers[batch.ManifestHeader] == "":
		return "a message"
	}
	return fmt.Sprintf("a batch of %d events", l.Events)
}

func orUnknown(name string) string {
	if name == "" {
		return "an unknown sender"
	}
	return name
}

// burying is a sink of which the batches that can never be taken go to the dead letters.
type burying struct {
	httpin.Sink
	dead   *deadLetters
	queued bool // the letters are at a broker
}

// Batch waits until the batch is durable, or is a dead letter.
func (b burying) Batch(ctx context.Context, in httpin.Batch) (bool, error) {
	queued, err := b.Sink.Batch(ctx, in)
	if !errors.Is(err, httpin.ErrPoison) {
		return queued, err
	}
	headers := map[string]string{batch.ManifestHeader: string(in.Manifest)}
	for name, v := range in.Proof.Headers() {
		headers[name] = v
	}
	l := dead.New(dead.Message{
		Type: batch.ContentType, Encoding: batch.ContentEncoding, Body: in.Body, Headers: headers,
	}, in.Sender, classOf(err), err)
	if m, err := l.Manifest(); err == nil {
		l.MessageID = m.ID.String()
	}
	return b.queued, b.dead.bury(ctx, &l, err)
}
