package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/e2e/gauge"
)

// receiver is one that runs.
type receiver interface {
	addr() string // host:port
	pid() int
	taken(context.Context) (tally, error) // so far
	stop() error
}

// tally is what a receiver has taken, or says that it has not.
type tally struct {
	received      int
	dropped       int // by itself
	kernelDropped int // by the kernel, at its socket
	shipped       int
	syncs         int // fsyncs of its spool
}

// lost is how many messages it says that it has not.
func (t tally) lost() int { return t.dropped + t.kernelDropped }

// known is how many messages it can tell of.
func (t tally) known() int { return t.received + t.lost() }

// tick is the smallest time of CPU that the kernel tells (see gauge): a short turn may have needed less.
const tick = 10 * time.Millisecond

// turn is what one receiver did alone.
type turn struct {
	sent
	tally
	gauge.Spent               // with the wait until nothing comes any more
	took        time.Duration // until the last message was counted, and is on the disk if it was promised that
	kernel      udpCounts     // what it counted meanwhile
}

// perCPU is messages for each second of the receiver's CPU, of which the kernel's ticks tell.
func (t turn) perCPU() float64 { return float64(t.received) / max(t.CPU, tick).Seconds() }

func (t turn) rate() float64 { return float64(t.received) / t.took.Seconds() }

// fault is what is wrong with the counts, nil if nothing is.
func (t turn) fault(k kind) error {
	switch {
	case k.transport != "udp" && t.received != t.Messages:
		return fmt.Errorf("%d messages were received of %d", t.received, t.Messages)
	case k.transport == "udp" && k.who == theBelfry && t.known() != t.Messages:
		return fmt.Errorf("%d were received, and %d and %d counted as dropped, which makes %d of %d; %v",
			t.received, t.dropped, t.kernelDropped, t.known(), t.Messages, t.kernel)
	}
	return nil
}

// A turn may take so long, and so much more for each message: many times what it needs.
const (
	patience   = time.Minute
	perMessage = 100 * time.Microsecond
)

// round has a receiver take its turn.
func (b *bench) round(ctx context.Context, round int, k kind) error {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(max(b.Messages, b.datagrams()))*perMessage)
	defer cancel()
	t, err := b.turn(ctx, k, filepath.Join(b.dir, fmt.Sprintf("%s %s %d", k.who, k.transport, round)))
	if err != nil {
		return fmt.Errorf("round %d: %s %s: %w", round, k.transport, k.who, err)
	}
	b.turns[k] = append(b.turns[k], t)
	fmt.Fprintf(b.out, "round %d  %s\n", round, t.describe(k))
	return nil
}

func (b *bench) turn(ctx context.Context, k kind, dir string) (t turn, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, end, err := b.start(ctx, k, dir)
	defer end()
	if err != nil {
		return t, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, r.stop())
		}
	}()
	s, err := startSender(ctx, b.orders(k, r))
	if err != nil {
		return t, err
	}
	if err := t.measure(ctx, k, b.cpu, r, s); err != nil {
		s.kill()
		return t, err
	}
	if err := s.hangUp(); err != nil {
		return t, err
	}
	stopped = true
	return t, r.stop()
}

func (b *bench) orders(k kind, r receiver) orders {
	o := orders{
		Transport: k.transport, Addr: r.addr(), Files: b.sender, Messages: b.Messages, Connections: b.Connections,
	}
	if k.transport == "udp" {
		o.Messages, o.Rate = b.datagrams(), b.UDPRate
	}
	return o
}

// measure has the senders send, until the receiver has all, or nothing more comes.
func (t *turn) measure(ctx context.Context, k kind, cpu string, r receiver, s *sender) error {
	before, err := readUDPCounts()
	if err != nil {
		return err
	}
	t.Spent, err = gauge.Clock(r.pid(), cpu, func() error { return t.follow(ctx, k, r, s) })
	if err != nil {
		return err
	}
	after, err := readUDPCounts()
	t.kernel = after.since(before)
	return err
}

// Without a change for so long, all has come that will.
const (
	quiet   = 2 * time.Second
	ourOwn  = 12 * time.Second       // the agent reads the kernel's counter every 10 seconds
	syncing = 250 * time.Millisecond // when all is in its spool: that is synced every 50 ms
	doubt   = time.Second            // when all datagrams are accounted for: one more would be one too many
)

// look is how often a receiver is asked.
const look = 20 * time.Millisecond

// follow counts what the receiver takes.
func (t *turn) follow(ctx context.Context, k kind, r receiver, s *sender) error {
	type answer struct {
		sent
		err error
	}
	begin, told := time.Now(), make(chan answer, 1)
	go func() {
		done, err := s.send()
		told <- answer{done, err}
	}()
	ended, changed := false, begin
	for {
		got, err := r.taken(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		if got != t.tally {
			if got.lost() == t.lost() {
				t.took = now.Sub(begin)
			}
			t.tally, changed = got, now
		}
		if ended && now.Sub(changed) >= t.patience(k) {
			return nil
		}
		wait := look
		if ended && now.Sub(changed) > doubt {
			wait = doubt // each look costs the receiver something, and this is not what is measured
		}
		select {
		case a := <-told:
			if a.err != nil {
				return fmt.Errorf("send: %w", a.err)
			}
			t.sent, ended, changed = a.sent, true, time.Now()
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// patience is how long nothing must have changed before the turn is over.
func (t *turn) patience(k kind) time.Duration {
	ours := k.who == theBelfry || k.who == openRoad
	all := t.known() >= t.Messages && (k.who != openRoad || t.shipped >= t.Messages)
	switch {
	case all && ours && k.transport == "udp":
		return doubt
	case all && ours:
		return syncing
	case all:
		return 0
	case ours:
		return ourOwn
	}
	return quiet
}

// describe is a turn in one line.
func (t turn) describe(k kind) string {
	text := fmt.Sprintf("%s %-9s %8.0f messages/s of CPU %8.0f messages/s %4.0f MiB  %d in %v, of its CPU it had %.0f %%, others %.0f %%",
		k.transport, k.who, t.perCPU(), t.rate(), t.Peak, t.received, t.took.Round(time.Millisecond),
		100*t.CPU.Seconds()/t.took.Seconds(), 100*t.Others.Seconds()/t.Spent.Took.Seconds())
	if k.transport == "udp" {
		text += fmt.Sprintf("; sent %d in %v, counted as dropped %d by itself and %d by the kernel, lost without a word %d; %v",
			t.Messages, t.sent.Took.Round(time.Millisecond), t.dropped, t.kernelDropped, t.Messages-t.known(), t.kernel)
	}
	if t.Cipher != "" {
		text += "; " + t.Cipher
	}
	return text
}
