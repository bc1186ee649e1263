package main

import (
	"errors"
	"fmt"

	"belfry/shared/e2e/gauge"
)

// median is that of all turns of a kind, of whatever is asked; 0 if there were none.
func (b *bench) median(k kind, of func(turn) float64) float64 {
	var values []float64
	for _, t := range b.turns[k] {
		values = append(values, of(t))
	}
	return gauge.Median(values)
}

func (b *bench) perCPU(transport, who string) float64 {
	return b.median(kind{transport, who}, turn.perCPU)
}

// vs is how many times as many messages a second of CPU our agent takes.
func (b *bench) vs(transport, who string) float64 {
	return b.perCPU(transport, theBelfry) / b.perCPU(transport, who)
}

// table prints the medians.
func (b *bench) table() {
	fmt.Fprintf(b.out, "\n%-4s %-10s %22s %14s %10s  %s\n", "", "median", "messages/s of its CPU", "messages/s", "peak", "belfry takes")
	for _, transport := range transports {
		for _, who := range append(receivers[:len(receivers):len(receivers)], openRoad) {
			k := kind{transport, who}
			if len(b.turns[k]) == 0 {
				continue
			}
			compared := fmt.Sprintf("%.2f times as many of its CPU", b.vs(transport, who))
			switch who {
			case theBelfry:
				compared = ""
			case openRoad:
				compared = "and ships them too"
			}
			fmt.Fprintf(b.out, "%-4s %-10s %22.0f %14.0f %6.0f MiB  %s\n", transport, who, b.median(k, turn.perCPU),
				b.median(k, turn.rate), b.median(k, func(t turn) float64 { return t.Peak }), compared)
		}
	}
	fmt.Fprintln(b.out)
}

func (b *bench) lastLine() string {
	udp := b.worst()
	return fmt.Sprintf("bench-relay: tcp_vs_rsyslog=%.2f tcp_vs_syslog_ng=%.2f tls_vs_syslog_ng=%.2f "+
		"udp_sent=%d udp_received=%d udp_counted_drops=%d",
		b.vs("tcp", theRsyslog), b.vs("tcp", theSyslogNG), b.vs("tls", theSyslogNG), udp.Messages, udp.received, udp.lost())
}

// worst is the burst whose counts do not agree, or else the one of which our agent lost most.
func (b *bench) worst() (worst turn) {
	k := kind{"udp", theBelfry}
	for i, t := range b.turns[k] {
		if t.fault(k) != nil {
			return t
		}
		if i == 0 || t.lost() > worst.lost() {
			worst = t
		}
	}
	return worst
}

// disagreements is an error for each turn whose counts are not what they must be.
func (b *bench) disagreements() error {
	var errs []error
	for k, turns := range b.turns {
		for i, t := range turns {
			if err := t.fault(k); err != nil {
				errs = append(errs, fmt.Errorf("round %d: %s %s: %w", i+1, k.transport, k.who, err))
			}
		}
	}
	return errors.Join(errs...)
}
