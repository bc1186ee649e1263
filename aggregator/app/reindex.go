package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/shared/event"
	"belfry/shared/segment"
)

type reindexCmd struct {
	From  string `help:"Engine that has the events: embedded or elastic." enum:"embedded,elastic" required:""`
	To    string `help:"Engine that is to have them: embedded or elastic." enum:"embedded,elastic" required:""`
	Since moment `help:"Only events since then: a date, an RFC 3339 time, or how long ago, as 30d; default: all. Without all of them the ledger does not go along, and an audit there tells as missing what came before." placeholder:"TIME"`
	Until moment `help:"Only events before then; of a date, until the end of that day; default: all." placeholder:"TIME"`
	Again bool   `help:"Begin anew, where a former one was interrupted; what is there already stays as it is."`
}

// reindexState is how far a reindex has come: what is before the cursor of its class is durable at the other engine.
type reindexState struct {
	From    string                  `json:"from"`
	To      string                  `json:"to"`
	Since   time.Time               `json:"since"`
	Until   time.Time               `json:"until"`
	Cursors map[string]index.Cursor `json:"cursors"` // by class; one that is done is in Done
	Done    map[string]bool         `json:"done"`
	Loaded  index.Loaded            `json:"loaded"` // by the runs before
	// Position of the index that has the events: what came since is anywhere among them, in what was moved too.
	Position uint64 `json:"position"`
}

// reindexStep is how many events go between two notes of how far a reindex has come.
const reindexStep = 50_000

// Run moves events from one engine to the other. What is interrupted goes on where it was, and what is done twice is
// there once.
func (r reindexCmd) Run(ctx context.Context, c *CLI) (err error) {
	if r.From == r.To {
		return fmt.Errorf("--from and --to are both %s", r.From)
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if err := asOwner(cfg.State); err != nil {
		return err
	}
	st, err := r.begin(cfg)
	if err != nil {
		return err
	}
	from, err := openToRead(ctx, cfg, r.From, c.Log)
	if err != nil {
		return fmt.Errorf("open what to move from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openOffline(ctx, cfg, r.To, c.Log)
	if err != nil {
		return fmt.Errorf("open where to move to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	m := mover{cfg: cfg, from: from, to: to, state: st, path: r.path(cfg), progress: newTicker(c, "reindex")}
	if err := m.move(ctx, c.Log); err != nil {
		return fmt.Errorf("%w (the same command goes on where this one ended)", err)
	}
	n := m.state.Loaded
	_, err = fmt.Fprintf(c.out(), "reindex: to %s: %v\n", r.To, n)
	return errors.Join(err, os.Remove(m.path))
}

// path is where is noted how far it has come.
func (r reindexCmd) path(cfg *config.Config) string {
	return filepath.Join(cfg.State, "reindex-"+r.From+"-"+r.To+".json")
}

// begin reads how far a former one has come; it must have been asked the same.
func (r reindexCmd) begin(cfg *config.Config) (*reindexState, error) {
	st := &reindexState{
		From: r.From, To: r.To, Since: r.Since.first, Until: r.Until.end,
		Cursors: make(map[string]index.Cursor), Done: make(map[string]bool),
	}
	text, err := os.ReadFile(r.path(cfg))
	if errors.Is(err, fs.ErrNotExist) || r.Again {
		return st, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how far the last one came: %w", err)
	}
	old := *st
	if err := json.Unmarshal(text, &old); err != nil {
		return nil, fmt.Errorf("%s: %w (--again begins anew)", r.path(cfg), err)
	}
	// How long ago is longer ago by now: the former one's beginning counts, if it was asked for more.
	if old.Since.After(st.Since) || !old.Until.IsZero() && (st.Until.IsZero() || st.Until.After(old.Until)) {
		return nil, fmt.Errorf("the last one, which was interrupted, had fewer events to move (since %s): --again begins anew",
			old.Since.Format(time.RFC3339))
	}
	return &old, nil
}

// mover moves events, class by class, the oldest first.
type mover struct {
	cfg      *config.Config
	from, to *offline
	state    *reindexState
	path     string
	progress *ticker
}

func (m *mover) move(ctx context.Context, log *slog.Logger) error {
	defer m.progress.clear()
	// First, and as it is now: what it claims is among the events that are moved then.
	known := m.from.Ledger().Clone()
	if at := m.from.Stats().Position; at != m.state.Position {
		clear(m.state.Cursors)
		clear(m.state.Done)
		m.state.Loaded, m.state.Position = index.Loaded{}, at
	}
	for _, class := range m.from.classes() {
		if m.state.Done[class] {
			continue
		}
		if err := m.class(ctx, class); err != nil {
			return fmt.Errorf("move class %s: %w", class, err)
		}
		m.state.Done[class] = true
		if err := m.save(); err != nil {
			return err
		}
	}
	if !m.state.Since.IsZero() || !m.state.Until.IsZero() {
		return nil // the ledger would claim events that were left out
	}
	if err := index.CopyLedger(ctx, known, m.to); err != nil {
		return err
	}
	if x, ok := m.from.Index.(sharedIndex); ok {
		return inherit(ctx, m.cfg, x, log)
	}
	return nil // who shares an index takes over hosts, gaps and alerts when it starts
}

func (m *mover) class(ctx context.Context, class string) error {
	before, n := m.state.Loaded, 0
	load := m.to.loader(m.cfg, class)
	note := func(at index.Cursor) error {
		if err := load.Flush(ctx); err != nil {
			return err
		}
		m.state.Loaded = before.Plus(load.Loaded())
		m.state.Cursors[class] = at
		return m.save()
	}
	last := m.state.Cursors[class]
	s := index.Search{
		Span:  index.Span{Class: class, From: m.state.Since, To: m.state.Until},
		Limit: -1, Oldest: true, After: last,
	}
	err := m.from.Search(ctx, s, func(e *event.Event, at index.Cursor) error {
		if err := load.Add(ctx, e); err != nil {
			return err
		}
		last = at
		n++
		m.progress.say(before.All()+uint64(n), time.Unix(0, at.Time))
		if n%reindexStep == 0 {
			return note(at)
		}
		return nil
	})
	return errors.Join(err, note(last))
}

func (m *mover) save() error {
	text, err := json.Marshal(m.state)
	if err == nil {
		err = segment.ReplaceFile(m.path, text, 0o640)
	}
	if err != nil {
		return fmt.Errorf("note how far it has come: %w", err)
	}
	return nil
}
