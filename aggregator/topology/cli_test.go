package topology_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"

	"belfry/aggregator/app"
	"belfry/aggregator/topology"
)

// The command line imports this package, so that only a package beside it can run both.
func init() { topology.CommandLine = commandLine }

// commandLine runs belfry as main does, and returns what it prints and its exit code.
func commandLine(ctx context.Context, args ...string) (string, int, error) {
	var out bytes.Buffer
	c := app.CLI{Out: &out, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	parser, err := kong.New(&c, kong.Vars{"config": "none", "parsers": "none/*.yml", "version": "test"})
	if err != nil {
		return "", 0, err
	}
	k, err := parser.Parse(args)
	if err == nil {
		k.BindTo(ctx, (*context.Context)(nil))
		err = k.Run(&c)
	}
	return out.String(), app.ExitCode(err), err
}
