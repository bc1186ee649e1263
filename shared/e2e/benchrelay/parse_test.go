package main

import (
	"os"
	"path/filepath"
	"testing"
)

const snmp = `Ip: Forwarding DefaultTTL
Ip: 1 64
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors
Udp: 100 5 7 90 6 0 1
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors
UdpLite: 0 0 0 0 0 0 0
`

func TestUDPField(t *testing.T) {
	f := func(text, name string, want int, ok bool) {
		t.Helper()
		if got, err := udpField(text, name); got != want || (err == nil) != ok {
			t.Errorf("%s: %d, %v; want %d", name, got, err, want)
		}
	}
	f(snmp, "RcvbufErrors", 6, true)
	f(snmp, "InErrors", 7, true)
	f(snmp, "NoPorts", 5, true)
	f(snmp, "Forwarding", 0, false)
	f("Udp: RcvbufErrors\nUdp:\n", "RcvbufErrors", 0, false)
	f("", "RcvbufErrors", 0, false)
}

func TestBacklogDrops(t *testing.T) {
	f := func(text string, want int, ok bool) {
		t.Helper()
		if got, err := backlogDrops(text); got != want || (err == nil) != ok {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	f("0000ffff 0000000a 00000000\n0000ffff 00000010 00000000\n", 26, true)
	f("0000ffff\n", 0, false)
	f("0000ffff x\n", 0, false)
	f("", 0, true)
}

func TestUDPCounts(t *testing.T) {
	before, err := readUDPCounts()
	if err != nil {
		t.Fatal(err)
	}
	const want = "the kernel: 2 dropped at a full buffer, 1 with other errors, 4 for nobody's port, 5 in its backlog"
	later := udpCounts{before.full + 2, before.errors + 3, before.nobody + 4, before.backlog + 5}
	if got := later.since(before).String(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

// The agent's metrics are added up over the reasons, of the one transport.
func TestMetrics(t *testing.T) {
	f := func(transport string, want tally, ok bool, lines ...string) {
		t.Helper()
		var got tally
		var err error
		for _, l := range lines {
			if err == nil {
				err = (&relay{transport: transport}).add(&got, l)
			}
		}
		if (err == nil) != ok || ok && got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	all := []string{
		"# TYPE x counter", "", "go_goroutines 12",
		`belfry_agent_syslog_messages_total{transport="tcp"} 100`,
		`belfry_agent_syslog_messages_total{transport="udp"} 10`,
		`belfry_agent_syslog_dropped_messages_total{transport="udp",reason="queue"} 3`,
		`belfry_agent_syslog_dropped_messages_total{transport="udp",reason="sink"} 4`,
		`belfry_agent_syslog_dropped_messages_total{transport="tcp",reason="sink"} 1`,
		`belfry_agent_syslog_kernel_dropped_messages_total{transport="udp"} 5`,
		`belfry_agent_syslog_dropped_bytes_total{transport="udp"} 999`,
		`belfry_agent_ship_events_total 77`,
		`belfry_agent_spool_syncs_total 8`,
	}
	f("udp", tally{received: 10, dropped: 7, kernelDropped: 5, shipped: 77, syncs: 8}, true, all...)
	f("tcp", tally{received: 100, dropped: 1, shipped: 77, syncs: 8}, true, all...)
	f("tls", tally{shipped: 77, syncs: 8}, true, all...)
	f("udp", tally{}, false, `belfry_agent_syslog_messages_total{transport="udp"} many`)
}

func TestSizeUnder(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 3, "b/c": 4} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := sizeUnder(dir); got != 7 || err != nil {
		t.Errorf("%d bytes, %v; want 7", got, err)
	}
	if _, err := sizeUnder(filepath.Join(dir, "nothing")); err == nil {
		t.Error("nothing has a size")
	}
}
