package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/receive/http"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/ops"
)

// rig is a whole aggregator without a broker, with its command line.
type rig struct {
	t     *testing.T
	path  string // of its configuration
	agent certs.Files
	agg   *Aggregator
	stop  func()
}

func start(t *testing.T, dir string, more ...string) *rig {
	t.Helper()
	ca, err := certs.NewAuthority(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Server: true, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	agent, err := ca.Issue("agent", certs.Request{CommonName: "agent-h", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, dir, fmt.Sprintf(`{http: {plain: "off", tls: {listen: "127.0.0.1:0", ca: %s, cert: %s, key: %s}}}`,
		own.CA, own.Cert, own.Key), agent, more...)
}

// startWith is start with a section receive, and an agent that it trusts.
func startWith(t *testing.T, dir, receive string, agent certs.Files, more ...string) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(dir, "aggregator.yaml"), agent: agent}
	text := fmt.Sprintf("state: %s/state\nreceive: %s\nserve: {socket: %s/api.sock}\n", dir, receive, dir) + strings.Join(more, "\n")
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run()
	return r
}

// run starts the aggregator, for the first time or again.
func (r *rig) run() {
	t := r.t
	t.Helper()
	cfg, err := config.Load(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if r.agg, err = New(t.Context(), cfg, Process{}, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	socket, err := ops.New(ops.Config{Listen: "unix:" + cfg.Serve.Socket, Handler: r.agg.Handler()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- socket.Run(ctx) }()
	go func() { done <- r.agg.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if c, err := net.Dial("unix", cfg.Serve.Socket); err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal("the aggregator does not answer")
		}
	}
}

// host is an agent that has nothing but lines.
type host struct {
	t       *testing.T
	id      event.Key
	builder *batch.Builder
	place   batch.Place
	offset  uint64
	name    string // that it claims
	beats   uint64 // heartbeats that it made
	dropped uint64 // messages, as those say
}

func (r *rig) newHost(name string) *host {
	t := r.t
	t.Helper()
	id := event.HashKey(name)
	signer, err := r.agent.Signer()
	if err != nil {
		t.Fatal(err)
	}
	b, err := batch.NewBuilder(id, event.RandomKey(), 0, signer.Sign)
	if err != nil {
		t.Fatal(err)
	}
	return &host{t, id, b, batch.Place{Stream: event.HashKey(name, "s"), Class: "auth", Day: time.Now().UTC().Format(time.DateOnly)}, 0, "h", 0, 0}
}

// add puts lines into the next batch.
func (h *host) add(lines ...string) {
	for _, l := range lines {
		var e event.Event
		now := time.Now().UTC().Format(time.RFC3339Nano)
		e.Set("@timestamp", now)
		e.Set("event.created", now)
		e.Set("event.id", event.ID(h.id, h.place.Stream, h.place.Epoch, h.offset).String())
		e.Set("event.original", l)
		e.Set("host.name", h.name)
		e.Set("log.offset", fmt.Sprint(h.offset))
		end := h.offset + uint64(len(l)) + 1
		h.builder.Add(h.place, h.offset, end, e.AppendJSON(nil))
		h.offset = end
	}
}

func (h *host) seal(lines ...string) *batch.Sealed {
	h.t.Helper()
	h.add(lines...)
	return h.sealed()
}

func (h *host) sealed() *batch.Sealed {
	h.t.Helper()
	s, err := h.builder.Seal()
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// door is the one that agents ship to.
func (r *rig) door() http.Sink {
	r.t.Helper()
	door, err := r.agg.sink()
	if err != nil {
		r.t.Fatal(err)
	}
	return door
}

// dead returns the reasons of the dead letters.
func (r *rig) dead() (reasons []string) {
	r.t.Helper()
	err := r.agg.dead.store.Visit(r.t.Context(), func(l *dead.Letter) (dead.Verdict, error) {
		if l.Sender != "agent-h" || l.Headers[batch.ManifestHeader] == "" || len(l.Body) == 0 {
			r.t.Errorf("%+v", l)
		}
		reasons = append(reasons, l.Reason)
		return dead.Keep, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return reasons
}

func (r *rig) send(b *batch.Sealed) error {
	queued, err := r.door().Batch(r.t.Context(), http.Batch{Manifest: b.Header, Proof: b.Proof, Body: b.Body, Sender: "agent-h"})
	if queued {
		r.t.Error("queued without a broker")
	}
	return err
}

func (r *rig) search(args ...string) (lines []string, err error) {
	r.t.Helper()
	var out bytes.Buffer
	c := &CLI{Config: r.path, Out: &out}
	err = searchCmd{Query: args, Limit: 0, showFlags: showFlags{Format: "json"}}.Run(r.t.Context(), c)
	for l := range strings.Lines(out.String()) {
		lines = append(lines, l)
	}
	return lines, err
}

func (r *rig) count(want int, args ...string) {
	r.t.Helper()
	got, err := r.search(args...)
	if len(got) != want || (err == nil) != (want > 0) || err != nil && !errors.Is(err, errNothing) {
		r.t.Errorf("search %q: %d events, %v; want %d", args, len(got), err, want)
	}
}

func stamp() string { return time.Now().UTC().Format("Jan _2 15:04:05") }

func TestRoad(t *testing.T) { overEngines(t, throughTheRoad) }

func throughTheRoad(t *testing.T, more string) {
	dir := t.TempDir()
	r := start(t, dir, more)
	h := r.newHost("h")
	su := h.seal(
		stamp()+" h sudo:   averez : TTY=pts/0 ; PWD=/srv/lab ; USER=root ; COMMAND=/usr/bin/su -c id",
		stamp()+" h CRON[12]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
	)
	if err := r.send(su); err != nil {
		t.Fatal(err)
	}
	r.count(1, "user.name:averez AND process.name:sudo")
	r.count(1, "process.name:CRON")
	r.count(0, "user.name:nobody")
	lines, err := r.search("averez")
	if err != nil || len(lines) != 1 {
		t.Fatalf("%q, %v", lines, err)
	}
	var e struct {
		Event struct{ Original, ID, Ingested string }
		Agent struct{ Name, ID string }
		Tags  []string
	}
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || !strings.HasSuffix(e.Event.Original, "/usr/bin/su -c id") ||
		e.Agent.Name != "agent-h" || e.Agent.ID != h.id.String() || e.Event.Ingested == "" {
		t.Errorf("%v: %s", err, lines[0])
	}
	if n := r.agg.outbox.Cursor(); n == 0 {
		t.Error("the alerts have seen nothing")
	}

	t.Run("a repeat is none", func(t *testing.T) {
		if err := r.send(su); err != nil {
			t.Error(err)
		}
		r.count(2, "*")
	})
	t.Run("late batch gets in", func(t *testing.T) {
		first, second := h.seal(stamp()+" h x: first"), h.seal(stamp()+" h x: second")
		for _, b := range []*batch.Sealed{second, first, second} {
			if err := r.send(b); err != nil {
				t.Error(err)
			}
		}
		r.count(1, "first")
		r.count(1, "second")
	})
	// What can never be taken is kept, with its reason, and does not stop what comes behind it.
	dies := func(b *batch.Sealed, want string) {
		t.Helper()
		before := len(r.dead())
		for range 2 { // the second time it is the same letter
			if err := r.send(b); err != nil {
				t.Errorf("%v", err)
			}
		}
		reasons := r.dead()
		if len(reasons) != before+1 || !strings.Contains(strings.Join(reasons, "\n"), want) {
			t.Errorf("dead letters %q, want one more, for %s", reasons, want)
		}
	}
	t.Run("altered batch", func(t *testing.T) {
		b := h.seal(stamp() + " h x: third")
		b.Body[len(b.Body)/2] ^= 1
		dies(b, "body does not match its manifest")
		r.count(0, "third")
	})
	t.Run("false place", func(t *testing.T) {
		other := r.newHost("other")
		other.builder.Add(other.place, 6, 7, []byte(`{"log":{"offset":5}}`))
		b, err := other.builder.Seal()
		if err != nil {
			t.Fatal(err)
		}
		dies(b, "is in no data range of the manifest")
	})
	// Whatever one who has not the agent's key recomputes: it is not the agent's.
	t.Run("forged manifest", func(t *testing.T) {
		other := r.newHost("forged")
		other.offset = 5
		b := other.seal("x")
		b.Header = bytes.Replace(b.Header, []byte(`"first":5`), []byte(`"first":4`), 1)
		dies(b, "the signature is not one of agent-h over this")
		b = other.seal("y")
		b.Proof = batch.Proof{}
		dies(b, "signature: the batch has none")
	})
	t.Run("more holes than the ledger keeps", func(t *testing.T) {
		other := r.newHost("holes")
		for i := range uint64(ledger.MaxRanges + 1) {
			other.builder.Pass(other.place, batch.Dropped, 10*i+5, 10*i+9)
		}
		b, err := other.builder.Seal()
		if err != nil {
			t.Fatal(err)
		}
		dies(b, ledger.ErrFull.Error())
	})
	t.Run("query that cannot be read", func(t *testing.T) {
		_, err := r.search("user.name:")
		if err == nil || !strings.Contains(err.Error(), "^") {
			t.Errorf("%v", err)
		}
	})
	t.Run("repeats are known after a restart", func(t *testing.T) {
		r.stop()
		again := start(t, dir, more)
		if err := again.send(su); err != nil {
			t.Error(err)
		}
		again.count(4, "NOT event.dataset:belfry.dead")
		again.stop()
	})
}

func TestTail(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- tailCmd{Query: []string{"wanted"}, showFlags: showFlags{Format: "table"}}.Run(ctx, &CLI{Config: r.path, Out: in})
	}()
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, 4096)
		n, err := out.Read(buf)
		if err == nil {
			got <- string(buf[:n])
		}
	}()
	for {
		if err := r.send(h.seal(stamp()+" h x: other", stamp()+" h x: wanted\x1b[31m")); err != nil {
			t.Fatal(err)
		}
		select {
		case line := <-got:
			if !strings.Contains(line, " h x: wanted\ufffd[31m") {
				t.Errorf("%q", line)
			}
			cancel()
			go io.Copy(io.Discard, out)
			if err := <-done; err != nil {
				t.Error(err)
			}
			return
		case err := <-done:
			t.Fatalf("the tail has ended: %v", err)
		case <-time.After(100 * time.Millisecond): // the tail may not have begun yet
		}
	}
}

func TestForeignEvents(t *testing.T) { overEngines(t, foreignEvents) }

func foreignEvents(t *testing.T, more string) {
	r := start(t, t.TempDir(), more)
	var e event.Event
	e.Set("@timestamp", time.Now().UTC().Format(time.RFC3339Nano))
	e.Set("event.created", e.Get("@timestamp"))
	e.Set("event.id", event.RandomKey().String())
	e.Set("message", "This is a test")
	if _, err := r.door().Events(t.Context(), []*event.Event{&e}); err != nil {
		t.Fatal(err)
	}
	r.count(1, `"this is a test"`)
}

func TestStatus(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	if err := r.send(h.seal("a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	f := func(asJSON bool, want string) {
		t.Helper()
		var out bytes.Buffer
		if err := (statusCmd{JSON: asJSON}).Run(t.Context(), &CLI{Config: r.path, Out: &out}); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%v: %s", err, out.String())
		}
	}
	f(false, "ready   ok\nevents  3, in ")
	f(true, `{"ready":"ok","alerts_pending":0,"index":{"engine":"embedded","rows":3,`)
}

func TestOwnDisk(t *testing.T) {
	f := func(engine, want string) {
		t.Helper()
		if got := ownDisk(index.Stats{Engine: engine, LogBytes: 1, DiskFree: 2}, "%d, %d"); got != want {
			t.Errorf("%s: %q, want %q", engine, got, want)
		}
	}
	f("embedded", "1, 2")
	f("elastic", "")
}

func TestInDays(t *testing.T) {
	f := func(long, want string) {
		t.Helper()
		if got := inDays(long); got != want {
			t.Errorf("%s: %s, want %s", long, got, want)
		}
	}
	f("2160h0m0s", "90d")
	f("24h0m0s", "1d")
	f("25h0m0s", "25h0m0s")
	f("1h0m0s", "1h0m0s")
	f("", "")
}

func TestHint(t *testing.T) {
	f := func(q, want string) {
		t.Helper()
		var out bytes.Buffer
		if hint(&out, q); !strings.Contains(out.String(), want) || want == "" && out.Len() > 0 {
			t.Errorf("%q: %q, want %q", q, out.String(), want)
		}
	}
	f("a AND b", "")
	f("a and b", `"and" is a word to look for, AND is the operator`)
	f("user.name=averez", "user.name:averez")
	f(`command_line:"a=b"`, "")
}

// Who searches need not be able to read the aggregator's key.
func TestSearchNeedsTheSocketAlone(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.path = filepath.Join(dir, "other.yaml")
	tls := strings.ReplaceAll(string(text), ".key}", ".nowhere}")
	if err := os.WriteFile(r.path, []byte(tls), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(r.path); err == nil {
		t.Error("a configuration without its key was taken")
	}
	r.count(0, "*")
}
