package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

const (
	smallSpool  = 8 << 20
	fullLines   = 24_000 // over TCP: more than the spool and all buffers of a connection hold
	fullRELP    = 12_000 // likewise
	fullPackets = 48_000 // likewise, with the relay's own queue and the kernel's buffers
)

// full takes the broker away until the spool is full: who can be held up is, what cannot be is counted where it is dropped,
// and all goes on when the broker is back.
func (k *killed) full(t *testing.T) {
	if err := errors.Join(k.Agent.Stop(), k.Agent.Configure(fmt.Sprintf("spool: {max_bytes: %d}\n", smallSpool))); err != nil {
		t.Fatal(err)
	}
	if err := k.Agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.AgentLink.Hold(stack.Client)
	relp := loadByRsyslog(t, "fullrelp", k.relp, 10*relpRate, fullRELP)
	k.takesRELP(t, relpAlive)
	tcp := sendLines(t, "fulltcp", k.Agent.TCP)
	written := tcp.flood(fullLines, func() {})
	k.isFull(t)
	backlog := k.metric(t, "belfry_agent_syslog_host_backlog_dropped_packets_total")
	packets := packetsTo(t, "fulludp", k.Agent.UDP, fullPackets)
	k.heldUp(t, tcp, written)
	k.AgentLink.Free(stack.Client)
	select {
	case <-written:
	case <-time.After(patience()):
		t.Fatalf("%d lines of %d are written", tcp.begun.Load(), fullLines)
	}
	last := tcp.finish(t)[0].end - 1
	given := relp.finish(t)
	k.found(t, "fullrelp", given)
	k.found(t, "fulltcp", last)
	ends(t, relp.peer)
	k.allIndexed(t)
	lost, repeated := byRELP(numbersFound(t, k.Aggregator, "fullrelp", given))
	gone, twice := byRELP(numbersFound(t, k.Aggregator, "fulltcp", last))
	if lost+gone+twice > 0 {
		t.Errorf("RELP lost %d of %d, TCP %d of %d, repeated %d", lost, given, gone, last, twice)
	}
	missing, twice := 0, 0
	until(t, "count what UDP dropped", func(context.Context) error {
		missing, twice = byRELP(numbersFound(t, k.Aggregator, "fulludp", packets)) // the last of them may be on their way
		dropped := k.metric(t, "belfry_agent_syslog_kernel_dropped_messages_total")
		backlog := k.metric(t, "belfry_agent_syslog_host_backlog_dropped_packets_total") - backlog
		if float64(missing) < dropped || float64(missing) > dropped+backlog {
			return fmt.Errorf("%d datagrams are missing, %v are counted, and %v packets of this host", missing, dropped, backlog)
		}
		return nil
	})
	if missing == 0 || twice > 0 {
		t.Errorf("%d datagrams of %d are missing, %d are there again", missing, packets, twice)
	}
	t.Logf("measured: spool of %d bytes full: RELP lost 0 of %d, repeated %d; TCP lost 0 of %d; UDP lost %d of %d, all counted",
		smallSpool, given, repeated, last, missing, packets)
}

func (k *killed) metric(t *testing.T, begin string) float64 {
	t.Helper()
	n, err := k.Agent.Metric(t.Context(), begin)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// isFull waits until the spool has no room.
func (k *killed) isFull(t *testing.T) {
	t.Helper()
	until(t, "fill the spool", func(context.Context) error {
		if k.metric(t, "belfry_agent_spool_full") == 0 {
			return fmt.Errorf("it has %v bytes", k.metric(t, "belfry_agent_spool_bytes"))
		}
		return nil
	})
}

// heldUp waits until no sender gets on, and looks at how far they are.
func (k *killed) heldUp(t *testing.T, tcp *lineSender, written <-chan struct{}) {
	t.Helper()
	before := int64(-1)
	until(t, "hold the sender up", func(context.Context) error {
		now := tcp.begun.Load()
		was := before
		before = now
		if now != was {
			return fmt.Errorf("it has written %d lines", now)
		}
		return nil
	})
	select {
	case <-written:
		t.Fatalf("the relay took %d lines with a spool of %d bytes", fullLines, smallSpool)
	default:
	}
	relp := k.metric(t, takenByRELP)
	held := k.metric(t, "belfry_agent_spool_bytes")
	t.Logf("measured: held up after %d lines over TCP and %v messages by RELP, with %v bytes in the spool", before, relp, held)
	if relp*numberedLine > smallSpool || held > smallSpool+64<<10 {
		t.Errorf("%v messages by RELP and %v bytes are in a spool of %d", relp, held, smallSpool)
	}
}

// packetsTo sends numbered datagrams as fast as the kernel takes them, and returns how many.
func packetsTo(t *testing.T, word, addr string, count int) int {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n := range count {
		if _, err := c.Write(appendNumbered(nil, word, n+1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	return count
}

// found waits until a number of a word is in the index.
func (k *killed) found(t *testing.T, word string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience()+time.Minute) // after so long a relay looks for its broker again
	defer cancel()
	err := attempt(ctx, func(ctx context.Context) error {
		events, err := k.Aggregator.Search(ctx, fmt.Sprintf(`process.name:%s AND "number %08d"`, word, n))
		if err == nil && len(events) == 0 {
			err = fmt.Errorf("number %d is not there", n)
		}
		return err
	})
	if err != nil {
		t.Fatalf("find the last of %s: %v", word, err)
	}
}
