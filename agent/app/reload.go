package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"belfry/agent/config"
	"belfry/agent/input/syslog"
	"belfry/shared/ops"
	"belfry/shared/reload"
)

// Process is what an agent has from its process, and leaves to the next one when the configuration is reloaded. Of the zero
// value it has nothing.
type Process struct {
	Version string

	handed     *syslog.Handed
	sockets    *ops.Sockets
	supervisor *reload.Supervisor
}

// Serve runs an agent with the configuration in a file until ctx is done. It loads the file anew at SIGHUP, and when it is
// asked to at the unix socket.
func Serve(ctx context.Context, path, version string, log *slog.Logger) error {
	hangUps := make(chan os.Signal, 1) // one that comes before it can be heeded is heeded then
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	p := &Process{Version: version, sockets: new(ops.Sockets)}
	if p.handed, err = syslog.Activated(); err != nil {
		return err
	}
	defer p.handed.Close()
	defer p.sockets.Retain()
	p.supervisor = reload.New(reload.Program{
		Socket: SocketPath(cfg.State),
		Load: func() (reload.Candidate, error) {
			next, err := config.Load(path)
			if err != nil {
				return nil, err
			}
			return newCandidate(next, p, log)
		},
	}, log)
	first, err := newCandidate(cfg, p, log)
	if err != nil {
		return err
	}
	return p.supervisor.Run(ctx, first, hangUps)
}

// candidate is a configuration that an agent can be opened with.
type candidate struct {
	cfg     *config.Config
	process *Process
	log     *slog.Logger
	hash    string
}

// newCandidate takes along the keys of masks, which are files of their own, and where to ship to, which enrolment may have said.
// Certificates are read again by who uses them.
func newCandidate(cfg *config.Config, p *Process, log *slog.Logger) (*candidate, error) {
	sum := sha256.New()
	fmt.Fprint(sum, cfg.Ship.Enrolled)
	if s := cfg.Ship; s.AMQP != nil {
		fmt.Fprintf(sum, "%+v", *s.AMQP)
	} else if s.HTTPS != nil {
		fmt.Fprintf(sum, "%+v", *s.HTTPS)
	}
	var errs []error
	for i, in := range cfg.Inputs.Files {
		if in.MaskKey == "" {
			continue
		}
		err := in.CheckMaskKey()
		var key []byte
		if err == nil {
			key, err = os.ReadFile(in.MaskKey)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("inputs.files[%d].%w", i, err))
		}
		sum.Write(key)
	}
	return &candidate{cfg, p, log, cfg.Hash + hex.EncodeToString(sum.Sum(nil))}, errors.Join(errs...)
}

// Hash is reload.Candidate's.
func (c *candidate) Hash() string { return c.hash }

// Fixed is reload.Candidate's. Another namespace would be another agent.
func (c *candidate) Fixed() []reload.Key {
	return []reload.Key{{Name: "state", Value: c.cfg.State}, {Name: "namespace", Value: c.cfg.Namespace}}
}

// Open is reload.Candidate's.
func (c *candidate) Open(context.Context) (reload.Daemon, error) {
	a, err := New(c.cfg, *c.process, c.log)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Yield is reload.Daemon's: what arrives at the sockets of the relay waits for the next agent.
func (a *Agent) Yield() {
	a.yields.Store(true)
	a.process.handed.Yield()
}

// Reload asks the agent at a unix socket to load its configuration anew, and says what comes of it.
func Reload(ctx context.Context, socket string, w io.Writer) error {
	a, err := reload.Ask(ctx, socket)
	if err == nil {
		fmt.Fprintln(w, a.Result)
	}
	return err
}
