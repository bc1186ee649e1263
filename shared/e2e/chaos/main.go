// Command chaos shows that nothing is lost and nothing repeated. Agents of several hosts read numbered lines, written at
// a pace and rotated as by logrotate, and ship them through a real RabbitMQ into an aggregator (or several, which share
// the queues, and then an Elasticsearch), while all of them are killed, stopped, cut off, blocked and refused, by a plan
// that is drawn from a seed. Then everything may run, until nothing moves any more, and every event of the index is read:
// each number of each host must be there once, by what stands in its line. What each aggregator tells of hosts, gaps and
// bytes must be the same, and true; and a tail at each shows what passes, whoever holds the queue. The last line is
//
//	chaos: sent=N indexed=N lost=0 repeated=0 declared_gaps=N doubt=N kills=N seed=N
//
// Exit codes: 0 if nothing was lost or repeated; 1 if something was, or the run itself failed; 3 if a queue of the
// broker lost its leader for good, which no program of ours can do or undo. A run that does not end with 0 keeps its
// folder, with all logs and states, and names it.
//
// The same seed makes the same plan of faults and the same lines (but for their times). When exactly a fault meets a
// line is the machine's chance.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options is the command line.
type options struct {
	For         time.Duration `help:"How long faults happen; each kind happens at least once, whatever this is." default:"10m"`
	Seed        uint64        `help:"Of the faults and the lines; 0 draws one."`
	Rate        int           `help:"Lines a second, of all hosts together; default: 21000, or 4000 with an Elasticsearch, which is on this machine, too."`
	Index       string        `help:"Engine of the index: embedded or elastic." enum:"embedded,elastic" default:"embedded"`
	Nodes       int           `help:"Of the Elasticsearch." default:"1"`
	Aggregators int           `help:"How many aggregators; several share an Elasticsearch." default:"1"`
	Keep        bool          `help:"Keep the folder with all logs and states after a good run, too."`
	Bin         string        `help:"Folder with belfry and belfry-agent." default:"bin"`
}

// Validate refuses what cannot be, and fills in defaults; kong calls it.
func (o *options) Validate() error {
	if o.Rate == 0 {
		o.Rate = embeddedRate
		if o.elastic() {
			o.Rate = elasticRate
		}
	}
	switch {
	case o.For <= 0 || o.Rate < len(hostNames):
		return fmt.Errorf("--for=%v --rate=%d: nothing would be written", o.For, o.Rate)
	case o.Aggregators < 1 || o.Nodes < 1:
		return fmt.Errorf("--aggregators=%d --nodes=%d: at least one", o.Aggregators, o.Nodes)
	case o.Aggregators > 1 && !o.elastic():
		return fmt.Errorf("--aggregators=%d (AGGREGATORS=%d): an embedded index is one aggregator's: --index=elastic (INDEX=elastic)",
			o.Aggregators, o.Aggregators)
	}
	return nil
}

// Lines a second: what is written faster than it can be indexed is waited for.
const (
	embeddedRate = 21_000
	elasticRate  = 4_000
)

func (o *options) elastic() bool { return o.Index == "elastic" }

// Exit codes.
const (
	exitFailure     = 1
	exitEnvironment = 3
	exitInterrupted = 130
)

func main() {
	var o options
	kong.Parse(&o, kong.Description("Kill, stop, cut, block: nothing may be lost, nothing repeated."))
	if o.Seed == 0 {
		o.Seed = drawSeed()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A wire that is cut raises SIGPIPE, as does a reader of the output who has gone: only the latter ends the run.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := run(ctx, o, output{os.Stdout, cancel})
	switch {
	case err == nil:
		return
	case ctx.Err() != nil:
		os.Exit(exitInterrupted)
	case errors.Is(err, errLeaderless):
		os.Exit(exitEnvironment)
	}
	os.Exit(exitFailure)
}

// drawSeed draws a seed that is easy to type.
func drawSeed() uint64 { return 1 + rand.Uint64N(1e6) }

// output ends the run when nobody reads what it says: what was started must end all the same.
type output struct {
	to   io.Writer
	gone func()
}

func (o output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	if err != nil {
		o.gone()
	}
	return n, err
}
