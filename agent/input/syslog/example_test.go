package syslog

import (
	"reflect"
	"testing"

	"belfry/shared/e2e/example"
)

// What the example of the configuration shows as defaults is what is used.
func TestExampleDefaults(t *testing.T) {
	var shown struct {
		Inputs struct {
			Syslog []Config `yaml:"syslog"`
		} `yaml:"inputs"`
	}
	if err := example.Defaults("../../../packaging/agent.yaml", &shown); err != nil {
		t.Fatal(err)
	}
	var none, all Config
	for i, c := range shown.Inputs.Syslog {
		if !reflect.DeepEqual(c.withDefaults(), none.withDefaults()) {
			t.Errorf("inputs.syslog[%d]: %+v", i, c)
		}
		all.MaxMessage, all.ClientAuth = max(all.MaxMessage, c.MaxMessage), max(all.ClientAuth, c.ClientAuth)
		all.MaxConnections, all.MaxPerAddress = max(all.MaxConnections, c.MaxConnections), max(all.MaxPerAddress, c.MaxPerAddress)
		all.Idle, all.Handshake = max(all.Idle, c.Idle), max(all.Handshake, c.Handshake)
	}
	all.Sockets = none.withDefaults().Sockets // that of this machine
	if !reflect.DeepEqual(all, none.withDefaults()) {
		t.Errorf("not all are shown: %+v", all)
	}
}
