package app

import (
	"strings"
	"testing"

	"belfry/aggregator/fleet"
)

// What lies in a relay's spool is shown beside the lag, which has it already; the others are not bothered with it.
func TestPrintHostsTellsOfTheSpool(t *testing.T) {
	var b strings.Builder
	if err := printHosts(&b, []fleet.Host{{Name: "relay", Lag: 140, Spool: 150}, {Name: "web01", Lag: 7}}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.Contains(lines[1], "  140 (spool: 150)  ") || !strings.Contains(lines[2], "  7  ") || strings.Contains(lines[2], "spool") {
		t.Error(b.String())
	}
}
