package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"belfry/shared/certs"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// bench is one run.
type bench struct {
	options
	out    io.Writer
	dir    string
	cpu    string      // of the receiver
	server certs.Files // of who takes syslog, or batches
	agent  certs.Files // of our agent, as it ships
	sender certs.Files
	turns  map[kind][]turn
}

// kind is what turns are alike in.
type kind struct{ transport, who string }

// The receivers, in the order of their turns.
const (
	theBelfry   = "belfry"
	theRsyslog  = "rsyslog"
	theSyslogNG = "syslog-ng"
)

var (
	receivers  = []string{theBelfry, theRsyslog, theSyslogNG}
	transports = []string{"tcp", "tls", "udp"}
)

// openRoad is what our agent is called when it ships what it takes.
const openRoad = "road open"

func run(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{options: o, out: out, turns: make(map[kind][]turn)}
	if err := b.possible(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "belfry-bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.open(); err != nil {
		return err
	}
	for round := 1; round <= o.Rounds; round++ {
		for _, transport := range transports {
			for _, who := range receivers {
				if err := b.round(ctx, round, kind{transport, who}); err != nil {
					return err
				}
			}
		}
	}
	if err := b.round(ctx, 1, kind{"tcp", openRoad}); err != nil {
		return err
	}
	b.table()
	fmt.Fprintln(b.out, b.lastLine())
	return b.disagreements()
}

// possible says what is missing, or wrong with the options.
func (b *bench) possible() error {
	var errs []error
	if min(b.Rounds, b.Messages, b.Connections, b.UDPRate, b.datagrams()) < 1 {
		errs = append(errs, errors.New("every count, rate and time is at least 1"))
	}
	if missing := stack.Missing("taskset"); len(missing) > 0 {
		errs = append(errs, fmt.Errorf("not installed: %s", strings.Join(missing, ", ")))
	}
	if missing := stack.MissingSenders(theRsyslog, theSyslogNG); len(missing) > 0 {
		errs = append(errs, fmt.Errorf("%s: not there to compare with (make deps unpacks them from Debian's packages, or says why not)",
			strings.Join(missing, ", ")))
	}
	if _, err := os.Stat(filepath.Join(b.Bin, "belfry-agent")); err != nil {
		errs = append(errs, fmt.Errorf("no agent (make build makes it): %w", err))
	}
	return errors.Join(errs...)
}

// datagrams is how many a burst has.
func (b *bench) datagrams() int { return int(float64(b.UDPRate) * b.UDPFor.Seconds()) }

// open shares out the CPUs and makes the certificates.
func (b *bench) open() error {
	measured, rest, err := gauge.Cores()
	if err != nil {
		return err
	}
	b.cpu = measured
	if err := gauge.Stay(rest); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "each receiver alone on CPU %s, %d connections of the senders on CPU %s; messages of %d bytes; what others take "+
		"of them lowers messages/s, and hardly those for each second of CPU\n", measured, b.Connections, rest, size)
	ca, err := certs.NewAuthority(filepath.Join(b.dir, "certs"))
	if err != nil {
		return err
	}
	issue := func(into *certs.Files, name string, r certs.Request) error {
		files, err := ca.Issue(name, r)
		*into = files
		return err
	}
	return errors.Join(
		issue(&b.server, "receiver", certs.Request{CommonName: "receiver", Hosts: []string{"127.0.0.1"}, Server: true}),
		issue(&b.agent, "agent", certs.Request{CommonName: "agent-relay", Client: true}),
		issue(&b.sender, "sender", certs.Request{CommonName: "sender", Client: true}),
	)
}

// by is the command that keeps a receiver on its CPU.
func (b *bench) by() []string { return []string{"taskset", "-c", b.cpu} }

// start starts a receiver. When it has ended, end ends what it needed.
func (b *bench) start(ctx context.Context, k kind, dir string) (r receiver, end func(), err error) {
	end = func() {}
	cfg := stack.Receiver{Dir: dir, Transport: k.transport, Files: b.server, By: b.by()}
	switch k.who {
	case theRsyslog:
		w, err := stack.ReceiveRsyslog(ctx, cfg)
		return &writer{Receiving: w}, end, err
	case theSyslogNG:
		w, err := stack.ReceiveSyslogNG(ctx, cfg)
		return &writer{Receiving: w}, end, err
	}
	road, err := stack.FreeAddr() // where nobody listens
	if err != nil {
		return nil, end, err
	}
	if k.who == openRoad {
		s, err := startSink(b.server)
		if err != nil {
			return nil, end, err
		}
		road, end = s.addr, s.close
	}
	a, err := b.startRelay(ctx, dir, k.transport, road, k.who != openRoad)
	return a, end, err
}
