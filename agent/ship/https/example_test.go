package https

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Ship struct {
			HTTPS Config `yaml:"https"`
		} `yaml:"ship"`
	}
	if err := example.Defaults("../../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	if c := shown.Ship.HTTPS; c.Timeout == 0 || c.timeout() != new(Config).timeout() || c.URL != "" {
		t.Errorf("%+v", c)
	}
}
