package elastic

import (
	"reflect"
	"testing"
	"time"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Index struct {
			Elastic Config `yaml:"elastic"`
		} `yaml:"index"`
	}
	if err := example.Defaults("../../../packaging/aggregator.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	c := shown.Index.Elastic
	if keep := time.Duration(c.Retention.Longest()); keep != defaultRetention || len(c.Retention) != 1 {
		t.Errorf("retention: %v", c.Retention)
	}
	c.Retention = nil
	if want := (Config{}).withDefaults(); !reflect.DeepEqual(c, want) {
		t.Errorf("it shows\n%+v\nand used is\n%+v", c, want)
	}
}
