package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
	"belfry/shared/heartbeat"
)

const (
	relayKills = 3
	floodLines = 12_000 // lines over TCP before each kill, besides those between: more than may be lost
	relpRate   = 40     // messages by RELP each hundredth of a second
	relpAlive  = 500    // that came since the relay's start, before it is killed
	relpBurst  = 8000   // at once: some of them are under way when it is killed

	// inRelay is what a relay may have read of a TCP connection and not handed to the system, in bytes: a read, a message of
	// which it has only a part, and what package segment keeps between two writes, with the message that makes that full.
	inRelay = 64<<10 + numberedLine + 1<<20 + numberedLine
)

// TestRelayKilled takes the broker away from a relay, over which messages come by RELP and by plain TCP. It is killed by
// SIGKILL again and again; later it runs out of room. Nothing is lost that the relay has acknowledged, and of what the kernel
// has acknowledged for it no more than what they had in their buffers; all that is missing is told.
func TestRelayKilled(t *testing.T) {
	stack.NeedSenders(t, "rsyslog")
	relp, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	k := &killed{Road: open(t, stack.RoadConfig{Broker: true, Links: true, Listeners: []stack.Listener{{URL: "relp://" + relp}}})}
	_, k.relp, _ = net.SplitHostPort(relp) // it was made as one
	if t.Run("killed", k.killed) {
		t.Run("full", k.full)
	}
	t.Run("told", k.told)
}

// killed is a road whose relay does not have it easy.
type killed struct {
	*stack.Road
	relp string // port of 127.0.0.1
}

func (k *killed) killed(t *testing.T) {
	if err := k.Rabbit.Halt(); err != nil {
		t.Fatal(err)
	}
	relp := loadByRsyslog(t, "overrelp", k.relp, relpRate, 1e6)
	tcp := sendLines(t, "overtcp", k.Agent.TCP)
	for range relayKills {
		k.takesRELP(t, relpAlive)
		came := k.metric(t, takenByRELP)
		relp.burst(relpBurst)
		k.takesRELP(t, came+relpAlive)
		k.kill(t, tcp)
	}
	k.takesRELP(t, relpAlive)
	<-tcp.flood(floodLines, func() {})
	runs, last := tcp.finish(t), relp.finish(t)
	until(t, "the last message by RELP in the spool", func(context.Context) error {
		there, err := k.Agent.Spooled(numberedText("overrelp", last))
		if err == nil && !there {
			err = errors.New("it is not there")
		}
		return err
	})
	ends(t, relp.peer)
	if err := k.Rabbit.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.found(t, "overrelp", last) // the streams are in order: all before it is there, too, that ever will be
	k.found(t, "overtcp", runs[len(runs)-1].end-1)
	k.allIndexed(t)
	lost, repeated := byRELP(numbersFound(t, k.Aggregator, "overrelp", last))
	gone := k.judge(t, runs, numbersFound(t, k.Aggregator, "overtcp", runs[len(runs)-1].end-1))
	t.Logf("measured: relay killed %d times: RELP lost %d of %d, repeated %d; TCP %s", relayKills, lost, last, repeated, gone)
	if lost > 0 {
		t.Errorf("%d messages that came by RELP are lost", lost)
	}
}

// takenByRELP begins the metric of what came since the relay's start.
const takenByRELP = `belfry_agent_syslog_messages_total{transport="relp"`

// takesRELP waits until so many messages came by RELP since the relay's start.
func (k *killed) takesRELP(t *testing.T, count float64) {
	t.Helper()
	until(t, "take messages by RELP", func(ctx context.Context) error {
		n, err := k.Agent.Metric(ctx, takenByRELP)
		if err == nil && n < count {
			err = fmt.Errorf("%v came", n)
		}
		return err
	})
}

// kill kills the relay in the middle of a flood of lines, and starts it again.
func (k *killed) kill(t *testing.T, tcp *lineSender) {
	t.Helper()
	var err error
	<-tcp.flood(floodLines, func() { err = tcp.killing(inRelay, k.Agent.Kill) })
	if err := errors.Join(err, k.Agent.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// byRELP counts the messages that are not there, and those that are there again: RELP is at least once.
func byRELP(times []int) (lost, repeated int) {
	for _, n := range times[1:] {
		if n == 0 {
			lost++
		}
		repeated += max(n-1, 0)
	}
	return lost, repeated
}

// judge compares the lines that were written with those that are there: of each connection the first ones, each once. Those
// that follow were lost with the relay.
func (k *killed) judge(t *testing.T, runs []lineRun, times []int) (told string) {
	lost, bound := 0, 0
	kills := 0
	for _, r := range runs {
		behind := r.first // the last one that is there
		for n := r.first; n < r.end; n++ {
			if times[n] > 1 {
				t.Errorf("line %d is there %d times", n, times[n])
			}
			if times[n] > 0 {
				behind = n + 1
			}
		}
		for n := r.first; n < behind; n++ {
			if times[n] == 0 {
				t.Errorf("line %d is not there, and line %d of the same connection is", n, behind-1)
			}
		}
		gone := (r.end - behind) * numberedLine
		if gone > r.bound {
			t.Errorf("%d bytes of lines %d to %d are lost at their end, want at most %d", gone, r.first, r.end-1, r.bound)
		}
		if r.bound > 0 {
			kills++
		}
		t.Logf("measured: a connection of %d lines: %d bytes are lost, of at most %d", r.end-r.first, gone, r.bound)
		lost, bound = lost+gone, bound+r.bound
	}
	if len(runs) != relayKills+1 || kills != relayKills {
		t.Errorf("%d connections, %d of them killed, want %d kills", len(runs), kills, relayKills)
	}
	return fmt.Sprintf("lost %d of %d messages (%d bytes; at most %d by buffers)", lost/numberedLine, len(times)-1, lost, bound)
}

// allIndexed waits until the index has what the relay has, and nothing is missing.
func (k *killed) allIndexed(t *testing.T) {
	t.Helper()
	until(t, "send all that is in the spool", func(ctx context.Context) error {
		n, err := k.Agent.Metric(ctx, "belfry_agent_spool_waiting_bytes")
		if err == nil && n > 0 {
			err = fmt.Errorf("%v bytes wait", n)
		}
		return err
	})
	var last error // tells more than that the time was up
	until(t, "the audit of the relay", func(ctx context.Context) error {
		text, code, err := k.Aggregator.Audit(ctx, "web01")
		if ctx.Err() != nil {
			return last
		}
		if err == nil {
			err = nothingMissing(text, code)
		}
		last = err
		return err
	})
}

// nothingMissing asks whether what the audit says is that all is held.
func nothingMissing(text []byte, code int) error {
	held := uint64(0)
	for line := range bytes.Lines(text) {
		var f struct {
			Type, Path                            string
			Held, Dead, Dropped, Missing, Pending uint64
		}
		if err := json.Unmarshal(line, &f); err != nil {
			return fmt.Errorf("%w: %s", err, line)
		}
		if f.Dead+f.Dropped+f.Missing+f.Pending > 0 {
			return fmt.Errorf("not all is held: %s", line)
		}
		if f.Type == "file" && strings.HasPrefix(f.Path, "syslog/") {
			held += f.Held
		}
	}
	if held == 0 || code != 0 {
		return fmt.Errorf("exit code %d, %d bytes of the relay are held: %s", code, held, text)
	}
	return nil
}

// told looks at what the relay has said of the kills. The aggregator may have more to say of it.
func (k *killed) told(t *testing.T) {
	query := "event.action:relay-cut-off AND belfry.doubt.reason:* AND event.dataset:" + heartbeat.Doubt
	until(t, "find a doubt", func(ctx context.Context) error {
		found, err := k.Aggregator.Search(ctx, query)
		if err == nil && len(found) == 0 {
			err = errors.New("none is there")
		}
		return err
	})
	found := (watch{k.Road}).search(t, query)
	for _, e := range found {
		t.Logf("told: %s", e.Get("message"))
	}
	if len(found) != relayKills {
		t.Errorf("%d doubts are told, want one for each of %d kills", len(found), relayKills)
	}
}
