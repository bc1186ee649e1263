// Belfry is the aggregator and the operator's command line.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"belfry/aggregator/app"
	"belfry/aggregator/config"
	"belfry/shared/quiet"
)

// version is set by the linker.
var version = "0.1.0-dev"

func main() {
	quiet.Over()
	err := run()
	code := app.ExitCode(err)
	if err != nil && !app.Told(err) && code != app.ExitNothing {
		fmt.Fprintln(os.Stderr, "belfry:", err)
	}
	os.Exit(code)
}

// commandLine makes the parser of the command line.
func commandLine(c *app.CLI) (*kong.Kong, error) {
	return kong.New(c, kong.Name("belfry"), kong.Vars{"config": config.Path, "parsers": config.Parsers, "version": "belfry " + version},
		kong.Description("Collects the logs of all hosts: search them at once, follow them live, be told at once."),
		kong.Bind(manual()))
}

func run() error {
	c := app.CLI{Version: version}
	parser, err := commandLine(&c)
	if err != nil {
		return err
	}
	k, err := parser.Parse(os.Args[1:])
	if err != nil {
		return app.Usage(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	c.Log = logger(c.Debug)
	return k.Run(&c)
}

func logger(debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
