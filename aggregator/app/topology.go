package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/topology"
	"belfry/shared/broker"
	"belfry/shared/conf"
)

// errDiffers says that the broker is not as it is wanted.
var errDiffers = errors.New("the broker differs from what is wanted")

type (
	topologyCmd struct {
		Apply applyTopologyCmd `cmd:"" help:"Bring the broker to what is wanted. Exit code 0 if all is as wanted then, 1 if differences are left, 2 on an error."`
		Check checkTopologyCmd `cmd:"" help:"Say how the broker differs from what is wanted, and what to do. Exit code 0 if it does not, 1 if it does, 2 if that cannot be looked at."`
	}
	wantedTopology struct {
		Queues int    `help:"Number of event queues; default: the configuration's." placeholder:"N"`
		Agents string `help:"File of agents, one a line by the common name of its certificate; # begins a comment. Those that have enrolled belong to it, too. Each gets a user without password, its rights and its queue." placeholder:"FILE" type:"path"`
		JSON   bool   `help:"Print JSON." name:"json"`
	}
	applyTopologyCmd struct {
		wantedTopology `embed:""`
		DryRun         bool          `help:"Print the steps, one a line, and do nothing."`
		DrainTimeout   conf.Duration `help:"How long queues may take to drain before slots move; then the slots go back, and the exit code is 2." default:"10m"`
	}
	checkTopologyCmd struct {
		wantedTopology `embed:""`
	}
)

// Help is what --help says beside the flags.
func (applyTopologyCmd) Help() string {
	return `Users, their rights, and moving slots when the number of queues changes need receive.amqp.management in the
configuration; without it exchanges, queues and bindings are declared, and nothing is compared.

To have more queues, or fewer: apply --queues N while the aggregators consume all that there are, then set
receive.amqp.queues and restart them. While slots move, the batches of their agents wait: some 20 seconds, or as long as
the aggregators need for what lies in the queues. Ctrl-C is safe at any time: run it again.`
}

// open returns the topology that is wanted.
func (w wantedTopology) open(c *CLI, drain time.Duration) (*topology.Topology, topology.Config, error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return nil, topology.Config{}, err
	}
	b := cfg.Receive.AMQP
	if b == nil {
		return nil, topology.Config{}, fmt.Errorf("%s: receive.amqp is not set: there is no broker", c.Config)
	}
	want := topology.Config{Broker: b.Config, Management: b.Management, Queues: b.Queues, Drain: drain}
	want.Broker.AppID = "belfry"
	if w.Queues != 0 {
		want.Queues = w.Queues
	}
	if w.Agents != "" {
		file, err := os.Open(w.Agents)
		if err != nil {
			return nil, want, fmt.Errorf("open the list of agents: %w", err)
		}
		defer file.Close()
		if want.Agents, err = topology.ReadAgents(file, w.Agents); err != nil {
			return nil, want, err
		}
		if want.Agents, err = withEnrolled(want.Agents, cfg); err != nil {
			return nil, want, err
		}
	}
	t, err := topology.New(want)
	if err == nil && want.Queues != b.Queues {
		c.Log.Warn("receive.amqp.queues is another number: set it to the new one and restart the aggregators, before this is run without --queues",
			"queues", want.Queues, "configured", b.Queues)
	}
	return t, want, err
}

func (a applyTopologyCmd) Run(ctx context.Context, c *CLI) error {
	t, want, err := a.open(c, time.Duration(a.DrainTimeout))
	if err != nil {
		return err
	}
	plan, err := t.Plan(ctx)
	if err != nil {
		return err
	}
	blind := want.Management == nil
	show := func(s topology.Step) {
		if !a.JSON && (a.DryRun || !blind) {
			fmt.Fprintln(c.out(), printable(s.String()))
		}
	}
	if blind {
		c.Log.Warn("receive.amqp.management is not configured: what is there is not compared, slots cannot move, and the users of agents are not made")
	}
	if a.DryRun {
		for _, s := range plan.Steps {
			show(s)
		}
	} else if err := a.apply(ctx, c, t, plan, show); err != nil {
		return err
	}
	if blind {
		plan.Findings = nil // that all is missing was an assumption
	}
	return a.told(c, plan, want.Queues)
}

func (applyTopologyCmd) apply(ctx context.Context, c *CLI, t *topology.Topology, plan *topology.Plan, show func(topology.Step)) error {
	back := 0
	err := t.Apply(ctx, plan, topology.Progress{
		Done: show, Restored: func(topology.Step) { back++ },
		Waiting: func(queue string, ready, unacked, consumers int) {
			c.Log.Info("waiting until it is sure that a queue is empty", "queue", queue, "ready", ready, "unacked", unacked, "consumers", consumers)
		},
	})
	if back > 0 {
		c.Log.Warn("slots are bound again where they were", "slots", back)
	}
	return err
}

// told prints what is left, and a last line.
func (a applyTopologyCmd) told(c *CLI, plan *topology.Plan, queues int) error {
	left := plan.Left()
	if a.JSON {
		if err := printJSON(c, map[string]any{"steps": plan.Steps, "left": left}); err != nil {
			return err
		}
	} else {
		for _, f := range left {
			fmt.Fprintln(c.out(), "left:", printable(f.String()))
		}
	}
	if len(left) > 0 {
		return errDiffers
	}
	if !a.JSON && !a.DryRun {
		fmt.Fprintf(c.out(), "%d slots on %d queues\n", broker.Slots, queues)
	}
	return nil
}

func (k checkTopologyCmd) Run(ctx context.Context, c *CLI) error {
	t, want, err := k.open(c, 0)
	if err != nil {
		return err
	}
	found, err := t.Check(ctx)
	if k.JSON {
		if found == nil {
			found = []topology.Finding{}
		}
		if failed := printJSON(c, map[string]any{"differences": found}); failed != nil {
			return failed
		}
	} else {
		for _, f := range found {
			fmt.Fprintln(c.out(), printable(f.String()))
		}
	}
	switch {
	case err != nil:
		return err
	case len(found) > 0:
		return errDiffers
	case !k.JSON && want.Agents == nil:
		fmt.Fprintf(c.out(), "%d slots on %d queues: ok; the users of agents were not looked at (--agents)\n", broker.Slots, want.Queues)
	case !k.JSON:
		fmt.Fprintf(c.out(), "%d slots on %d queues, %d agents: ok\n", broker.Slots, want.Queues, len(want.Agents))
	}
	return nil
}

func printJSON(c *CLI, v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := c.out().Write(printableJSON(text.Bytes()))
	return err
}
