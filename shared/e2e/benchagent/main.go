// Command benchagent measures what following files costs a host: with the real agent, real files, and a receiver that
// answers each batch at once as an aggregator without a broker does. The last line is
//
//	bench-agent: read_mb_per_s=N allocs_per_line=N rss_1000_idle_mib=N rss_10000_mib=N idle_cpu_percent=X gz_vs_bare=X gz_resume_s=X
//
// What is counted (MB is 10^6 bytes of log text, MiB is 2^20 bytes of memory):
//
//   - read_mb_per_s and allocs_per_line: BenchmarkReadPath of agent/input/file, on one core: from the file to the JSON of
//     each event, its evidence and cursors included, where one op is one line. The line "plain from end to end" before it
//     says what the whole agent makes of a file for each second of its CPU: JSON of four times the text in zstd, sealed,
//     signed and sent over TLS as well.
//   - rss_1000_idle_mib: the largest VmRSS in a quarter of a minute with 1000 files of 100 lines, all shipped, none of
//     them open any more, two and a half minutes later: a process at rest collects its garbage every two minutes.
//   - rss_10000_mib: the peak (VmHWM) over a minute with 10,000 such files while 10 more are written to.
//   - idle_cpu_percent: CPU of the agent, in percent of a core, over a minute with the 10,000 files, before any of the
//     10 is written to.
//   - gz_vs_bare: BenchmarkGunzip of agent/input/file/archive, which reads an archive as the agent's sending pass does,
//     against BenchmarkBareGunzip, the bare decompressor: the best run of each, of several by turns. The line "gz from
//     end to end" before it says what the whole agent makes of an archive and of the same text uncompressed; there the
//     archive is decompressed twice where the agent verifies it first.
//   - gz_resume_s: an agent was killed half-way through an archive of 2 GB: seconds from the start of the next process
//     until the first event from beyond the place that had arrived is at the receiver.
//
// Every count of lines and bytes that arrived is compared with what was written; one that differs is an error. What
// could not be measured is "?" in the last line, and the exit code is 1.
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
	Bin      string        `help:"Folder with belfry-agent." default:"bin"`
	Rounds   int           `help:"Rounds of what a median is taken of." default:"3"`
	MB       int           `help:"Size of the plain file, and of its text in the first archive, in MB." default:"500" name:"mb"`
	ResumeMB int           `help:"Text in the archive in which an agent is killed, in MB." default:"2000" name:"resume-mb"`
	Idle     int           `help:"Files of the first look at memory." default:"1000"`
	Many     int           `help:"Files of the second." default:"10000"`
	Busy     int           `help:"Files beside them that are written to." default:"10"`
	Rate     int           `help:"Lines a second written to these, together." default:"1000"`
	Measure  time.Duration `help:"How long memory and CPU are measured." default:"60s"`
	Settle   time.Duration `help:"How long files rest before memory is looked at: Go collects at rest every two minutes." default:"150s"`
	Park     time.Duration `help:"How long the agent may take to close files that rest." default:"3m"`
	Only     []string      `help:"Measure only these: read, allocs, idle, many, gz, resume." enum:"read,allocs,idle,many,gz,resume"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("What following files costs a host."))
	// Not SIGPIPE: one comes with each connection that a killed agent leaves.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-agent:", err)
		os.Exit(1)
	}
}
