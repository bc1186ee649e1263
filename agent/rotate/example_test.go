package rotate

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Rotate []Config `yaml:"rotate"`
	}
	if err := example.Defaults("../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	var none Config
	c := shown.Rotate[0]
	if c.Compress == nil || c.compress() != none.compress() || c.Wait == 0 || c.wait() != none.wait() ||
		c.MinSize == 0 || c.least() != none.least() || c.Signal.Signal == "" || signals[c.Signal.Signal] != signals[""] {
		t.Errorf("%+v", c)
	}
	c.Compress, c.Wait, c.MinSize, c.Signal = nil, 0, 0, nil
	if len(c.Paths)+len(c.Postrotate)+c.Keep+int(c.Size)+int(c.Age)+int(c.KeepFor) > 0 || c.DelayCompress || c.DateExt ||
		c.NoCreate || c.Create != nil {
		t.Errorf("not defaults: %+v", c)
	}
}
