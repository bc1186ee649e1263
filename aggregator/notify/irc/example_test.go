package irc

import (
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct{ Notify struct{ IRC Config } }
	if err := example.Defaults("../../../packaging/aggregator.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	if c := shown.Notify.IRC; c != (Config{Nick: defaultNick}) {
		t.Errorf("%+v", c)
	}
}
