package syslog

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// counters are what an input counts. Inputs of one transport that share a set share them.
type counters struct {
	messages, bytes  *metrics.Counter // handed on
	empty, truncated *metrics.Counter
	refusedBySink    *metrics.Counter // messages dropped: the sink returned an error
	queueFull        *metrics.Counter // messages dropped: the sink was too slow for the datagrams
	panicked         *metrics.Counter // messages dropped: our own bug
	droppedBytes     *metrics.Counter
	kernelDropped    *metrics.Counter // datagrams that never reached us
	open             *metrics.Gauge
	accepted         *metrics.Counter
	tooMany          *metrics.Counter // connections refused: max_connections
	tooManyOfOne     *metrics.Counter // connections refused: max_per_address
}

func newCounters(set *metrics.Set, transport string) *counters {
	if set == nil {
		set = metrics.NewSet()
	}
	counter := func(name, more string) *metrics.Counter {
		return set.GetOrCreateCounter(fmt.Sprintf("belfry_agent_syslog_%s{transport=%q%s}", name, transport, more))
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
	if transport == "udp" {
		c.queueFull = counter("dropped_messages_total", `,reason="queue"`)
		c.kernelDropped = counter("kernel_dropped_messages_total", "")
		return c
	}
	c.open = set.GetOrCreateGauge("belfry_agent_syslog_open_connections", nil)
	c.accepted = counter("connections_total", "")
	c.tooMany = counter("refused_connections_total", `,reason="total"`)
	c.tooManyOfOne = counter("refused_connections_total", `,reason="address"`)
	return c
}

func (c *counters) drop(reason *metrics.Counter, n int) {
	reason.Inc()
	c.droppedBytes.Add(n)
}

// Dropped returns how many messages were lost at these inputs since the process began: they never reached the sink.
func Dropped(inputs []*Input) (n uint64) {
	counted := make(map[*metrics.Counter]bool) // inputs of one transport share them
	for _, in := range inputs {
		for _, c := range []*metrics.Counter{in.count.refusedBySink, in.count.queueFull, in.count.panicked, in.count.kernelDropped} {
			if c != nil && !counted[c] {
				counted[c] = true
				n += c.Get()
			}
		}
	}
	return n
}
