package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"belfry/aggregator/alert"
	"belfry/aggregator/config"
	"belfry/aggregator/parse"
	"belfry/shared/ops"
	"belfry/shared/reload"
)

// Process is what an aggregator has from its process, and leaves to the next one when the configuration is reloaded. Of the
// zero value it has nothing.
type Process struct {
	sockets    *ops.Sockets
	supervisor *reload.Supervisor
}

// Serve runs an aggregator with the configuration in a file until ctx is done. It loads the file anew at SIGHUP, and when it
// is asked to at the unix socket.
func Serve(ctx context.Context, path string, log *slog.Logger) error {
	hangUps := make(chan os.Signal, 1) // one that comes before it can be heeded is heeded then
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	p := &Process{sockets: new(ops.Sockets)}
	defer p.sockets.Retain()
	first, err := loadCandidate(path, p, log)
	if err != nil {
		return err
	}
	p.supervisor = reload.New(reload.Program{
		Socket: first.cfg.Serve.Socket,
		Load: func() (reload.Candidate, error) {
			next, err := loadCandidate(path, p, log)
			if err != nil {
				return nil, err
			}
			return next, nil
		},
	}, log)
	return p.supervisor.Run(ctx, first, hangUps)
}

// candidate is a configuration that an aggregator can be opened with.
type candidate struct {
	cfg     *config.Config
	process *Process
	log     *slog.Logger
	hash    string
}

// loadCandidate loads and checks a configuration with its rules and parsers. What is read again by who uses it, as certificates
// and the files of enrichment, is no part of it.
func loadCandidate(path string, p *Process, log *slog.Logger) (*candidate, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	files, err := operatorFiles(cfg)
	if err != nil {
		return nil, err
	}
	if e := cfg.Index.Elastic; e != nil {
		files = append(files, e.CA, e.Cert, e.Key, e.PasswordFile) // read once
	}
	if cfg.Enroll.On() { // an authority that was made since is a change
		files = append(files, filepath.Join(cfg.Enroll.CA, "ca.pem"))
	}
	sum := sha256.New()
	for _, name := range append(files, path) {
		if name == "" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read what the configuration names: %w", err)
		}
		fmt.Fprintf(sum, "%s\n%d\n", name, len(text))
		sum.Write(text)
	}
	_, wrongRules := alert.LoadRules(cfg.Alert.Rules)
	_, wrongParsers := parse.LoadCustom(cfg.Parse.Parsers)
	if err := errors.Join(wrongRules, wrongParsers); err != nil {
		return nil, err
	}
	return &candidate{cfg, p, log, hex.EncodeToString(sum.Sum(nil))}, nil
}

// Hash is reload.Candidate's.
func (c *candidate) Hash() string { return c.hash }

// Fixed is reload.Candidate's. The storage's memory is set once for the process.
func (c *candidate) Fixed() []reload.Key {
	return []reload.Key{
		{Name: "state", Value: c.cfg.State}, {Name: "serve.socket", Value: c.cfg.Serve.Socket},
		{Name: "index.embedded.memory", Value: strconv.FormatInt(int64(c.cfg.Index.Embedded.Memory), 10)},
	}
}

// Open is reload.Candidate's.
func (c *candidate) Open(ctx context.Context) (reload.Daemon, error) {
	a, err := New(ctx, c.cfg, *c.process, c.log)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Yield is reload.Daemon's: there is nothing that a stop would do in vain.
func (a *Aggregator) Yield() {}

type reloadCmd struct{}

// Run asks the aggregator of this machine to load its configuration anew, and says what comes of it.
func (reloadCmd) Run(ctx context.Context, c *CLI) error {
	socket := c.Socket
	if socket == "" {
		var err error
		if _, socket, err = config.LoadClient(c.Config); err != nil {
			return err
		}
	}
	a, err := reload.Ask(ctx, socket)
	if err == nil {
		fmt.Fprintln(c.out(), a.Result)
	}
	return err
}
