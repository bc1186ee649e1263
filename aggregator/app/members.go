package app

import (
	"fmt"
	"io"
	"strings"

	amqpin "belfry/aggregator/receive/amqp"
)

// printMembers prints the aggregators that share the broker's queues, one a line.
func printMembers(w io.Writer, members []amqpin.Member) error {
	for _, m := range members {
		which, queues := "another", "nothing"
		if m.Self {
			which = "this one"
		}
		if len(m.Queues) > 0 {
			queues = strings.Join(m.Queues, " ")
		}
		if m.Aside {
			queues = "nothing: an aggregator with another index was there first"
		}
		_, err := fmt.Fprintf(w, "member  %s (%s, process %d) consumes %s\n", printable(m.Host), which, m.PID, printable(queues))
		if err != nil {
			return err
		}
	}
	return nil
}
