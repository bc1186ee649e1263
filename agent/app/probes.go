package app

import (
	"fmt"

	"belfry/shared/ops"
)

// Probes ask each part whether it goes on. None of them waits for the receiver or for senders; where a disk hangs, they do.
func (a *Agent) Probes() *ops.Probes {
	all := []ops.Probe{
		{Name: "heartbeat", Ask: a.pulse.probe},
		{Name: "road", Ask: func() { _ = a.road.LastError() }}, // it takes the road's lock
	}
	add := func(name string, ask func()) { all = append(all, ops.Probe{Name: name, Ask: ask}) }
	for i, s := range a.ships {
		add(fmt.Sprintf("ship[%d]", i), s.Probe)
	}
	if a.files != nil {
		add("input/file", a.files.Probe)
	}
	for i, j := range a.journals {
		add(fmt.Sprintf("input/journal[%d]", i), func() { j.Status() })
	}
	if a.relay != nil {
		add("relay", func() {
			a.relay.ends()
			a.relay.spool.Stuck()
		})
	}
	if a.rotator != nil {
		add("rotate", func() { a.rotator.Status() })
	}
	return ops.NewProbes(all...)
}
