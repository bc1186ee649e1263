package syslog

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// counters are what an input counts. Inputs of one scheme that share a set share them.
type counters struct {
	messages, bytes  *metrics.Counter // handed on
	empty, truncated *metrics.Counter
	refusedBySink    *metrics.Counter // messages dropped: the sink returned an error
	panicked         *metrics.Counter // messages dropped: our own bug
	droppedBytes     *metrics.Counter
	notAllowed       *metrics.Counter // datagrams dropped, or connections refused: not of the networks that may send

	kernelDropped *metrics.Counter // datagrams that never reached us: the socket's buffer was full

	open         *metrics.Gauge
	accepted     *metrics.Counter
	tooMany      *metrics.Counter // connections refused: max_connections
	tooManyOfOne *metrics.Counter // connections refused: max_per_address
	handshakes   *metrics.Counter // connections refused: no TLS handshake, or not a client
	malformed    *metrics.Counter // connections ended: not RELP
}

func newCounters(set *metrics.Set, scheme string) *counters {
	if set == nil {
		set = metrics.NewSet()
	}
	at := schemes[scheme]
	counter := func(name, more string) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("belfry_agent_syslog_%s{transport=%q%s}", name, scheme, more))
	}
	c := &counters{
		messages:      counter("messages_total", ""),
		bytes:         counter("bytes_total", ""),
		empty:         counter("empty_messages_total", ""),
		truncated:     counter("truncated_messages_total", ""),
		refusedBySink: counter("dropped_messages_total", `,reason="sink"`),
		panicked:      counter("dropped_messages_total", `,reason="panic"`),
		droppedBytes:  counter("dropped_bytes_total", ""),
	}
	if at.datagrams() {
		c.notAllowed = counter("refused_messages_total", `,reason="not_allowed"`)
		c.kernelDropped = counter("kernel_dropped_messages_total", "")
		if !at.local() {
			set.GetOrCreateGauge("belfry_agent_syslog_host_backlog_dropped_packets_total", func() float64 {
				n, _ := backlogDrops(softnetFile) // 0 where it is not known
				return float64(n)
			})
		}
		return c
	}
	c.open = set.GetOrCreateGauge("belfry_agent_syslog_open_connections", nil)
	c.accepted = counter("connections_total", "")
	c.notAllowed = counter("refused_connections_total", `,reason="not_allowed"`)
	c.tooMany = counter("refused_connections_total", `,reason="total"`)
	c.tooManyOfOne = counter("refused_connections_total", `,reason="address"`)
	if at.secure {
		c.handshakes = counter("refused_connections_total", `,reason="handshake"`)
	}
	if at.relp {
		c.malformed = counter("refused_connections_total", `,reason="protocol"`)
	}
	return c
}

func (c *counters) drop(reason *metrics.Counter, n int) {
	reason.Inc()
	c.droppedBytes.Add(n)
}

// Dropped returns how many messages were lost at these inputs since the process began: they never reached the sink. What came
// over RELP and was not taken is not lost: it was not answered, and so comes again.
func Dropped(inputs []*Input) uint64 {
	for _, in := range inputs {
		in.countDrops(true)
	}
	return sum(inputs, func(in *Input) []*metrics.Counter {
		if in.at.relp {
			return nil
		}
		return []*metrics.Counter{in.count.refusedBySink, in.count.panicked, in.count.kernelDropped}
	})
}

// Taken returns how many messages these inputs have handed on since the process began.
func Taken(inputs []*Input) uint64 {
	return sum(inputs, func(in *Input) []*metrics.Counter { return []*metrics.Counter{in.count.messages} })
}

// sum adds counters up, each once: inputs of one scheme share them.
func sum(inputs []*Input, of func(*Input) []*metrics.Counter) (n uint64) {
	counted := make(map[*metrics.Counter]bool)
	for _, in := range inputs {
		for _, c := range of(in) {
			if c != nil && !counted[c] {
				counted[c] = true
				n += c.Get()
			}
		}
	}
	return n
}
