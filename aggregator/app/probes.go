package app

import "belfry/shared/ops"

// Probes ask each part whether it goes on. None of them waits for senders or servers: with an index on servers that are away,
// alerts and gaps may wait for these with their locks held, and are not asked. Where a disk hangs, they wait.
func (a *Aggregator) Probes() *ops.Probes {
	all := []ops.Probe{
		{Name: "index", Ask: func() { a.index.Stats() }},
		{Name: "fleet", Ask: a.fleet.Probe},
	}
	if a.shared == nil {
		all = append(all, ops.Probe{Name: "alert", Ask: a.alerts.Probe}, ops.Probe{Name: "audit", Ask: func() { a.gaps.OpenGaps() }})
	}
	if a.consume != nil {
		all = append(all, ops.Probe{Name: "receive/amqp", Ask: func() { a.consume.Members() }})
	}
	return ops.NewProbes(all...)
}
