package app

import (
	"fmt"
	"io"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/shared/event"
)

// DryRun hands the events on that a file would be sent as. What is to be known besides goes to notes.
func DryRun(cfg *config.Config, version, path string, notes io.Writer, each func(event []byte) error) error {
	src := file.Source{Agent: event.HashKey("dry run"), Version: version, Host: cfg.Host, Zone: zone(cfg.Zone)}
	matched, err := file.Preview(cfg.Inputs.Files, cfg.State, path, src, each)
	if !matched {
		fmt.Fprintf(notes, "no input names %s: the agent would not read it; shown as by the defaults\n", path)
	}
	return err
}
