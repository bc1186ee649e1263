// Command benchzgrep asks the question that this project began with, in the old way and in ours: who ran su through
// sudo, on any of 1000 hosts, in the last 30 days?
//
// It writes a gzipped log for each host and day, of lines like those of shared/corpus, among them a known number in
// which sudo runs su. A belfry-agent for each host, several at a time, ships its archives over HTTPS to a belfry serve
// with the embedded index, as they would on their hosts: that is the load, of which the events a second are told.
// Then the question is asked by turns, with the archives in the page cache and the machine to itself:
//
//   - zgrep: what one types, on all cores: find -name '*.gz' | xargs -P CORES zgrep -hE PATTERN
//   - zcat: what one types who knows that zgrep starts two programs a file: the same with zcat FILES | grep -E PATTERN
//   - search: belfry search --limit 0 --format json QUERY, the whole process from its start to its last line
//
// Each must find the number of lines that were written; anything else is an error, which keeps the folder. The last line is
//
//	bench-zgrep: lines=N zgrep_s=X search_s=X ratio=X
//
// with the medians of all rounds; ratio is zgrep_s/search_s. All hosts lie on one machine here: zgrep by pssh would
// take as long as the slowest of them, and have each of them do it.
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
	Hosts  int    `help:"Hosts." default:"1000"`
	Days   int    `help:"Days, a file each." default:"30"`
	Lines  int    `help:"Lines of a file." default:"400"`
	Rounds int    `help:"Rounds; each way has its turn in each." default:"3"`
	Agents int    `help:"Agents that run at a time; each takes up an archive a second." default:"100"`
	Seed   uint64 `help:"Of the lines." default:"20261128"`
	Keep   bool   `help:"Keep the folder with archives and index after a good run, too."`
	Bin    string `help:"Folder with belfry and belfry-agent." default:"bin"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Who ran su through sudo: belfry search against zgrep over the same lines."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-zgrep:", err)
		os.Exit(1)
	}
}
