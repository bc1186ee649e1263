package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"belfry/shared/broker"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
	"belfry/shared/ops"
)

// A turn may take so long, and so much more for each line: many times what it needs.
const (
	patience = 2 * time.Minute
	perLine  = 500 * time.Microsecond
)

func (b *bench) patience() time.Duration { return patience + time.Duration(b.Lines)*perLine }

// parcels is the file that holds the batches of the agent's first turn, for the bare publisher.
func (b *bench) parcels() string { return filepath.Join(b.dir, "parcels") }

// confirmed counts the events of which the agent knows that the broker has them.
const confirmed = "belfry_agent_ship_events_total"

// agent has the agent ship the whole file, and counts what arrived.
func (b *bench) agent(ctx context.Context, round int) (t turn, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.patience())
	defer cancel()
	dir := filepath.Join(b.dir, fmt.Sprint("agent", round))
	bin, err := b.pinned(dir)
	if err != nil {
		return t, err
	}
	name := filepath.Join(dir, "auth.log")
	idle := filepath.Join(dir, "idle.log") // the agent watches folders in which it follows a file
	if err := os.WriteFile(idle, []byte("Nov 24 00:00:00 web01 cron[1]: idle\n"), 0o644); err != nil {
		return t, err
	}
	a, err := bin.NewAgent(stack.AgentConfig{
		Dir: dir, Host: "web01", Globs: []string{idle, name}, Broker: b.rabbit.URL, Files: b.files,
	})
	if err != nil {
		return t, err
	}
	if err := a.Start(ctx); err != nil {
		return t, err
	}
	if t.Spent, err = b.ship(ctx, a, name); err != nil {
		err = fmt.Errorf("%w\n%s", err, a.Log())
	}
	if err := errors.Join(err, a.Stop()); err != nil { // it stops when all is confirmed
		return t, err
	}
	spool := ""
	if round == 1 {
		spool = b.parcels()
	}
	_, lines, err := b.queue.drain(spool)
	t.events = b.Lines
	return t, errors.Join(err, expect("lines", lines, b.Lines+1))
}

// ship gives an idle agent the file, and measures until all of it is confirmed.
func (b *bench) ship(ctx context.Context, a *stack.Agent, name string) (gauge.Spent, error) {
	m := meter{ops.Client(filepath.Join(filepath.Dir(name), "state", "agent.sock"))}
	if err := errors.Join(m.answers(ctx), m.reaches(ctx, confirmed, 1)); err != nil {
		return gauge.Spent{}, err
	}
	return gauge.Clock(a.PID(), b.cpu, func() error {
		if err := os.Link(b.file, name); err != nil {
			return err
		}
		return m.reaches(ctx, confirmed, b.Lines+1)
	})
}

// pinned is a folder with an agent that stays on its CPU and uses one thread at a time.
func (b *bench) pinned(dir string) (stack.Binaries, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return stack.Binaries{}, err
	}
	return stack.Binaries{Dir: dir}, gauge.Pin(dir, filepath.Join(b.Bin, "belfry-agent"), b.cpu, 1)
}

// meter reads the metrics of an agent.
type meter struct{ client *http.Client }

func (m meter) read(ctx context.Context, name string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	n := -1
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			if n, err = strconv.Atoi(value); err != nil {
				return 0, err
			}
		}
	}
	if n < 0 {
		return 0, fmt.Errorf("no metric %s", name)
	}
	return n, lines.Err()
}

// answers waits until the agent listens.
func (m meter) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	return until(ctx, func() (bool, error) {
		_, err := m.read(ctx, confirmed)
		return err == nil, nil
	})
}

// reaches waits until a counter has a value, or more: a heartbeat may have joined.
func (m meter) reaches(ctx context.Context, name string, want int) error {
	return until(ctx, func() (bool, error) {
		n, err := m.read(ctx, name)
		return n >= want, err
	})
}

// until looks again and again until it is so.
func until(ctx context.Context, so func() (bool, error)) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bare has a process of this program publish the batches of the agent's first turn.
func (b *bench) bare(ctx context.Context, _ int) (t turn, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.patience())
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return t, err
	}
	by := append(b.by(), self, "--bare="+b.parcels())
	cmd := exec.CommandContext(ctx, by[0], by[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return t, err
	}
	if err := cmd.Start(); err != nil {
		return t, err
	}
	r, err := b.order(in, out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return t, err
	}
	batches, lines, err := b.queue.drain("")
	t = turn{b.Lines, r.Spent}
	return t, errors.Join(err, expect("batches", batches, r.Batches), expect("lines", lines, b.Lines+1))
}

// order tells the bare publisher what to do, and when, and returns its result.
func (b *bench) order(in io.WriteCloser, out io.Reader) (r bareResult, err error) {
	defer in.Close()
	said := bufio.NewReader(out)
	o := orders{URL: b.rabbit.URL, Files: b.files, Key: broker.SlotKey(0), CPU: b.cpu}
	if err := json.NewEncoder(in).Encode(o); err != nil {
		return r, err
	}
	if line, err := said.ReadString('\n'); err != nil || line != "ready\n" {
		return r, fmt.Errorf("the publisher said %q: %w", line, err)
	}
	if err := in.Close(); err != nil {
		return r, err
	}
	return r, json.NewDecoder(said).Decode(&r)
}

// body is what syslog-ng makes of a line: the same fields as the agent's events.
const body = `$(format-json --pair @timestamp="$ISODATE" --pair event.created="$R_ISODATE" --pair event.original="$MSG" ` +
	`--pair event.timezone="UTC" --pair host.name="web01" --pair log.file.path="$FILE_NAME" --pair event.id="$RCPTID")`

// syslogNG has syslog-ng ship the first lines of the file. Its clock runs from its first message in the queue: what it
// needs to start is not counted.
func (b *bench) syslogNG(ctx context.Context, round int) (t turn, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.patience())
	defer cancel()
	host, _, _ := strings.Cut(strings.TrimPrefix(b.rabbit.URL, "amqps://"), "/")
	s, err := stack.StartSyslogNG(stack.SyslogNG{
		Dir: filepath.Join(b.dir, fmt.Sprint("syslog-ng", round)), File: b.part, Body: body,
		Broker: host, Exchange: broker.Events, Key: broker.SlotKey(0), Files: b.files, By: b.by(),
	})
	if err != nil {
		return t, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, s.Stop())
		}
	}()
	holds := func(want int) error {
		return until(ctx, func() (bool, error) {
			n, err := b.queue.messages()
			return n >= want, errors.Join(err, s.Ended())
		})
	}
	if err := holds(1); err != nil {
		return t, err
	}
	lines := b.Lines / b.Share
	t.Spent, err = gauge.Clock(s.PID(), b.cpu, func() error { return holds(lines) })
	if err != nil {
		return t, fmt.Errorf("%w\n%s", err, s.Log())
	}
	stopped = true
	if err := s.Stop(); err != nil {
		return t, err
	}
	t.events, err = b.queue.empty()
	return t, errors.Join(err, expect("messages", t.events, lines))
}
