package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// start runs an agent over the state that the last one left.
func (h *simHost) start() {
	h.t.Helper()
	src := Source{Agent: event.HashKey("agent"), Version: "test", Host: "h", Zone: "UTC"}
	level := slog.LevelInfo
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(agentLog{h}, &slog.HandlerOptions{Level: level}))
	in, err := Open(h.state, []Config{h.cfg}, src, h.road, log, metrics.NewSet())
	must(h.t, err)
	quick(in)
	if h.powerCut {
		afterPowerCut(in)
		must(h.t, in.save()) // each process finds out for itself that the machine was started, until one has kept it
		h.powerCut = false
	}
	h.road.join(in)
	h.life++
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, errDead) {
			h.t.Error(err)
		}
		if err := in.Close(); err != nil {
			h.t.Error(err)
		}
		h.stop = nil
	}
	h.say("agent starts")
	h.wrote = time.Now() // it saw no copy stall
}

// end stops the agent in good order. What was under way is lost all the same.
func (h *simHost) end() {
	h.destroys("agent stops", func() {
		h.road.leave(func() {})
		h.stop()
	})
}

// kill ends the agent as SIGKILL does: the next one finds the state as it was at that moment, and nothing left after it.
// With torn, the last record of that state is not whole.
func (h *simHost) kill(torn bool) {
	what := "agent is killed"
	if torn {
		what += ", its state is torn"
	}
	h.destroys(what, func() {
		next := filepath.Join(h.root, fmt.Sprint("state", h.life))
		h.road.leave(func() { h.copyState(next) })
		h.stop()
		h.powerCut = torn && tear(h.t, next, h.rnd)
		h.state = next
	})
}

// copyState copies the state of an agent that runs, as it was at one moment.
func (h *simHost) copyState(to string) {
	for range 100 {
		before := listing(h.state)
		err := os.CopyFS(to, os.DirFS(h.state))
		if err == nil && listing(h.state) == before {
			return
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			must(h.t, err)
		}
		must(h.t, os.RemoveAll(to))
	}
	h.t.Fatal("the state never stood still")
}

// listing describes all files of a folder.
func listing(dir string) string {
	var all strings.Builder
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			if st, err := d.Info(); err == nil {
				fmt.Fprintln(&all, path, st.Size(), st.ModTime().UnixNano())
			}
		}
		return nil
	})
	return all.String()
}

// agentLog puts what the agents of a host log among what happens to it.
type agentLog struct{ h *simHost }

func (l agentLog) Write(b []byte) (int, error) {
	_, text, _ := strings.Cut(string(b), "level=")
	l.h.note("      agent: " + strings.ReplaceAll(strings.TrimSpace(text), l.h.root+"/", ""))
	return len(b), nil
}
