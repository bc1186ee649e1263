package file

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Inputs struct {
			Files []Config `yaml:"files"`
		} `yaml:"inputs"`
	}
	if err := example.Defaults("../../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	var none Config
	told := 0
	for i, c := range shown.Inputs.Files {
		if c.class() != none.class() || c.backfill() != none.backfill() || c.rate() != none.rate() ||
			c.Hold.percent() != none.Hold.percent() || c.Start != "" && c.Start != StartBeginning ||
			len(c.Paths)+len(c.Exclude)+len(c.OldDir)+len(c.Tags)+len(c.Fields)+len(c.MaskKey) > 0 {
			t.Errorf("inputs.files[%d]: %+v", i, c)
		}
		if c.Class != "" && c.Start != "" && c.Backfill != nil && c.BackfillRate != nil && c.Hold.DiskPercent != 0 {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d entries show them all", told)
	}
}
