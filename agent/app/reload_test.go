package app

import (
	"testing"

	"belfry/agent/config"
	"belfry/agent/ship/https"
)

// Enrolling again may say of another aggregator: that is a change, though the file is the same.
func TestWhereToShipIsPartOfTheConfiguration(t *testing.T) {
	hash := func(url string) string {
		cfg := &config.Config{Hash: "the file's"}
		cfg.Ship.HTTPS = &https.Config{URL: url}
		c, err := newCandidate(cfg, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash()
	}
	if hash("https://a:8443") != hash("https://a:8443") || hash("https://a:8443") == hash("https://b:8443") {
		t.Error("a reload does not notice that it is to ship to another aggregator")
	}
}
