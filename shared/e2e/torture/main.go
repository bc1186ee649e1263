// Command torture does to log files what hosts do to them, and judges an agent by what arrives. Each scenario is an agent
// of its own, with writers that write numbered lines, on a real file system and with the real logrotate, gzip and so on.
// All agents ship to one real RabbitMQ over TLS, which a sink drains by the aggregator's own decoding. Every scenario is
// played twice where that makes a difference: with a glob that takes rotated names as well (a), and one that does not (b).
//
// A scenario is good if every line that was written arrived, none twice by different ids, none spoilt, none from nowhere,
// each stream in order and without a hole, and if the bytes that the agent declared as lost are those of the lines that
// did not arrive, no more and no less. What a scenario may have beyond that stands in it, with the reason.
//
// On stdout, for each scenario:
//
//	ok   16a copytruncate under load: sent=N received=N lost=N repeats=N declared_lost_bytes=N ...
//	FAIL 17b ...
//	not run 33 ...: why
//
// where sent and received count different lines, and repeats those events that came again by the same id (which an
// aggregator removes). After a FAIL its reasons follow, and the folder that is kept. Progress goes to stderr. The last line is
//
//	torture: N ok, N FAIL, N not run
//
// Exit codes: 0 if nothing failed, 1 if something did.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// options is the command line.
type options struct {
	Only  []string `help:"Numbers or labels of scenarios, as 1,16b; default all."`
	Short bool     `help:"The short form: smaller sizes, and only what is cheap unless --only names it."`
	List  bool     `help:"List the scenarios with the time that they take, and end."`
	Keep  bool     `help:"Keep the folder after a good run, too."`
	Bin   string   `help:"Folder with belfry-agent." default:"bin"`
	Dir   string   `help:"Where to make the folder of the run: on a real file system." type:"existingdir"`
	Seed  uint64   `help:"Of what is drawn; 0 draws one."`
	Jobs  int      `help:"Scenarios at a time." default:"1"`
}

const (
	exitFailure     = 1
	exitInterrupted = 130
)

func main() {
	var o options
	kong.Parse(&o, kong.Description("What hosts do to their logs, and what arrives of them."))
	if o.List {
		fmt.Print(table(all()))
		return
	}
	if o.Seed == 0 {
		o.Seed = 1 + rand.Uint64N(1e6)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, o, os.Stdout, os.Stderr)
	switch {
	case err == nil:
		return
	case errors.Is(err, context.Canceled):
		os.Exit(exitInterrupted)
	}
	fmt.Fprintln(os.Stderr, "torture:", err)
	os.Exit(exitFailure)
}
