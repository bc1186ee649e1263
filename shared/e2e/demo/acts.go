package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"belfry/shared/e2e/stack"
)

// Words by which the demo finds its own acts again.
const (
	posted  = "This is a test"
	byUDP   = "relayed-by-udp"
	byTCP   = "relayed-by-tcp"
	program = "/usr/bin/su"        // in the ping
	root    = "COMMAND=" + program // in the line that raises the alert
)

// act does now and then what a user, a relay and a program with curl would do.
func (d *demo) act(ctx context.Context) error {
	tick := time.NewTicker(actEvery)
	defer tick.Stop()
	for round := 1; ; round++ {
		if err := d.acts(ctx, round); err != nil && ctx.Err() == nil {
			d.say("will try again: %v", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *demo) acts(ctx context.Context, round int) error {
	line := fmt.Sprintf("sudo:   averez : TTY=pts/%d ; PWD=/home/averez ; USER=root ; %s", round, root)
	if err := d.Feeder.Write(line); err != nil {
		return err
	}
	for _, c := range []struct{ command, answer string }{
		{d.curl(), `"status"`},
		{d.logger(d.Agent.UDP, "-d --rfc5424", byUDP, round), ""},
		{d.logger(d.Agent.TCP, "-T --rfc3164", byTCP, round), ""},
	} {
		out, err := exec.CommandContext(ctx, "sh", "-c", c.command).Output()
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		if err == nil && !strings.Contains(string(out), c.answer) {
			err = errors.New("not taken")
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %s", c.command, err, out)
		}
	}
	return nil
}

// curl is the command that must work as it stands; only the port may differ.
func (d *demo) curl() string {
	_, port, _ := strings.Cut(d.Aggregator.Plain, ":")
	return "curl -XPOST http://localhost:" + port +
		`/events -d '{"category":"demo","hostname":"localhost","severity":"INFO","summary":"` + posted + `"}'`
}

func (d *demo) logger(addr, transport, word string, round int) string {
	_, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf("logger -n 127.0.0.1 -P %s %s -t relay %s-%d", port, transport, word, round)
}

// overhear prints what the one on call reads.
func (d *demo) overhear(ctx context.Context) error {
	for n := 0; ; n++ {
		seen := 0
		h, err := d.Reader.Wait(ctx, func(stack.Heard) bool { seen++; return seen > n })
		if err != nil {
			return err
		}
		d.say("IRC %s <%s> %s", h.Target, h.From, h.Text)
	}
}
