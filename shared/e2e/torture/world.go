package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

const (
	startup = 3 * time.Minute // of one program on a busy machine
	cnSink  = "belfry"        // the sink's name
)

// brokerTries bounds how often the broker is started.
const brokerTries = 3

// world is what all scenarios share: the broker, the sink and the programs.
type world struct {
	dir    string
	bin    stack.Binaries
	ca     *certs.Authority
	rabbit *stack.RabbitMQ
	sink   *sink
	asking sync.Mutex      // of knows, and of the folder in which the agent is asked
	knows  map[string]bool // keys of a file input that the agent was asked about
}

// openWorld starts it. users are the agents that may connect. On an error nothing stays.
func openWorld(ctx context.Context, dir string, bin stack.Binaries, users []string) (*world, error) {
	w := &world{dir: dir, bin: bin, knows: map[string]bool{}}
	if err := w.open(ctx, users); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) open(ctx context.Context, users []string) (err error) {
	var folders []string
	for _, name := range []string{"certs", "rabbitmq"} {
		dir := filepath.Join(w.dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		folders = append(folders, dir)
	}
	if w.ca, err = certs.NewAuthority(folders[0]); err != nil {
		return err
	}
	all := []stack.User{stack.Everything(cnSink)}
	for _, name := range users {
		all = append(all, stack.AgentUser(name))
	}
	for try := 1; ; try++ { // somebody may take a port that was free
		w.rabbit, err = stack.StartRabbitMQ(ctx, stack.Rabbit{Dir: folders[1], Authority: w.ca, Users: all})
		if err == nil {
			break
		}
		if try == brokerTries || ctx.Err() != nil {
			return err
		}
	}
	if err := w.rabbit.Apply(ctx, broker.DefaultQueues, users...); err != nil {
		return err
	}
	// As for chaos: before its first end in order, a broker that is killed may forget its queues' logs.
	if err := w.rabbit.Restart(ctx); err != nil {
		return err
	}
	w.sink, err = openSink(ctx, w.rabbit)
	return err
}

// close ends everything.
func (w *world) close() error {
	var errs []error
	if w.sink != nil {
		w.sink.close()
	}
	if w.rabbit != nil {
		errs = append(errs, w.rabbit.Stop())
	}
	return errors.Join(errs...)
}

// issue makes the certificate of an agent.
func (w *world) issue(name string) (certs.Files, error) {
	return w.ca.Issue(name, certs.Request{CommonName: name, Client: true, Days: 7})
}

// supports reports whether the agent takes a key of a file input, as `backfill: 30d`: it asks the program.
func (w *world) supports(ctx context.Context, key string) (bool, error) {
	w.asking.Lock()
	defer w.asking.Unlock()
	if known, asked := w.knows[key]; asked {
		return known, nil
	}
	known, err := w.ask(ctx, key)
	if err == nil {
		w.knows[key] = known
	}
	return known, err
}

func (w *world) ask(ctx context.Context, key string) (bool, error) {
	name, _, _ := strings.Cut(key, ":")
	files, err := w.issue("agent-asked")
	if err != nil {
		return false, err
	}
	a, err := w.bin.NewAgent(stack.AgentConfig{
		Dir: filepath.Join(w.dir, "asked"), Host: "asked", Globs: []string{"/var/log/none"}, Broker: w.rabbit.URL,
		Files: files, Input: key, NoRelay: true,
	})
	if err != nil {
		return false, err
	}
	err = a.Check(ctx)
	if err != nil && strings.Contains(err.Error(), name) {
		return false, nil
	}
	return err == nil, err
}

// realDir makes a folder on a real file system: one with inodes that are used again, and handles. The first of the
// places that is none of tmpfs and overlay wins.
func realDir(places ...string) (string, error) {
	var errs []error
	for _, place := range slices.DeleteFunc(places, func(p string) bool { return p == "" }) {
		dir, err := os.MkdirTemp(place, "belfry-torture")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if kind := fileSystem(dir); kind != "tmpfs" && kind != "overlay" {
			return dir, os.Chmod(dir, 0o755) // the broker runs as a user of its own
		}
		errs = append(errs, fmt.Errorf("%s is no real file system", place), os.Remove(dir))
	}
	return "", fmt.Errorf("no folder on a real file system (see --dir): %w", errors.Join(errs...))
}
