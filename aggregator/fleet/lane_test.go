package fleet

import (
	"testing"
	"time"

	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// by is a batch of one lane of a host.
func (w *town) by(lane int, queue, name string) {
	w.Batch(&batch.Manifest{Agent: id(name), Boot: id("boot " + name), Lane: lane, Sealed: w.now}, "agent-"+name, queue, w.now)
}

// A relay is missed where its heartbeats are due: a lane that has nothing to say is no complaint, and one that speaks hides
// nothing.
func TestSilenceOfLanes(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q0", "relay")
	w.by(1, "q1", "relay") // and then nothing
	w.pass(2*silence, "q0", "relay", "a")
	w.wantSaid(t)
	w.wantStates(t, "agent-a ok, agent-relay ok")
	w.must(w.Save(w.now))
	w.kill()
	w.by(1, "q1", "relay")
	w.pass(silence+time.Minute, "other", "x")
	w.wantSaid(t, "queue-idle") // it is q0
	w.wantStates(t, "agent-a silent, agent-relay silent, agent-x ok")
	if h := w.Hosts(w.now)[1]; h.Queue != "q0" || !h.Idle {
		t.Errorf("%+v", h)
	}
	w.pass(time.Minute, "q0", "relay", "a")
	w.wantSaid(t, "queue-back")
	w.by(1, "q1", "relay")
	w.pass(2*silence, "q0", "a")
	w.wantSaid(t, "host-silent agent-relay", "queue-idle") // the queue is that of x
}

func TestLanesAreBounded(t *testing.T) {
	a := newAgent(id("a"), "agent-a")
	for i := range 2 * maxLanes {
		a.speaks(i+1, "q", noon)
	}
	a.speaks(0, "home", noon)
	if q, ok := a.by(0); !ok || q != "home" || len(a.Lanes) != maxLanes+1 {
		t.Errorf("%q, %v, %d lanes", q, ok, len(a.Lanes))
	}
}

func TestLaneOf(t *testing.T) {
	f := func(path string, want int, ok bool) {
		t.Helper()
		if got, gotOK := laneOf(path); gotOK != ok || ok && got != want {
			t.Errorf("laneOf(%q) = %d, %v; want %d, %v", path, got, gotOK, want, ok)
		}
	}
	f("syslog/0-auth", 0, true)
	f("syslog/12-a-b", 12, true)
	f("syslog/12", 0, false)
	f("syslog/-1-auth", 0, false)
	f("syslog/99999999999999999999-auth", 0, false)
	f("/var/log/syslog/0-auth", 0, false)
	f("", 0, false)
}

func FuzzLaneOf(f *testing.F) {
	f.Add("syslog/0-auth")
	f.Fuzz(func(t *testing.T, path string) {
		if n, ok := laneOf(path); n < 0 && ok {
			t.Errorf("lane %d", n)
		}
	})
}

// What lies in a relay's spool is in the lag once.
func TestLagOfARelay(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q", "a")
	since := w.now.Add(-9 * time.Second)
	h := heartbeat.Heartbeat{Spool: 140, Streams: []heartbeat.Stream{
		{ID: id("0"), Path: "syslog/0-auth", End: 100, Cursor: 60, Since: since},
		{ID: id("1"), Path: "syslog/1-auth", End: 100, Cursor: 90, Behind: 90, Since: since},
		{ID: id("2"), Path: "syslog/2-auth", End: 70, Cursor: 70},
	}}
	w.must(w.Process(1, []*event.Event{beat(w, "a", h)}))
	if h := w.Hosts(w.now)[0]; h.Lag != 40+100 || h.Spool != 140 || h.LagTime != 9 {
		t.Errorf("%+v", h)
	}
}

// Who was told to be silent is not back because its queue has paused.
func TestPauseOfAQueueBringsNobodyBack(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.pass(time.Minute, "q", "a", "b")
	w.pass(2*silence, "q", "a")
	w.wantSaid(t, "host-silent agent-b")
	w.now = w.now.Add(silence - time.Minute) // nobody could speak
	w.pass(2*silence, "q", "a")
	w.wantSaid(t)
	w.wantStates(t, "agent-a ok, agent-b silent")
	w.pass(time.Minute, "q", "a", "b")
	w.wantSaid(t, "host-back agent-b")
}
