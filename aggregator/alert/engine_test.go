package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// channel is a notifier that remembers, and fails while it is down.
type channel struct {
	mu    sync.Mutex
	down  bool
	tries int
	took  []string
}

func (c *channel) send(_ context.Context, a Alert) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.down {
		return errors.New("down")
	}
	c.took = append(c.took, a.Summary)
	return nil
}

func (c *channel) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

func (c *channel) got() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.took, " ")
}

func (c *channel) attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tries
}

var quiet = slog.New(slog.DiscardHandler)

// loud fires on every event of a user eve; its summary is the event's number.
func loud(t *testing.T) *Rules {
	r := ruleOf(t, " s: {user.name: eve}\n condition: s\n")
	r.summary = summary{{text: "log.offset", field: true}}
	return compile([]*Rule{r})
}

// numberedEvent is eve's when n is even.
func numberedEvent(n int) *event.Event {
	user := "adam"
	if n%2 == 0 {
		user = "eve"
	}
	return line("event.id", event.HashKey(fmt.Sprint(n)).String(), "user.name", user, "log.offset", fmt.Sprint(n))
}

func process(t *testing.T, e *Engine, position uint64, numbers ...int) {
	t.Helper()
	var events []*event.Event
	for _, n := range numbers {
		events = append(events, numberedEvent(n))
	}
	if err := e.Process(position, events); err != nil {
		t.Fatal(err)
	}
}

// start runs an engine until the returned func is called.
func start(t *testing.T, e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, set := &channel{}, metrics.NewSet()
		o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
		e := NewEngine(loud(t), o, c.send, quiet, set)
		stop := start(t, e)
		process(t, e, 1, 1, 2, 3, 4)
		process(t, e, 2, 4, 6)
		synctest.Wait()
		if got := c.got(); got != "2 4 6" {
			t.Errorf("delivered %q, want 2 4 6", got)
		}
		c.set(true)
		process(t, e, 3, 8)
		process(t, e, 4, 10)
		time.Sleep(10 * time.Minute)
		if o.Pending() != 2 || c.got() != "2 4 6" {
			t.Errorf("%d alerts wait while the channel is down, want 2; delivered %q", o.Pending(), c.got())
		}
		if n := c.attempts(); n < 13 || n > 400 { // at a full wait each, and at a fraction of one
			t.Errorf("tried %d times in 10 minutes", n)
		}
		c.set(false)
		time.Sleep(lastWait)
		synctest.Wait()
		if got := c.got(); got != "2 4 6 8 10" || o.Pending() != 0 {
			t.Errorf("delivered %q, %d wait, want 2 4 6 8 10 and 0", got, o.Pending())
		}
		stop()
		for name, want := range map[string]uint64{"fired": 5, "repeated": 1, "delivered": 5, "dropped": 0} {
			if got := set.GetOrCreateCounter("belfry_alert_" + name + "_total").Get(); got != want {
				t.Errorf("%s is %d, want %d", name, got, want)
			}
		}
	})
}

// A notifier that hangs is one that fails.
func TestDeliveryHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		hang := func(ctx context.Context, _ Alert) error {
			tries++
			<-ctx.Done()
			return ctx.Err()
		}
		e := NewEngine(loud(t), openOutbox(t, filepath.Join(t.TempDir(), "alerts.db")), hang, quiet, nil)
		stop := start(t, e)
		process(t, e, 1, 2)
		time.Sleep(5 * time.Minute)
		stop()
		if tries < 3 {
			t.Errorf("tried %d times in 5 minutes", tries)
		}
	})
}

func TestCursorIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
		e := NewEngine(loud(t), o, (&channel{}).send, quiet, nil)
		for p := range uint64(100) { // no Run: Process saves by itself
			process(t, e, p+1, 1)
			time.Sleep(100 * time.Millisecond)
		}
		if o.Cursor() < 75 {
			t.Errorf("the cursor is at %d after 10 s, want near 100", o.Cursor())
		}
		stop := start(t, e)
		process(t, e, 101, 1)
		time.Sleep(saveEvery + time.Millisecond)
		synctest.Wait()
		if o.Cursor() != 101 {
			t.Errorf("the cursor is at %d, want 101", o.Cursor())
		}
		process(t, e, 102, 1)
		stop()
		if o.Cursor() != 102 {
			t.Errorf("the cursor is at %d after the end, want 102", o.Cursor())
		}
	})
}

// A crash at any point, and the replay after it, gives each alert once: what is taken is on disk with the cursor.
func TestCrashAndReplay(t *testing.T) {
	log := map[uint64][]int{1: {1, 2}, 2: {3}, 3: {4, 6}, 4: {5, 7}, 5: {8}}
	for crash := uint64(0); crash <= 5; crash++ {
		dir := t.TempDir()
		c := &channel{}
		run := func(until uint64) {
			o := openOutbox(t, filepath.Join(dir, "alerts.db"))
			e := NewEngine(loud(t), o, c.send, quiet, nil)
			for p := o.Cursor() + 1; p <= until; p++ {
				process(t, e, p, log[p]...)
			}
			if until == 5 {
				for i := 0; i < 5 && o.Pending() > 0; i++ {
					if _, err := e.deliver(t.Context(), 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := o.Close(); err != nil { // without the cursor that Run saves at its end
				t.Fatal(err)
			}
		}
		run(crash)
		run(5)
		run(5)
		if got := c.got(); got != "2 4 6 8" {
			t.Errorf("crash after %d: delivered %q, want 2 4 6 8", crash, got)
		}
	}
}

func TestReplayOfWhatWasTaken(t *testing.T) {
	o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
	c := &channel{}
	e := NewEngine(loud(t), o, c.send, quiet, nil)
	for range 3 {
		process(t, e, 1, 2, 2)
		if _, err := e.deliver(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if c.got() != "2" {
		t.Errorf("delivered %q, want 2", c.got())
	}
}

func TestFullOutboxIsTold(t *testing.T) {
	o := openOutbox(t, filepath.Join(t.TempDir(), "alerts.db"))
	o.limit = 1
	set := metrics.NewSet()
	e := NewEngine(loud(t), o, (&channel{}).send, quiet, set)
	process(t, e, 1, 2, 4, 6)
	if got := set.GetOrCreateCounter("belfry_alert_dropped_total").Get(); got != 2 || o.Cursor() != 1 {
		t.Errorf("%d dropped at %d, want 2 at 1", got, o.Cursor())
	}
}

func TestAlertID(t *testing.T) {
	r := ruleOf(t, " s: {a: b}\n condition: s\n")
	r.Group = []string{"user.name"}
	id := func(pairs ...string) event.Key { return r.alert(line(pairs...)).ID }
	e1 := []string{"event.id", "1", "user.name", "eve"}
	if id(e1...) != id(e1...) {
		t.Error("the same event has two ids")
	}
	if id(e1...) == id("event.id", "2", "user.name", "eve") || id(e1...) == id("event.id", "1", "user.name", "adam") {
		t.Error("different events have one id")
	}
	if id("message", "x") != id("message", "x") || id("message", "x") == id("message", "y") {
		t.Error("an event without an id is not told by what it says")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	r := ruleOf(t, " s: {a: b}\n condition: s\n")
	a := r.alert(line("host.name", strings.Repeat("é", 1000)))
	if len(a.Host) > maxValue+4 || len(a.Summary) > maxValue+50 || !strings.HasSuffix(a.Host, "é…") {
		t.Errorf("%d bytes of host, %d of summary: %q", len(a.Host), len(a.Summary), a.Host[maxValue-5:])
	}
}

// A name that was misspelt once stays: dashboards hold it.
func TestMetricNames(t *testing.T) {
	set := metrics.NewSet()
	NewEngine(loud(t), openOutbox(t, filepath.Join(t.TempDir(), "alerts.db")), nil, quiet, set)
	want := []string{
		"belfry_alert_delivered_total", "belfry_alert_delivery_failures_total", "belfry_alert_delivery_seconds",
		"belfry_alert_dropped_total", "belfry_alert_fired_total", "belfry_alert_pending", "belfry_alert_repeated_total",
		"belfry_alert_rules",
	}
	got := set.ListMetricNames()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("metrics %q, want %q", got, want)
	}
}

// Whoever chooses one value of a summary must not push the others out of sight, and nobody may speak unseen for others.
func TestSummaryIsFair(t *testing.T) {
	r := ruleOf(t, " s: {user.name: '*'}\n condition: s\nbelfry: {summary: '{user.name} became {user.target.name} on {host.name}'}\n")
	f := func(want string, pairs ...string) {
		t.Helper()
		if got := r.alert(line(pairs...)).Summary; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("eve became root on vm", "user.name", "eve", "user.target.name", "root", "host.name", "vm")
	f("(unauthenticated) eve became root on vm", "user.name", "eve", "user.target.name", "root", "host.name", "vm",
		"tags", "unauthenticated")
	long := strings.Repeat("A", 5000)
	f(long[:maxSummary]+"… became root on vm", "user.name", long, "user.target.name", "root", "host.name", "vm")
}
