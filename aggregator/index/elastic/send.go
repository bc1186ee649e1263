package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/valyala/fastjson"

	"belfry/aggregator/index"
	"belfry/shared/backoff"
	"belfry/shared/event"
)

// worker sends parts of Writes. It is not safe for concurrent use.
type worker struct {
	x      *Index
	body   []byte
	answer []byte
	parser fastjson.Parser
	maker  *maker
	todo   []op
}

// op is an item that is to be sent.
type op struct {
	part    *part
	item    int
	doc     []byte
	reduced bool // doc is that of the raw line
	lost    bool // an answer did not come: the document may be there by this op itself
}

func (o *op) of() *index.Item { return &o.part.p.w.Items[o.item] }

// settle gives the item its fate.
func (o *op) settle(f fate) {
	o.part.p.states[o.item].fate = f
	if o.part.left--; o.part.left == 0 {
		o.part.p.leave()
	}
}

// work sends what is queued until ctx is done.
func (x *Index) work(ctx context.Context) {
	w := &worker{x: x, maker: newMaker()}
	for {
		select {
		case p := <-x.parts:
			w.take(p)
			w.send(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// take makes a part what is to be sent, with others that are queued, as far as one request has room.
func (w *worker) take(p *part) {
	w.todo = w.todo[:0]
	for size := 0; ; {
		for i := p.first; i < p.last; i++ {
			if p.p.states[i].fate != waits {
				continue
			}
			p.left++
			doc := p.p.document(i)
			size += len(doc)
			w.todo = append(w.todo, op{part: p, item: i, doc: doc})
		}
		if size >= int(w.x.cfg.BulkBytes)*3/4 {
			return
		}
		select {
		case p = <-w.x.parts:
		default:
			return
		}
	}
}

// send sends the ops until each has its fate, or until ctx is done.
func (w *worker) send(ctx context.Context) {
	wait := backoff.Backoff{Min: 100 * time.Millisecond, Max: 15 * time.Second}
	defer w.x.say(w, "")
	looked := false
	for len(w.todo) > 0 && ctx.Err() == nil {
		before := len(w.todo)
		reason := error(nil)
		if !looked {
			reason = w.look(ctx)
			looked = reason == nil
		}
		if looked {
			reason = w.round(ctx)
		}
		if len(w.todo) == 0 || ctx.Err() != nil {
			return
		}
		if reason == nil {
			continue // what is left is another document now
		}
		if w.x.say(w, reason.Error()) {
			w.x.log.Warn("the index waits to write", "err", reason)
		}
		w.x.measures.retries.Inc()
		if len(w.todo) < before {
			wait.Reset()
		}
		wait.Wait(ctx)
	}
}

// round sends all that is left once, and keeps what has no fate yet. The error says why some of it waits.
func (w *worker) round(ctx context.Context) error {
	todo := w.todo
	w.todo = w.todo[:0:0]
	var reason error
	for len(todo) > 0 {
		n := w.fill(todo)
		err := w.bulk(ctx, todo[:n])
		if err != nil {
			reason = err
		}
		todo = todo[n:]
	}
	return reason
}

// fill writes the body of a request with the first ops, and returns how many these are.
func (w *worker) fill(ops []op) (n int) {
	w.body = w.body[:0]
	for i := range ops {
		if i > 0 && len(w.body)+len(ops[i].doc) > maxBulk/2 {
			return i
		}
		it := ops[i].of()
		w.body = append(w.body, `{"create":{"_index":"`...)
		w.body = w.x.c.names.appendIndex(w.body, it.Class, it.Day)
		w.body = append(w.body, `","_id":`...)
		w.body = event.AppendString(w.body, idOf(it.Event))
		w.body = append(w.body, "}}\n"...)
		w.body = append(w.body, ops[i].doc...)
	}
	return len(ops)
}

// bulk sends the body with these ops, and keeps those that have no fate then.
func (w *worker) bulk(ctx context.Context, ops []op) error {
	begin := time.Now()
	var err error
	w.answer, err = w.x.c.fetch(ctx, w.x.c.bulk(w.body), w.answer[:0])
	w.x.measures.bulk.UpdateDuration(begin)
	if err == nil {
		return w.read(ctx, ops)
	}
	var refusal *statusError
	switch answered := errors.As(err, &refusal); {
	case answered && blames(refusal) && (refusal.Type != "" || refusal.Status == http.StatusRequestEntityTooLarge):
		return w.halve(ctx, ops, err) // a 400 that is not of the servers' making, as of a proxy, says nothing of documents
	case !answered || refusal.Status != http.StatusTooManyRequests:
		for i := range ops {
			ops[i].lost = true
		}
	}
	w.todo = append(w.todo, ops...)
	return fmt.Errorf("write to the index: %w", err)
}

// halve sends ops in two requests that are refused in one: so what is to blame is found.
func (w *worker) halve(ctx context.Context, ops []op, refusal error) error {
	if len(ops) == 1 {
		return w.refused(ctx, ops[0], refusal)
	}
	var reason error
	for _, half := range [][]op{ops[:len(ops)/2], ops[len(ops)/2:]} {
		w.fill(half)
		if err := w.bulk(ctx, half); err != nil {
			reason = err
		}
	}
	return reason
}

// allNew is how the answer begins when every document was new.
const allNew = `{"errors":false`

// read gives the ops their fates, as the answer says.
func (w *worker) read(ctx context.Context, ops []op) error {
	if len(w.answer) >= len(allNew) && string(w.answer[:len(allNew)]) == allNew {
		for i := range ops {
			ops[i].settle(fresh)
		}
		return nil
	}
	v, err := w.parser.ParseBytes(w.answer)
	if err != nil {
		err = errors.New("an answer that is not JSON")
	} else if n := len(v.GetArray("items")); n != len(ops) {
		err = fmt.Errorf("an answer for %d documents of %d", n, len(ops))
	}
	if err != nil {
		for i := range ops {
			ops[i].lost = true
		}
		w.todo = append(w.todo, ops...)
		return fmt.Errorf("write to the index: %w", err)
	}
	var reason error
	for i, item := range v.GetArray("items") {
		if err := w.fate(ctx, ops[i], item.Get("create")); err != nil {
			reason = err
		}
	}
	return reason
}

// fate does what the answer for an op asks for.
func (w *worker) fate(ctx context.Context, o op, v *fastjson.Value) error {
	status := v.GetInt("status")
	switch {
	case status == http.StatusCreated, status == http.StatusConflict && o.lost:
		o.settle(fresh)
		return nil
	case status == http.StatusConflict:
		o.settle(repeat)
		return nil
	}
	refusal := &statusError{
		Status: status, Type: string(v.GetStringBytes("error", "type")), Reason: string(v.GetStringBytes("error", "reason")),
	}
	if cause := v.GetStringBytes("error", "caused_by", "reason"); len(cause) > 0 {
		refusal.Reason += " (" + string(cause) + ")"
	}
	if blames(refusal) {
		return w.refused(ctx, o, refusal)
	}
	w.x.measures.busy.Inc()
	w.todo = append(w.todo, o)
	return fmt.Errorf("write to index %s: %w", w.x.c.names.index(o.of().Class, o.of().Day), refusal)
}

// blames reports whether a refusal is for what is in the document. The others are for the state of the servers: too much
// to do, a disk that is full, an index that they do not make, a right that is missing. These may pass, or somebody must
// see to them; the document is good.
func blames(e *statusError) bool {
	if e.Status != http.StatusBadRequest && e.Status != http.StatusRequestEntityTooLarge {
		return false
	}
	switch e.Type {
	case "validation_exception", "cluster_block_exception", "index_closed_exception", "invalid_index_name_exception",
		"invalid_alias_name_exception", "index_not_found_exception", "resource_already_exists_exception":
		return false
	}
	return true
}

// refused makes the op one for the raw line, or puts the item among the dead letters.
func (w *worker) refused(ctx context.Context, o op, reason error) error {
	x, it := w.x, o.of()
	if !o.reduced {
		x.measures.reduced.Inc()
		x.log.Warn("the servers refuse a document: its raw line stays", "index", x.c.names.index(it.Class, it.Day),
			"id", it.Event.Get("event.id"), "err", shortened(reason))
		e := it.Event.Clone()
		index.Reduce(e, errors.New(shortened(reason)))
		o.doc = append(w.maker.appendDocument(nil, e, x.clock.take(x.now(), 1)), '\n')
		o.reduced = true
		w.todo = append(w.todo, o)
		return nil
	}
	if x.hooks.Dead == nil {
		w.todo = append(w.todo, o)
		return fmt.Errorf("write to the index: document %s: %w", it.Event.Get("event.id"), reason)
	}
	if err := x.hooks.Dead(ctx, *it, o.part.p.endOf(o.item), reason); err != nil {
		w.todo = append(w.todo, o)
		return fmt.Errorf("put away document %s: %w", it.Event.Get("event.id"), err)
	}
	x.measures.dead.Inc()
	x.log.Warn("the servers refuse even a raw line: it is a dead letter", "index", x.c.names.index(it.Class, it.Day),
		"id", it.Event.Get("event.id"), "err", shortened(reason))
	o.settle(buried)
	return nil
}

// maxReason bounds what is kept of a refusal: servers quote what they refuse.
const maxReason = 500

func shortened(reason error) string {
	s := reason.Error()
	if len(s) <= maxReason {
		return s
	}
	n := maxReason
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// endOf returns where the bytes of an item end: where the next one begins, or its range ends. Of an item without a
// ledger it is 0.
func (p *pending) endOf(item int) (end uint64) {
	it := &p.w.Items[item]
	if !it.Ranged {
		return 0
	}
	for i := range p.w.Ranges {
		if r := &p.w.Ranges[i]; r.Pos == it.Pos && r.First <= it.Offset && it.Offset < r.End {
			end = r.End
		}
	}
	for i := range p.w.Items {
		if o := &p.w.Items[i]; o.Ranged && o.Pos == it.Pos && o.Offset > it.Offset {
			end = min(end, o.Offset)
		}
	}
	return end
}
