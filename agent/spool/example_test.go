package spool

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Spool Config `yaml:"spool"`
	}
	if err := example.Defaults("../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	var none Config
	c := shown.Spool
	if int64(c.MaxBytes) != none.maxBytes() || int64(c.MinFree) != none.minFree() || c.syncAfter() != none.syncAfter() || c.SyncAfter == 0 {
		t.Errorf("%+v", c)
	}
}
