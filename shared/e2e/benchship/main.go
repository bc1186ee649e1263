// Command benchship measures what one agent on one core makes of a file: read, encoded, compressed, and published over
// TLS to a durable quorum queue of a RabbitMQ of its own, until the last batch is confirmed. Beside it, in the same run
// and each alone at a time, it measures syslog-ng's amqp() over TLS reading the first lines of the same file (a message
// a line; it knows no confirms), and a bare amqp091 publisher of the very batches that the agent had sent.
//
// Each sender has one core to itself, the broker and this program the other. All begin connected and idle; the clock
// runs from the moment that the file has its name until the last confirm (syslog-ng: until the queue has all). Every
// event that arrived is counted, and a count that is not that of the lines is an error. The last line is
//
//	bench-ship: events_per_s=N cpu_us_per_event=X rss_mib=N vs_syslog_ng=X vs_bare=X
//
// with the medians of all rounds; CPU is user and system time of the agent, RSS its peak.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// options is the command line.
type options struct {
	Lines  int    `help:"Lines of the file." default:"1000000"`
	Rounds int    `help:"Rounds; each sender has its turn in each." default:"3"`
	Share  int    `help:"syslog-ng reads the first of so many equal parts of the file: it takes longer." default:"5"`
	Bin    string `help:"Folder with belfry-agent." default:"bin"`
	Bare   string `hidden:"" help:"Be the bare publisher of the batches in this file; its orders come on standard input."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Throughput of one agent on one core, against syslog-ng and a bare publisher."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	work := func() error { return run(ctx, o, os.Stdout) }
	if o.Bare != "" {
		work = func() error { return bare(ctx, o.Bare, os.Stdin, os.Stdout) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-ship:", err)
		os.Exit(1)
	}
}
