package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"belfry/aggregator/app"
	"belfry/shared/e2e/pages"
)

var program = pages.Program{
	Name: "belfry", Example: "../packaging/aggregator.yaml",
	CommandLine: func() (*kong.Kong, error) { return commandLine(new(app.CLI)) },
}

func TestManual(t *testing.T) { pages.Manual(t, program) }

func TestCompletion(t *testing.T) { pages.Completion(t, program) }
