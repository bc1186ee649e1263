package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"belfry/shared/segment"
)

// stateVersion is of the format of the state.
const stateVersion = 1

// state is what is on the disk: one JSON object.
type state struct {
	Version  int            `json:"v"`
	Since    int64          `json:"since"`            // Unix microseconds: nothing older is read; 0 is no bound
	Began    int64          `json:"began"`            // likewise: when nothing was known; what is older carries the tag doubt
	Cursor   string         `json:"cursor,omitempty"` // a child that begins there shows all that is not confirmed
	Counters []counterState `json:"counters,omitempty"`
	Series   []seriesState  `json:"series,omitempty"` // the last used last
}

type counterState struct {
	Key string `json:"key"`
	Run int    `json:"run"`
}

type seriesState struct {
	ID        string `json:"id"`
	Confirmed uint64 `json:"confirmed"` // all before it is
	Counter   string `json:"counter"`
	Run       int    `json:"run"`
	Reserved  uint64 `json:"reserved"` // nothing from it on has left
	Steps     []step `json:"steps,omitempty"`
}

// load takes up the state, or makes one.
func (in *Input) load() error {
	text, err := os.ReadFile(in.path)
	if errors.Is(err, fs.ErrNotExist) {
		return in.first()
	}
	if err != nil {
		return fmt.Errorf("read state of %s: %w", in.cfg.Name(), err)
	}
	var st state
	if err = json.Unmarshal(text, &st); err == nil {
		err = in.use(&st)
	}
	if err == nil {
		return nil
	}
	in.log.Warn("state cannot be used, the journal is read as at a first start", "path", in.path, "err", err)
	in.forget()
	if err := os.Rename(in.path, in.path+".bad"); err != nil {
		return fmt.Errorf("put away state of %s: %w", in.cfg.Name(), err)
	}
	return in.first()
}

// first begins a state: from now on the journal is read without a gap.
func (in *Input) first() error {
	now := in.now()
	since, err := in.cfg.since(now)
	if err != nil {
		return err
	}
	in.began, in.since = now.UnixMicro(), 0
	if !since.IsZero() {
		in.since = max(since.UnixMicro(), 1)
	}
	return in.write()
}

// use puts a state to use.
func (in *Input) use(st *state) error {
	if st.Version != stateVersion {
		return fmt.Errorf("version %d, this program knows %d", st.Version, stateVersion)
	}
	in.since, in.began = st.Since, st.Began
	if st.Cursor != "" {
		at, err := parseCursor([]byte(st.Cursor))
		if err != nil {
			return fmt.Errorf("cursor %.200q: %w", st.Cursor, err)
		}
		in.way.last = at
	}
	for _, c := range st.Counters {
		in.counters[c.Key] = &counter{key: c.Key, run: c.Run}
	}
	for _, t := range st.Series {
		id, ok := parseSeries([]byte(t.ID))
		if !ok {
			return fmt.Errorf("series %.64q: not 32 hex digits", t.ID)
		}
		s := in.know(id, t.Counter)
		s.confirmed.end, s.next, s.run, s.steps = t.Confirmed, t.Confirmed, t.Run, t.Steps
		s.sent, s.reserved = t.Reserved, t.Reserved
		if s.run == s.counter.run && t.Confirmed > 0 {
			s.counter.top = max(s.counter.top, t.Confirmed-1)
		}
	}
	return nil
}

// write brings the state to the disk.
func (in *Input) write() error {
	st := state{Version: stateVersion, Since: in.since, Began: in.began, Cursor: in.way.from().String()}
	all := in.byUse()
	keys := map[string]bool{}
	for _, s := range all {
		st.Series = append(st.Series, seriesState{
			ID: string(s.id[:]), Confirmed: s.confirmed.end, Counter: s.counter.key, Run: s.run, Reserved: s.reserved, Steps: s.steps,
		})
		if !keys[s.counter.key] {
			keys[s.counter.key] = true
			st.Counters = append(st.Counters, counterState{s.counter.key, s.counter.run})
		}
	}
	text, err := json.Marshal(&st)
	if err != nil {
		return fmt.Errorf("write state of %s: %w", in.cfg.Name(), err)
	}
	if err := segment.ReplaceFile(in.path, append(text, '\n'), 0o640); err != nil {
		return fmt.Errorf("write state of %s: %w", in.cfg.Name(), err)
	}
	in.dirty, in.saved = false, in.now()
	in.recovered(keeping)
	return nil
}

// byUse returns all series, the last used last.
func (in *Input) byUse() []*series {
	all := make([]*series, 0, len(in.series))
	for _, s := range in.series {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *series) int {
		switch {
		case a.used < b.used:
			return -1
		case a.used > b.used:
			return 1
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	return all
}

// saveEvery is how often the state is written at most, but for steps.
const saveEvery = time.Second
