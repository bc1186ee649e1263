// Command demo shows one log line's whole way on this machine, between real servers of its own: a file that is
// rotated and compressed while it grows, belfry-agent, RabbitMQ (or HTTPS), belfry serve with an index of its own
// (or in an Elasticsearch), the search, the live tail, and an IRC channel in which somebody is on call. It says in plain lines what it does and which commands to try.
//
// Everything lies in one temporary folder and listens on loopback addresses only. On Ctrl-C, SIGTERM or SIGHUP, and
// after --for, it ends what it started and removes the folder. With --for its exit code is 0 only if it saw each step.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options is the command line.
type options struct {
	For    time.Duration `help:"End after this long, or 30 s after the servers run, and judge what was seen; default: run until Ctrl-C."`
	Broker string        `help:"none: go without RabbitMQ, over HTTPS." enum:"auto,none" default:"auto"`
	Index  string        `help:"Engine of the index: embedded or elastic." enum:"embedded,elastic" default:"embedded"`
	Bin    string        `help:"Folder with belfry and belfry-agent." default:"bin"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("One log line, all the way: from a host's file to an IRC ping."))
	// SIGPIPE: whoever read the output is gone; what was started must end all the same.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
