package app

import (
	"context"
	"errors"
	"fmt"
)

// Run prints how the aggregator is.
func (s statusCmd) Run(ctx context.Context, c *CLI) error {
	var st Status
	text, err := c.get(ctx, "/v1/status", nil, &st)
	if err != nil {
		return err
	}
	if s.JSON {
		_, err := c.out().Write(printableJSON(text))
		return err
	}
	x := st.Index
	_, err = fmt.Fprintf(c.out(), "ready   %s\nevents  %d, in %d bytes on the disk%s\nalerts  %d wait to be told\ndead    %d letters\n",
		printable(st.Ready), x.Rows, x.Bytes, ownDisk(x, ", and %d bytes of log\ndisk    %d bytes free"), st.AlertsPending, st.DeadLetters)
	return errors.Join(err, printMembers(c.out(), st.Members))
}
