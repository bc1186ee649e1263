// Package reload runs a daemon that takes a new configuration while its process goes on.
//
// A reload is asked for by SIGHUP, by POST /reload at the daemon's unix socket, or by its command (Ask). The file is
// loaded and checked; one that has a fault is refused, and all stays as it was. Else the daemon that runs is stopped in
// order, as for a restart, and one with the new configuration is opened. If that cannot be opened, the old one is opened
// again (rollback); if that cannot be either, the process ends with both errors.
//
// The unix socket, the word to systemd (READY, RELOADING, STOPPING, STATUS, WATCHDOG) and the counts of reloads belong to
// the process, and outlive each daemon. What listens elsewhere is the daemon's business: see ops.Sockets.
package reload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"belfry/shared/ops"
)

// Daemon is what was opened with one configuration.
type Daemon interface {
	// Run works until ctx is done, stops in order and closes everything. It ends the process by ending before.
	Run(ctx context.Context) error
	// Yield says that Run is about to be ended, and another daemon follows in this process.
	Yield()
	// Close closes what never ran.
	Close() error
	// Handler answers at the unix socket, beside /reload, /healthz and /debug/pprof/.
	Handler() http.Handler
	// Probes tell whether all parts of it go on.
	Probes() *ops.Probes
}

// Candidate is a configuration that was loaded and checked.
type Candidate interface {
	// Hash is the same as long as nothing has changed of which a daemon would have to know, in this file or in others.
	Hash() string
	// Fixed are the keys that a running process cannot change, in order.
	Fixed() []Key
	// Open opens a daemon. None is open then.
	Open(ctx context.Context) (Daemon, error)
}

// Key is a key of a configuration, and its value.
type Key struct{ Name, Value string }

// Program is a daemon's.
type Program struct {
	Socket string // path of the unix socket
	// Load reads and checks the configuration, with all that it names. Its errors are all that is wrong.
	Load func() (Candidate, error)
	// Patience is how long a part of the daemon may be silent; default 2 minutes.
	Patience time.Duration
}

// Supervisor runs a Program.
type Supervisor struct {
	program  Program
	log      *slog.Logger
	outcomes outcomes
	asked    chan chan<- Answer
	ended    chan struct{} // closed when nothing is reloaded any more
	door     atomic.Pointer[door]
	probes   atomic.Pointer[ops.Probes]
	watch    *ops.Watch
}

// New returns a supervisor. It starts nothing.
func New(p Program, log *slog.Logger) *Supervisor {
	s := &Supervisor{program: p, log: log, asked: make(chan chan<- Answer), ended: make(chan struct{})}
	s.outcomes.good.Store(true)
	s.watch = ops.NewWatch(s.probes.Load, p.Patience, log)
	return s
}

// Alive says which parts of the daemon stand still, or nil. A nil Supervisor knows of none.
func (s *Supervisor) Alive() error {
	if s == nil {
		return nil
	}
	return s.watch.Err()
}

// Run opens a daemon with a configuration and runs it until ctx is done, or until it ends by itself. Each signal is as if
// somebody had asked for a reload.
func (s *Supervisor) Run(ctx context.Context, first Candidate, signals <-chan os.Signal) error {
	d, err := first.Open(ctx)
	if err != nil {
		return err
	}
	socket, err := ops.New(ops.Config{Listen: "unix:" + s.program.Socket, Handler: s.local()}, s.log)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	ctx, give := context.WithCancel(ctx)
	defer give()
	beside, end := context.WithCancel(context.WithoutCancel(ctx)) // the socket stops last
	var all sync.WaitGroup
	var broken error
	all.Go(func() {
		if broken = socket.Run(beside); broken != nil {
			give()
		}
	})
	all.Go(func() { s.heed(beside, signals) })
	all.Go(func() { s.watch.Run(beside) })
	all.Go(func() { _ = ops.Beat(beside, s.watch.Err) }) // it has no errors
	defer context.AfterFunc(ctx, func() { ops.Notify(ops.Stopping, ops.Saying("stopping")) })()
	err = s.supervise(ctx, first, d)
	close(s.ended)
	end()
	all.Wait()
	return errors.Join(err, broken)
}

// heed reloads at each signal, until ctx is done.
func (s *Supervisor) heed(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case sig := <-signals:
			s.log.Info("a reload is asked for", "signal", sig.String())
			s.Request(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// turn is a daemon that runs.
type turn struct {
	daemon Daemon
	door   *door
	end    context.CancelFunc
	ended  chan struct{}
	err    error // valid once ended is closed
}

// start runs a daemon.
func (s *Supervisor) start(ctx context.Context, d Daemon) *turn {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx)) // it ends in order
	t := &turn{daemon: d, door: newDoor(d.Handler()), end: end, ended: make(chan struct{})}
	s.door.Store(t.door)
	s.probes.Store(d.Probes())
	go func() {
		defer close(t.ended)
		t.err = d.Run(ctx)
	}()
	return t
}

// stop ends a daemon in order: the door first.
func (s *Supervisor) stop(t *turn) {
	s.probes.Store(ops.NewProbes(ops.Probe{Name: "the stop", Ask: func() { <-t.ended }}))
	t.door.close()
	t.end()
	<-t.ended
	s.probes.Store(nil)
}

// supervise runs daemons, one after the other.
func (s *Supervisor) supervise(ctx context.Context, now Candidate, d Daemon) error {
	t := s.start(ctx, d)
	ops.Notify(ops.Ready, ops.Saying("running"))
	for {
		select {
		case <-ctx.Done():
			s.stop(t)
			return t.err
		case <-t.ended:
			t.end()
			return t.err
		case reply := <-s.asked:
			ops.Notify(ops.Reloading(), ops.Saying("reloading the configuration"))
			next, answer := s.load(now)
			if next != nil {
				var err error
				if t, now, answer, err = s.change(ctx, t, now, next); answer.Result == Ended {
					reply <- answer
					return err
				}
			}
			s.tell(answer)
			reply <- answer
		}
	}
}

// load loads the configuration anew. It returns nil if there is nothing to change, and why.
func (s *Supervisor) load(now Candidate) (Candidate, Answer) {
	next, err := s.program.Load()
	if err == nil {
		err = unchangeable(now.Fixed(), next.Fixed())
	}
	switch {
	case err != nil:
		return nil, Answer{Result: Refused, Reason: err.Error()}
	case next.Hash() == now.Hash():
		return nil, Answer{Result: Unchanged}
	}
	return next, Answer{}
}

// unchangeable names the keys that cannot be what the new configuration says.
func unchangeable(now, next []Key) error {
	var errs []error
	for i, k := range now {
		if k.Value != next[i].Value {
			errs = append(errs, fmt.Errorf("%s: it is %q, and %q takes a restart", k.Name, k.Value, next[i].Value))
		}
	}
	return errors.Join(errs...)
}

// openWithin is how long a new configuration may take to be opened, where that waits for others: who names a server
// that is not there wants the old one back.
const openWithin = time.Minute

// change stops the daemon that runs, and opens the next one. The result Ended says that none runs any more: the process was
// asked to end meanwhile, or neither configuration can be opened, which is the error.
func (s *Supervisor) change(ctx context.Context, t *turn, now, next Candidate) (*turn, Candidate, Answer, error) {
	s.log.Info("the configuration has changed: stopping, to go on with the new one")
	t.daemon.Yield()
	s.stop(t)
	if ctx.Err() != nil {
		return t, now, Answer{Result: Ended, Reason: stopped}, t.err
	}
	if t.err != nil {
		s.log.Error("not all ended as it should", "err", t.err)
	}
	within, end := context.WithTimeout(ctx, openWithin)
	defer end()
	d, refusal := next.Open(within)
	if refusal == nil {
		return s.start(ctx, d), next, Answer{Result: Taken}, nil
	}
	if ctx.Err() != nil {
		return t, now, Answer{Result: Ended, Reason: stopped}, nil
	}
	s.log.Error("the new configuration cannot be opened: going back to the one before", "err", refusal)
	d, err := now.Open(ctx)
	switch {
	case err == nil:
		return s.start(ctx, d), now, Answer{Result: RolledBack, Reason: refusal.Error()}, nil
	case ctx.Err() != nil:
		return t, now, Answer{Result: Ended, Reason: stopped}, nil
	}
	err = fmt.Errorf("open the new configuration: %w; open the one before again: %w", refusal, err)
	return t, now, Answer{Result: Ended, Reason: err.Error()}, err
}

// stopped is the reason of who was asked to end.
const stopped = "the process is being stopped"
