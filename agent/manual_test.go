package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"belfry/shared/e2e/pages"
)

var program = pages.Program{
	Name: "belfry-agent", Example: "../packaging/agent.yaml",
	CommandLine: func() (*kong.Kong, error) { return commandLine(new(cli)) },
}

func TestManual(t *testing.T) { pages.Manual(t, program) }

func TestCompletion(t *testing.T) { pages.Completion(t, program) }
