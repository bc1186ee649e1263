// Command benchindex measures both engines of the index beside what they are made of. It runs benchmarks of the engines'
// own packages, which reach what a program cannot, and sums them up. The last line is
//
//	bench-index: rows_per_s=N vs_logstorage=X bytes_per_event=N search_p50_ms=N search_worst_ms=N elastic_docs_per_s=N vs_bare_bulk=X
//
// What is counted:
//
//   - rows_per_s: BenchmarkWrite of aggregator/index/embedded, from Write to its answer: log, ledger, fsync and rows;
//     vs_logstorage: against bare logstorage, which takes the same rows in the same run by turns.
//   - bytes_per_event: on disk, without the log, after the events of the searches were written.
//   - search_p50_ms, search_worst_ms: BenchmarkKinds there asks for several kinds of things among EVENTS events; the
//     first is the median of their medians, the second the longest of all times. A table has each kind.
//   - elastic_docs_per_s: BenchmarkWrite of aggregator/index/elastic, into a real Elasticsearch node of its own;
//     vs_bare_bulk: against esutil.BulkIndexer, which writes the same documents to the same node by turns.
//
// Rates are medians of all rounds, as are ratios. What could not be measured is "?", and the exit code is 1.
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
	Events int      `help:"Events among which searches look." default:"10000000"`
	Docs   int      `help:"Documents of one turn of a writer to Elasticsearch." default:"100000"`
	Rounds int      `help:"Rounds of what a median is taken of." default:"3"`
	Only   []string `help:"Measure only these: write, search, elastic." enum:"write,search,elastic"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("What both engines of the index make of rows and questions."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-index:", err)
		os.Exit(1)
	}
}
