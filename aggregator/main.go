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
)

// version is set by the linker.
var version = "0.1.0-dev"

func main() {
	c := app.CLI{Version: version}
	k := kong.Parse(&c, kong.Name("belfry"), kong.UsageOnError(), kong.Vars{"config": config.Path},
		kong.Description("Collects the logs of all hosts: search them at once, follow them live, be told at once."))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	c.Log = logger(c.Debug)
	err := k.Run(&c)
	if code := app.ExitCode(err); err != nil {
		if code != app.ExitNothing {
			fmt.Fprintln(os.Stderr, "belfry:", err)
		}
		stop()
		os.Exit(code)
	}
}

func logger(debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
