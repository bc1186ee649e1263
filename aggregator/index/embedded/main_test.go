package embedded

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the test binary be the process that a test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		os.Exit(writerMain(dir))
	}
	flag.Parse()
	os.Exit(m.Run())
}
