// Command benchrelay measures what one agent on one core takes of syslog, from the socket into its spool on disk, against
// what rsyslog and syslog-ng take on the same core into a file: over UDP, TCP and TLS, one at a time and by turns in the
// same run. The last line is
//
//	bench-relay: tcp_vs_rsyslog=X tcp_vs_syslog_ng=X tls_vs_syslog_ng=X udp_sent=N udp_received=N udp_counted_drops=N
//
// What is measured is the process of the receiver alone: messages for each second of its user and system time, as the
// kernel counts it. Each has one CPU to itself; the other sends from four connections or source ports. A message is 200
// bytes of recorded lines behind a <PRI> (RFC 3164). Over TCP a line end follows it, over TLS, where both sides show a
// certificate, its length comes first (RFC 5425). Each ratio is that of the medians of all rounds; 2 is twice as fast.
//
//   - The agent's road is cut, so that all messages stay in its spool. Its turn lasts until it has counted the last of them
//     and the spool has synced it. "road open" is the same over TCP while it ships them too, until all are confirmed.
//     An agent does not read the header of a message, only its <PRI>: the aggregator does.
//   - rsyslog and syslog-ng are tuned as their manuals say, parse the header, and write their default format; neither
//     calls fsync. rsyslog takes TCP with imptcp, its faster module.
//   - udp_sent is what the kernel took of a burst of 180,000 datagrams a second for 5 seconds. What the agent received, and
//     what it says was dropped, by itself or by the kernel at its socket, must make exactly that in each round; the last
//     line tells of the round in which it lost most. What the others did not write, they lost without a word.
//
// A count that differs from what was sent is an error, and the exit code is 1.
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
	Bin         string        `help:"Folder with belfry-agent." default:"bin"`
	Rounds      int           `help:"Rounds; each receiver has its turns in each." default:"3"`
	Messages    int           `help:"Messages of one turn over TCP or TLS." default:"2000000"`
	Connections int           `help:"Connections, or source ports of UDP." default:"4"`
	UDPRate     int           `help:"Datagrams a second of the burst." default:"180000" name:"udp-rate"`
	UDPFor      time.Duration `help:"How long the burst lasts." default:"5s" name:"udp-for"`
	Load        bool          `hidden:"" help:"Be the senders; the orders come on standard input."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("What one agent on one core takes of syslog, against rsyslog and syslog-ng."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	work := func() error { return run(ctx, o, os.Stdout) }
	if o.Load {
		work = func() error { return load(ctx, os.Stdin, os.Stdout) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-relay:", err)
		os.Exit(1)
	}
}
