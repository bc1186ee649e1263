package app

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
)

type indexCmd struct {
	Stats  indexStatsCmd  `cmd:"" default:"withargs" help:"What the index holds: events, bytes and days of each retention class."`
	Check  indexCheckCmd  `cmd:"" help:"Look through the files of the embedded index, while no aggregator runs. Exit code 0 if all is well, 1 if something is wrong, 2 if it cannot be looked at."`
	Export indexExportCmd `cmd:"" help:"Write events as NDJSON, one ECS object a line, oldest first, with what was asked (belfry.search) too. The aggregator goes on."`
	Import indexImportCmd `cmd:"" help:"Put events that were exported into the index of the configuration; those that it has already stay. No alert is raised for them. With the embedded index no aggregator may run."`
}

type indexStatsCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

// Run prints what the index holds.
func (s indexStatsCmd) Run(ctx context.Context, c *CLI) error {
	var st Status
	if _, err := c.get(ctx, "/v1/status", nil, &st); err != nil {
		return err
	}
	x := st.Index
	if s.JSON {
		return printJSON(c, x)
	}
	t := tabwriter.NewWriter(c.out(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLASS\tEVENTS\tBYTES\tBYTES/EVENT\tFIRST DAY\tLAST DAY\tKEEP")
	row := func(name string, rows, bytes uint64, first, last, keep string) {
		each := "-"
		if rows > 0 {
			each = fmt.Sprintf("%.1f", float64(bytes)/float64(rows))
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", printable(name), rows, bytes, each, printable(first), printable(last), printable(keep))
	}
	for _, k := range x.Classes {
		row(k.Class, k.Rows, k.Bytes, k.First, k.Last, inDays(k.Keep))
	}
	row("all", x.Rows, x.Bytes, "", "", "")
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out(), "engine %s%s\n", printable(x.Engine), ownDisk(x, ", log %d bytes, disk %d bytes free"))
	for _, trouble := range []string{x.Failure, x.Trouble} {
		if trouble != "" && err == nil {
			_, err = fmt.Fprintln(c.out(), printable(trouble))
		}
	}
	return err
}

// ownDisk tells of the disk of an engine that writes to this machine's; of one that does not, nothing is known.
func ownDisk(x index.Stats, format string) string {
	if x.Engine != config.EngineEmbedded {
		return ""
	}
	return fmt.Sprintf(format, x.LogBytes, x.DiskFree)
}

// inDays returns a length of time as it is mostly configured: 2160h0m0s is 90d.
func inDays(long string) string {
	const day = 24 * time.Hour
	if d, err := time.ParseDuration(long); err == nil && d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return long
}
