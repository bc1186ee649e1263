// Command kill shows that SIGKILL of the aggregator loses nothing and repeats nothing. Agents of two hosts read numbered
// lines, written at 20,000 a second together, and ship them over HTTPS to a belfry serve, which is killed at a moment
// that chance chooses, and started again, RUNS times: most often while events are taken, now and then while it starts.
// At the end everything may arrive, and every event of the index is read: each number of each host must be there once, by
// what stands in its line.
//
// For each engine it tells how many events were written and indexed a second, deaths included. Its last line is
//
//	kill: N runs, N events, 0 lost, 0 repeated
//
// over all engines. The exit code is 1 if something was lost or repeated, or the run itself failed; then the folder with all
// logs and states is kept.
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
	Runs  int    `help:"How often the aggregator is killed, with each engine." default:"50"`
	Index string `help:"Engine of the index: embedded, elastic or both." enum:"embedded,elastic,both" default:"both"`
	Rate  int    `help:"Lines a second, of all hosts together." default:"20000"`
	Seed  uint64 `help:"Of the moments; 0 draws one."`
	Keep  bool   `help:"Keep the folder with all logs and states after a good run, too."`
	Bin   string `help:"Folder with belfry and belfry-agent." default:"bin"`
}

func (o options) engines() []string {
	if o.Index == "both" {
		return []string{"embedded", "elastic"}
	}
	return []string{o.Index}
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Kill the aggregator: nothing may be lost, nothing repeated."))
	if o.Seed == 0 {
		o.Seed = 1 + rand.Uint64N(1e6)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		if !errors.Is(err, errJudged) { // that one is told
			fmt.Fprintln(os.Stderr, "kill:", err)
		}
		os.Exit(1)
	}
}
