package embedded

import (
	"testing"

	"belfry/shared/conf"
	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Index struct {
			Embedded struct {
				MaxBytes conf.Bytes `yaml:"max_bytes"`
				Memory   conf.Bytes `yaml:"memory"`
				Names    int        `yaml:"names"`
			} `yaml:"embedded"`
		} `yaml:"index"`
	}
	if err := example.Defaults("../../../packaging/aggregator.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	var want Config
	want.setDefaults()
	if c := shown.Index.Embedded; int64(c.Memory) != want.Memory || c.Names != want.Names || int64(c.MaxBytes) != want.MaxBytes {
		t.Errorf("it shows %+v, and used is %+v", c, want)
	}
}
