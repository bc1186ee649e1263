package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
	"belfry/shared/heartbeat"
)

// ownRotations are scenarios in which the agent itself rotates.
var ownRotations = []scenario{
	{number: 54, title: "the agent rotates, and is killed between its steps", once: true, short: true, takes: 4 * time.Minute, play: rotatesItself},
}

// The agent is told to rotate at so many bytes, and to keep so many files.
const (
	rotateAt = 256 << 10
	keep     = 3
)

// rotatesItself is 54: each step goes on where a kill ended it; nothing is deleted before the index has it, and all beyond
// what is to be kept is when it has.
func rotatesItself(h *host) {
	h.follow("app.log")
	h.cfg.More = fmt.Sprintf("rotate:\n  - {paths: [%q], size: %d, keep: %d, wait: 1s, postrotate: [/bin/true]}\n",
		h.path("app.log"), rotateAt, keep)
	w := h.create("app.log")
	h.start()
	end := w.flow(h.n(10_000, 6_000))
	next := time.Now()
	least, most := time.Now().Add(h.d(3*time.Minute, 20*time.Second)), time.Now().Add(4*time.Minute) // for a busy machine
	for time.Now().Before(least) || len(h.glob("app.log?*")) <= keep+1 && time.Now().Before(most) {
		h.sleep(20 * time.Millisecond)
		w.catchUp()
		if time.Now().After(next) {
			h.kill()
			h.start()
			next = time.Now().Add(time.Duration(200+h.rnd.IntN(2000)) * time.Millisecond)
		}
	}
	end()
	w.catchUp()
	h.arrived()
	h.stop() // nothing is renamed while one looks
	if n := len(h.glob("app.log?*")); n <= keep {
		h.complain("%d rotated files are there: none should have been deleted, and more made", n)
	}
	h.allThere("app.log*")
	h.start()
	h.deletes(w)
	h.stop()
	for _, path := range h.glob("app.log*") {
		h.must("look at what is left", eachLine(path, func([]byte) {}))
	}
	h.start()
}

// deletes waits until the agent has deleted what the index has. It looks for that after each rotation, so there are some.
func (h *host) deletes(w *writer) {
	var wrote time.Time
	h.until("that the agent deletes what the index has", 3*time.Minute, func() bool {
		if time.Since(wrote) > 5*time.Second {
			w.bytes(rotateAt)
			wrote = time.Now()
		}
		h.sleep(time.Second)
		h.indexed()
		w.catchUp()
		return len(h.glob("app.log?*")) <= keep
	})
}

// catchUp opens the writer's name again if another file has it now, as a daemon does that looks at its log now and then.
func (w *writer) catchUp() {
	mine, err1 := w.f.Stat()
	now, err2 := os.Stat(w.path)
	if err1 == nil && err2 == nil && !os.SameFile(mine, now) {
		w.reopen()
	}
}

// allThere complains if a line that was written is in none of these files.
func (h *host) allThere(patterns ...string) {
	there := map[mark]bool{}
	for _, path := range h.glob(patterns...) {
		h.must("read what was rotated", eachLine(path, func(line []byte) {
			if _, m, ok := readLine(line); ok {
				there[m] = true
			}
		}))
	}
	gone := 0
	h.truth.mu.Lock()
	for _, n := range h.truth.numbers {
		for seq := range n.written {
			if !there[mark{n.n, seq}] {
				gone++
			}
		}
	}
	h.truth.mu.Unlock()
	if gone > 0 {
		h.complain("%d lines are in no file any more, and the index has acknowledged nothing", gone)
	}
}

// indexed acknowledges to the agent, as an aggregator does, that all that has arrived is in the index.
func (h *host) indexed() {
	var ack heartbeat.Ack
	h.record.mu.Lock()
	for a := range h.record.agents {
		ack.Agent = a
	}
	for s, c := range h.record.streams {
		var all pieces
		for _, k := range c.kinds {
			for _, x := range k {
				all = all.with(x.first, x.end)
			}
		}
		if len(all) > 0 && all[0].first == 0 {
			ack.Streams = append(ack.Streams, heartbeat.Held{ID: s.stream, Epoch: s.epoch, End: all[0].end})
		}
	}
	h.record.mu.Unlock()
	body, err := json.Marshal(ack)
	h.must("acknowledge", err)
	ch, err := h.world.sink.conn.Channel()
	h.must("acknowledge", err)
	defer ch.Close()
	h.must("acknowledge", ch.PublishWithContext(h.ctx, broker.Acks, user(h.name), false, false, amqp.Publishing{Body: body}))
}
