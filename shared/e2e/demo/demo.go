package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"belfry/shared/corpus"
	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

const (
	plain       = "127.0.0.1:8080" // where the mission's curl command goes
	pace        = 100 * time.Millisecond
	rotateEvery = 7 * time.Second
	actEvery    = 8 * time.Second  // between two rounds of sudo, logger and curl
	shortest    = 30 * time.Second // between the start of the servers and the end of --for, if that is not less
	finish      = 6 * time.Second  // of --for, for the last lines to arrive; at most a third of it
)

// demo is one run.
type demo struct {
	*stack.Road
	begin  time.Time
	dir    string
	broker bool
	index  string // the engine
	tail   *stack.Tail
	steps  []*step
	mark   int // numbered lines that are looked for
}

// run does everything, and cleans up after it. It returns an error if a step was not seen although there was time.
func run(ctx context.Context, o options) (err error) {
	d := &demo{begin: time.Now(), broker: o.Broker != "none", index: o.Index}
	if err := d.programs(); err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp("", "belfry-demo"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(d.dir))
		d.say("everything is stopped and %s is removed", d.dir)
	}()
	if err := d.open(ctx, o); err != nil {
		if ctx.Err() != nil {
			return nil // told to end before it began
		}
		return err
	}
	defer func() {
		d.say("stopping")
		err = errors.Join(err, d.tail.Stop(), d.Close())
	}()
	d.try(o)
	return d.live(ctx, o.For)
}

func (d *demo) say(format string, args ...any) {
	fmt.Printf("[%4.1fs] %s\n", time.Since(d.begin).Seconds(), fmt.Sprintf(format, args...))
}

// programs looks for what the demo drives, and chooses the road.
func (d *demo) programs() error {
	if missing := stack.Missing("ngircd", "curl", "logger", "gzip"); len(missing) > 0 {
		return fmt.Errorf("not installed: %s (make deps installs it, or says how)", strings.Join(missing, ", "))
	}
	if d.elastic() {
		if missing := stack.ElasticMissing(elastic.Elasticsearch); len(missing) > 0 {
			return fmt.Errorf("not there: %s (make deps fetches it, or says how)", strings.Join(missing, ", "))
		}
	}
	if d.broker && len(stack.Missing("rabbitmq-server")) > 0 {
		d.say("RabbitMQ is not installed, and make deps could not change that: going over HTTPS")
		d.broker = false
	}
	return nil
}

func (d *demo) elastic() bool { return d.index == "elastic" }

func (d *demo) open(ctx context.Context, o options) error {
	if err := os.Chmod(d.dir, 0o755); err != nil { // the servers run as users of their own
		return err
	}
	bin, err := filepath.Abs(o.Bin)
	if err != nil {
		return err
	}
	if !d.broker {
		d.say("no broker: the agent ships over HTTPS, straight to the aggregator")
	}
	d.Road, err = stack.OpenRoad(ctx, stack.RoadConfig{
		Dir: d.dir, Binaries: stack.Binaries{Dir: bin}, Host: host(), Broker: d.broker, Elastic: d.elastic(), IRC: true,
		Plain: d.door(), Following: machineLogs(), Say: d.say,
	})
	if err != nil {
		return err
	}
	if d.tail, err = d.Aggregator.Tail(""); err != nil {
		return errors.Join(err, d.Close())
	}
	return nil
}

// host is this machine's name as far as a certificate and a broker's user can carry it.
func host() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
}

// door is where events are posted: the usual port, or another one if somebody has that.
func (d *demo) door() string {
	if stack.Taken(plain) {
		d.say("%s is taken by somebody else: events go to another port", plain)
		return ""
	}
	return plain
}

// machineLogs is what this machine writes itself, as far as it may be read.
func machineLogs() []string {
	var readable []string
	for _, glob := range []string{"/var/log/syslog", "/var/log/messages", "/var/log/auth.log", "/var/log/*.log"} {
		names, _ := filepath.Glob(glob)
		for _, name := range names {
			if f, err := os.Open(name); err == nil {
				f.Close()
				readable = append(readable, glob)
				break
			}
		}
	}
	return readable
}

// try prints what a reader can do now, in another terminal.
func (d *demo) try(o options) {
	belfry := fmt.Sprintf("%s --config %s", filepath.Join(o.Bin, "belfry"), d.Aggregator.Config)
	_, port, _ := strings.Cut(d.IRC.Addr, ":")
	_, udp, _ := strings.Cut(d.Agent.UDP, ":")
	fmt.Printf(`
Try, in another terminal (%s):
  %s search 'user.name:averez AND process.name:sudo'
  %s tail
  %s audit; %s hosts; %s gaps
  %s
  logger --rfc5424 -n 127.0.0.1 -P %s -d 'hello from the relay'
  irssi --connect=127.0.0.1 --port=%s --nick=bob      # then /join %s
  (no IRC client? { echo NICK bob; echo USER bob 0 '*' :bob; sleep 2; echo 'JOIN %s'; cat; } | nc 127.0.0.1 %s)
%s
`, d.until(o.For), belfry, belfry, belfry, belfry, belfry, d.curl(), udp, port, stack.Channel, stack.Channel, port, d.tryElastic())
}

// tryElastic is how to look at what Elasticsearch holds, without any program of ours.
func (d *demo) tryElastic() string {
	if d.Elastic == nil {
		return ""
	}
	url := d.Elastic.URLs[0]
	return fmt.Sprintf("  curl '%s/_cat/indices/belfry-*?v'\n  curl '%s/belfry/_search?q=process.name:sudo&size=1&pretty'\n", url, url)
}

func (d *demo) until(length time.Duration) string {
	if length > 0 {
		return "this ends by itself"
	}
	return "Ctrl-C here ends everything"
}

// end is when the demo ends by itself: after that length, but not before all had a while to be seen once the servers ran,
// however long they took to start.
func (d *demo) end(length time.Duration) time.Time {
	end := d.begin.Add(length)
	if enough := time.Now().Add(min(length, shortest)); enough.After(end) {
		return enough
	}
	return end
}

// live feeds, acts and watches until ctx is done, or until length is over.
func (d *demo) live(ctx context.Context, length time.Duration) error {
	end := d.end(length)
	feeding, stop := context.WithCancel(ctx)
	if length > 0 {
		feeding, stop = context.WithDeadline(ctx, end.Add(-min(finish, length/3)))
	}
	defer stop()
	d.steps = d.watched()
	var all sync.WaitGroup
	fail := make(chan error, 1)
	for _, part := range []func(context.Context) error{d.feed, d.act, d.overhear, d.watch} {
		all.Go(func() {
			if err := part(feeding); err != nil && feeding.Err() == nil {
				select {
				case fail <- err:
				default:
				}
				stop()
			}
		})
	}
	all.Wait()
	select {
	case err := <-fail:
		return err
	default:
	}
	if length == 0 {
		return nil
	}
	return d.verdict(ctx, end)
}

// feed replays the recorded lines again and again, and rotates the file.
func (d *demo) feed(ctx context.Context) error {
	d.say("replaying recorded lines of sudo, sshd and slapd, and rotating the file every %v", rotateEvery)
	var rotating sync.WaitGroup
	defer rotating.Wait()
	failed := make(chan error, 1)
	rotating.Go(func() { failed <- d.rotate(ctx) })
	for {
		if err := d.Feeder.Replay(ctx, corpus.AuthMixed(), pace); err != nil {
			return err
		}
		select {
		case err := <-failed:
			return err
		default:
		}
	}
}

func (d *demo) rotate(ctx context.Context) error {
	tick := time.NewTicker(rotateEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// A rotation that began is finished: a half of one is no machine's state.
			if err := d.Feeder.Rotate(context.WithoutCancel(ctx), 3); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
