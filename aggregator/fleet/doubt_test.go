package fleet

import (
	"testing"

	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// A relay that was killed leaves a doubt, one that ended in order leaves none; neither does a file.
func TestRelayCutOff(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	at := uint64(0)
	says := func(boot string, epoch uint64, final bool) {
		w.now = w.now.Add(heartbeat.Every)
		w.speaks("q", "a")
		at++
		w.must(w.Process(at, []*event.Event{beat(w, "a", heartbeat.Heartbeat{Boot: id(boot), Streams: []heartbeat.Stream{
			{ID: event.HashKey("syslog", id("a").String(), ":514"), Path: ":514", Epoch: epoch, End: 10, Final: final},
			{ID: id("file"), Path: "/var/log/a", Epoch: epoch, End: 10}}})}))
		w.must(w.Tick(w.now))
	}
	says("1", 70, false)
	says("1", 70, false)
	says("1", 70, true)
	says("2", 60, false)
	w.wantSaid(t)
	says("3", 80, false) // 60 was killed
	w.wantSaid(t, "relay-cut-off a")
	says("3", 80, false)
	w.must(w.Save(w.now))
	w.kill()
	says("3", 80, true)
	says("4", 5, false)
	w.wantSaid(t)
}
