package broker

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the examples of the configurations show as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	f := func(path string) {
		t.Helper()
		type section struct {
			AMQP struct {
				Config `yaml:",inline"`
				Queues int `yaml:"queues"`
			} `yaml:"amqp"`
		}
		var shown struct{ Ship, Receive section }
		if err := example.Defaults(path, &shown); err != nil {
			t.Fatal(err)
		}
		for _, s := range []section{shown.Ship, shown.Receive} {
			if c := s.AMQP.Config; c.confirmTimeout() != new(Config).confirmTimeout() || len(c.URLs)+len(c.User)+len(c.Password.Reveal()) > 0 {
				t.Errorf("%s: %+v", path, c)
			}
		}
		if shown.Ship.AMQP.Confirm+shown.Receive.AMQP.Confirm == 0 {
			t.Errorf("%s does not show it", path)
		}
	}
	f("../../packaging/agent.yaml")
	f("../../packaging/aggregator.yaml")
}
