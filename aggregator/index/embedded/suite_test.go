package embedded

import (
	"testing"

	"belfry/aggregator/index/suite"
)

// TestSuite runs what every engine must pass.
func TestSuite(t *testing.T) {
	for _, c := range suite.Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, start(t, Config{Dir: t.TempDir()}, nil)) })
	}
}
