// The tests of this folder drive the real programs, belfry and belfry-agent, between real servers: what one log line
// goes through from a host's file to the search and to the one on call.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

const (
	startup = 3 * time.Minute // a broker on a busy machine takes its time
	every   = 100 * time.Millisecond
)

// patience is a minute, or what the environment says: what has not happened by then does not happen.
var patience = sync.OnceValue(func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("BELFRY_E2E_PATIENCE")); err == nil {
		return d
	}
	return time.Minute
})

var scratch string // removed at the end

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "belfry-e2e")
	if err == nil {
		err = os.Chmod(dir, 0o755) // the servers run as users of their own
	}
	if err != nil {
		panic(fmt.Sprintf("make a folder: %v", err))
	}
	defer os.RemoveAll(dir)
	scratch = dir
	m.Run()
}

var build = sync.OnceValues(func() (stack.Binaries, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	return stack.Build(ctx, filepath.Join(scratch, "bin"))
})

// open starts a road with what cfg asks for, and ends it with the test.
func open(t *testing.T, cfg stack.RoadConfig) *stack.Road {
	t.Helper()
	stack.Need(t, "gzip")
	if cfg.Broker {
		stack.Need(t, "rabbitmq-server")
	}
	if cfg.IRC {
		stack.Need(t, "ngircd")
	}
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch, "road")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.Binaries, cfg.Host, cfg.Say = dir, bin, "web01", t.Logf
	ctx, cancel := context.WithTimeout(t.Context(), startup)
	defer cancel()
	r, err := stack.OpenRoad(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the agent's last words:\n%s\nthe aggregator's:\n%s", r.Agent.Log(), r.Aggregator.Log())
		}
		if err := r.Close(); err != nil {
			t.Errorf("end of the road: %v", err)
		}
	})
	return r
}

// until calls try until it returns nil, and fails the test when that takes too long.
func until(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience())
	defer cancel()
	if err := attempt(ctx, try); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// attempt calls try until it returns nil or ctx is done; then it returns the last error that tells more than that.
func attempt(ctx context.Context, try func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}
