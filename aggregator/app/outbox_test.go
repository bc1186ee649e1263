package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// desk is documents in memory, with faults: what an index on servers does with them is tried there, and what the
// aggregators make of it is tried here, where time costs nothing.
type desk struct {
	mu   sync.Mutex
	docs map[string]paper
	seq  uint64
	away bool // nothing is answered
	mute bool // nothing that is done is answered
}

type paper struct {
	body  string
	v     ledger.Version
	saved time.Time
}

func (d *desk) Load(_ context.Context, id string) ([]byte, ledger.Version, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.docs[id]
	if d.away {
		return nil, ledger.Version{}, index.ErrAway
	}
	if !ok {
		return nil, ledger.Version{}, nil
	}
	return []byte(p.body), p.v, nil
}

func (d *desk) Save(_ context.Context, id string, body []byte, v ledger.Version) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.away:
		return index.ErrAway
	case d.docs[id].v != v:
		return ledger.ErrConflict
	}
	d.seq++
	d.docs[id] = paper{string(body), ledger.Version{Seq: d.seq, Term: 1}, time.Now()}
	if d.mute {
		return index.ErrAway
	}
	return nil
}

func (d *desk) Remove(_ context.Context, id string, v ledger.Version) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.docs[id].v != v {
		return ledger.ErrConflict
	}
	delete(d.docs, id)
	return nil
}

func (d *desk) Each(_ context.Context, since time.Time, fn func(string, []byte, ledger.Version) error) error {
	d.mu.Lock()
	all, away := maps.Clone(d.docs), d.away
	d.mu.Unlock()
	if away {
		return index.ErrAway
	}
	for id, p := range all {
		if p.saved.Before(since) {
			continue
		}
		if err := fn(id, []byte(p.body), p.v); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) set(away, mute bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away, d.mute = away, mute
}

// clerk is an aggregator that has only its outbox.
type clerk struct {
	*outbox
	t *testing.T
}

func (d *desk) clerk(t *testing.T, home string) clerk {
	return clerk{openOutbox(d, home, slog.New(slog.DiscardHandler)), t}
}

// takes says which of the numbers are news.
func (c clerk) takes(want string, numbers ...int) {
	c.t.Helper()
	var alerts []alert.Alert
	for _, n := range numbers {
		alerts = append(alerts, alert.Alert{ID: event.HashKey(fmt.Sprint(n)), Title: fmt.Sprint(n)})
	}
	p, err := c.Take(alerts, 1, time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	var got []string
	for _, a := range p.Taken {
		got = append(got, a.Title)
	}
	if strings.Join(got, " ") != want {
		c.t.Errorf("took %q, want %q", got, want)
	}
}

// delivers says what is delivered now.
func (c clerk) delivers(want string) {
	c.t.Helper()
	var got []string
	for {
		w, ok, err := c.Oldest()
		if err != nil {
			c.t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, w.Alert.Title)
		if err := c.Delivered(w.Alert.ID); err != nil {
			c.t.Fatal(err)
		}
	}
	if strings.Join(got, " ") != want {
		c.t.Errorf("delivered %q, want %q", got, want)
	}
}

// lives looks around for a while.
func (c clerk) lives(d time.Duration) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(lookEvery) {
		if _, err := c.lookAround(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c clerk) pending(want int) {
	c.t.Helper()
	if n := c.Pending(); n != want {
		c.t.Errorf("%d alerts wait, want %d", n, want)
	}
}

// office is several clerks over documents of their own, in a time of its own.
func office(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, &desk{docs: make(map[string]paper)}) })
}

func TestSharedOutbox(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a, b := d.clerk(t, "a"), d.clerk(t, "b")
		a.takes("1 2", 1, 2, 1)
		b.takes("3", 2, 3, 1)
		a.takes("", 1, 2, 3)
		b.lives(time.Second)
		b.pending(3)
		b.delivers("3")
		a.delivers("1 2")
		a.takes("", 1, 2, 3) // they stay taken
		b.lives(time.Second)
		b.pending(0)
	})
}

func TestSharedOutboxFull(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a := d.clerk(t, "a")
		a.limit = 2
		p, err := a.Take([]alert.Alert{{ID: event.HashKey("1")}, {ID: event.HashKey("2")}, {ID: event.HashKey("3")}}, 7, time.Now())
		if err != nil || len(p.Taken) != 2 || p.Left != 1 || a.Cursor() != 7 {
			t.Errorf("%+v, %v, at %d", p, err, a.Cursor())
		}
	})
}

// While one lives, what it has is its own, however long it takes.
func TestAlertsOfTheLiving(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a, b := d.clerk(t, "a"), d.clerk(t, "b")
		a.takes("1", 1)
		var both sync.WaitGroup
		both.Go(func() { a.lives(5 * time.Minute) })
		both.Go(func() { b.lives(5 * time.Minute) })
		both.Wait()
		b.delivers("")
		a.delivers("1")
	})
}

func TestAlertsOfTheDead(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a, b, c := d.clerk(t, "a"), d.clerk(t, "b"), d.clerk(t, "c")
		a.takes("1 2", 1, 2)
		b.lives(lookEvery) // one who does not look often cannot tell
		time.Sleep(time.Hour)
		b.lives(2 * lookEvery)
		b.delivers("")
		var both sync.WaitGroup
		both.Go(func() { b.lives(time.Minute) })
		both.Go(func() { c.lives(time.Minute) })
		both.Wait()
		b.pending(2)
		one, ok, err := b.Oldest()
		if err != nil {
			t.Fatal(err)
		}
		other, there, err := c.Oldest()
		if err != nil || !ok && !there || ok && there && one.Alert.ID == other.Alert.ID {
			t.Errorf("%v %v, %v %v, %v", one, ok, other, there, err)
		}
		// One that only stood still sees that they are not its own any more.
		a.delivers("")
		a.lives(lookEvery)
		a.pending(2)
	})
}

// Who takes over what the dead have left, and has no answer to that, has it all the same: nobody else will deliver it.
func TestAlertsTakenOverWithoutAnAnswer(t *testing.T) {
	f := func(late bool) {
		t.Helper()
		office(t, func(t *testing.T, d *desk) {
			a, b := d.clerk(t, "a"), d.clerk(t, "b")
			a.takes("1 2", 1, 2)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if err := b.showLife(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.Each(t.Context(), time.Time{}, b.note); err != nil {
				t.Fatal(err)
			}
			d.set(false, true)
			if _, err := b.inherit(t.Context()); err == nil {
				t.Fatal("there was an answer")
			}
			d.set(false, false)
			if late { // what was written is not found yet
				if _, err := b.inherit(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			b.lives(time.Minute)
			b.pending(2)
			b.delivers("1 2")
			b.lives(time.Minute)
			b.delivers("")
			b.pending(0)
		})
	}
	f(false)
	f(true)
}

func TestAlertsAfterAStop(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a, b := d.clerk(t, "a"), d.clerk(t, "b")
		a.takes("1", 1)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		b.lives(lookEvery)
		b.takes("2", 2)
		b.delivers("1 2")
	})
	// What was killed and comes again takes its own at once.
	office(t, func(t *testing.T, d *desk) {
		d.clerk(t, "a").takes("1", 1)
		again := d.clerk(t, "a")
		again.takes("", 1)
		again.lives(lookEvery)
		again.delivers("1")
	})
}

func TestOutboxOfServersAway(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a := d.clerk(t, "a")
		d.set(true, false)
		time.AfterFunc(time.Minute, func() { d.set(false, true) }) // done, but not answered
		time.AfterFunc(2*time.Minute, func() { d.set(false, false) })
		a.takes("1 2", 1, 2)
		a.pending(2)
		d.set(true, false)
		a.delivers("1 2")
		d.set(false, false)
		a.lives(lookEvery)
		b := d.clerk(t, "b")
		b.lives(time.Minute)
		b.pending(0)
		b.takes("", 1, 2)
		d.set(true, false)
		a.hurry() // one that is to stop does not wait for them
		if _, err := a.Take([]alert.Alert{{ID: event.HashKey("3")}}, 1, time.Now()); err == nil {
			t.Error("an alert was taken that is nowhere")
		}
	})
}

func TestForgetSharedAlerts(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		a, b := d.clerk(t, "a"), d.clerk(t, "b")
		a.takes("1 2", 1, 2)
		w, _, _ := a.Oldest()
		if err := a.Delivered(w.Alert.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		if _, err := b.Forget(time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		b.pending(1) // what waits is kept
		b.takes("1", 1, 2)
		if n := len(d.docs); n != 3 { // two alerts, and the life of b
			t.Errorf("%d documents are left: %v", n, d.docs)
		}
	})
}

// What waits in the outbox of one alone is delivered by the one in common.
func TestMoveAlerts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.db")
	alone, err := alert.OpenOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if _, err := alone.Take([]alert.Alert{{ID: event.HashKey("1"), Title: "1"}, {ID: event.HashKey("2"), Title: "2"}}, 5, time.Now()); err != nil {
		t.Fatal(err)
	}
	c := (&desk{docs: make(map[string]paper)}).clerk(t, "a")
	if err := moveAlerts(alone, c); err != nil {
		t.Fatal(err)
	}
	if n := alone.Pending(); n != 0 {
		t.Errorf("%d are left", n)
	}
	c.delivers("1 2")
}

// And the other way: what waits in the one in common, as a backup has it, is delivered by one alone.
func TestRestoreSharedAlerts(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		c := d.clerk(t, "a")
		c.takes("1 2 3", 1, 2, 3)
		first, _, err := c.Oldest()
		if err == nil {
			err = c.Delivered(first.Alert.ID)
		}
		var text bytes.Buffer
		w := newBackupWriter(&text, time.Now())
		if err := errors.Join(err, w.documents(t.Context(), map[string]index.Docs{docsAlerts: d}), w.end()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "b.tar")
		r := &restorer{cfg: &config.Config{State: t.TempDir(), Index: config.Index{Engine: config.EngineEmbedded}}}
		// Before the servers there was a log, which had come far: the new one begins behind it, or it would not be seen.
		former, err := alert.OpenOutbox(r.cfg.Dir(alertsFile))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := former.Take(nil, 7*headRoom, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := former.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := eachEntry(path, func(name string, in io.Reader) error { return r.entry(t.Context(), name, in) }); err != nil {
			t.Fatal(err)
		}
		alone, err := alert.OpenOutbox(r.cfg.Dir(alertsFile))
		if err != nil {
			t.Fatal(err)
		}
		defer alone.Close()
		if n := alone.Pending(); n != 2 || r.seen != 7*headRoom {
			t.Errorf("%d alerts wait, want 2; the log begins behind %d", n, r.seen)
		}
	})
}

// A reindex moves them, once: who shares the index delivers them no more.
func TestInheritAlerts(t *testing.T) {
	office(t, func(t *testing.T, d *desk) {
		c := d.clerk(t, "a")
		c.takes("1", 1)
		time.Sleep(time.Second)
		c.takes("2 3", 2, 3)
		first, _, err := c.Oldest()
		if err == nil {
			err = errors.Join(c.Delivered(first.Alert.ID), c.Close())
		}
		cfg := &config.Config{State: t.TempDir()}
		for range 2 {
			err = errors.Join(err, inheritAlerts(t.Context(), cfg, d))
		}
		if err != nil {
			t.Fatal(err)
		}
		b := d.clerk(t, "b")
		b.lives(time.Minute)
		b.delivers("")
		alone, err := alert.OpenOutbox(cfg.Dir(alertsFile))
		if err != nil {
			t.Fatal(err)
		}
		defer alone.Close()
		if n := alone.Pending(); n != 2 {
			t.Errorf("%d alerts wait, want 2", n)
		}
	})
}
