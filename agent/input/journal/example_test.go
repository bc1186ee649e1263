package journal

import (
	"testing"
	"time"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Inputs struct {
			Journal []Config `yaml:"journal"`
		} `yaml:"inputs"`
	}
	if err := example.Defaults("../../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	var none Config
	now, told := time.Unix(1e9, 0), 0
	want, _ := none.since(now) // it has a default
	for i, c := range shown.Inputs.Journal {
		if from, err := c.since(now); err != nil || !from.Equal(want) || c.class() != none.class() ||
			c.maxMessage() != none.maxMessage() || c.Name() != none.Name() {
			t.Errorf("inputs.journal[%d]: %+v, %v", i, c, err)
		}
		if c.Start != "" && c.Class != "" && c.MaxMessage != 0 {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d entries show them all", told)
	}
}
