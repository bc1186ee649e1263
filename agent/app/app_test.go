package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship/https"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/ops"
)

// receiver is a real one over mutual TLS. It counts what it takes.
type receiver struct {
	url   string
	files certs.Files // of an agent

	mu     sync.Mutex
	bodies int // but for heartbeats
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	ca, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Issue("server", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := own.Server()
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{}
	if r.files, err = ca.Issue("agent", certs.Request{CommonName: "agent-h", Client: true}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		text, err := base64.StdEncoding.DecodeString(req.Header.Get(batch.ManifestHeader))
		if err != nil {
			t.Error(err)
		}
		m, err := batch.ParseManifest(text)
		if err != nil {
			t.Error(err)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, s := range m.Streams {
			if s.ID != event.HashKey("heartbeat", m.Agent.String()) {
				r.bodies++
			}
		}
	}))
	s.TLS = settings
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelInfo)
	s.StartTLS()
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// config has one file, x.log in the folder, and two listeners.
func (r *receiver) config(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	return &config.Config{
		State: filepath.Join(dir, "state"), Host: "h",
		Inputs: config.Inputs{
			Files:  []file.Config{{Paths: []string{filepath.Join(dir, "x.log")}}},
			Syslog: []syslog.Config{{Listen: "udp://127.0.0.1:0"}, {Listen: "tcp://127.0.0.1:0"}},
		},
		Ship: config.Ship{HTTPS: &https.Config{URL: r.url, Files: r.files}},
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runAgent runs an agent until the returned function is called, which returns what Run returned.
func runAgent(t *testing.T, cfg *config.Config, grace time.Duration) (a *Agent, stop func() error) {
	t.Helper()
	a, err := New(cfg, Process{Version: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	a.grace = grace
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	socket, err := ops.New(ops.Config{Listen: "unix:" + SocketPath(cfg.State), Handler: a.Handler()}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	beside, end := context.WithCancel(context.Background())
	answered := make(chan error, 1)
	go func() { answered <- socket.Run(beside) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		end()
		return errors.Join(err, <-answered)
	})
	t.Cleanup(func() { _ = stop() }) // the test has looked at it
	return a, stop
}

// ask asks a running agent for its status until it is as wanted.
func ask(t *testing.T, cfg *config.Config, wanted func(Status) bool) Status {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", SocketPath(cfg.State))
		},
	}}
	var s Status
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		resp, err := client.Get("http://agent/status")
		if err != nil {
			continue // it is starting
		}
		s = Status{}
		err = json.NewDecoder(resp.Body).Decode(&s)
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if wanted(s) {
			return s
		}
	}
	t.Fatalf("status is %+v", s)
	return s
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	cfg := r.config(t)
	log := cfg.Inputs.Files[0].Paths[0]
	write(t, log, "one\ntwo\nhalf")
	a, stop := runAgent(t, cfg, grace)
	s := ask(t, cfg, func(s Status) bool { return s.Road == "ok" && len(s.Files) == 1 && s.Files[0].Cursor == 8 })
	f := s.Files[0]
	if s.Agent != a.id.String() || s.Host != "h" || f.Path != log || f.Read != 12 || f.Size != 12 || f.Lag != 4 {
		t.Errorf("%+v", s)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(SocketPath(cfg.State)); err == nil {
		t.Error("the socket is left behind")
	}
	// What was confirmed is not sent by the next one, who is the same agent.
	r.mu.Lock()
	bodies := r.bodies
	r.mu.Unlock()
	again, stop := runAgent(t, cfg, grace)
	ask(t, cfg, func(s Status) bool { return len(s.Files) == 1 && s.Files[0].Read == 12 })
	if err := stop(); err != nil || again.id != a.id || r.bodies != bodies {
		t.Errorf("%v, agent %v, %d batches after %d", err, again.id, r.bodies, bodies)
	}
}

func TestStopWithAnUnreachableReceiver(t *testing.T) {
	r := newReceiver(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f := func(name, addr string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := r.config(t)
			cfg.Ship.HTTPS.URL = "https://" + addr
			write(t, cfg.Inputs.Files[0].Paths[0], strings.Repeat("a line\n", 100_000))
			a, stop := runAgent(t, cfg, 200*time.Millisecond)
			ask(t, cfg, func(s Status) bool { return s.Road != "ok" && len(s.Files) == 1 && s.Files[0].Lag == 700_000 })
			tcp, err := net.Dial("tcp", a.syslogs[1].Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			if _, err := tcp.Write([]byte("<13>x\n")); err != nil {
				t.Fatal(err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			again, err := New(cfg, Process{Version: "test"}, quiet) // nothing was left open
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	f("silent", l.Addr().String())
	f("refused", "127.0.0.1:1")
}

func openFiles(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, e := range entries {
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(name, "anon_inode") && !strings.Contains(name, "/proc") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Each fault is told with its place, and what New had opened before it is closed.
func TestNewFails(t *testing.T) {
	r := newReceiver(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	f := func(want string, spoil func(*config.Config)) {
		t.Helper()
		cfg := r.config(t)
		spoil(cfg)
		before := openFiles(t)
		a, err := New(cfg, Process{Version: "test"}, quiet)
		if err == nil || a != nil || !strings.Contains(err.Error(), strings.ReplaceAll(want, "STATE", cfg.State)) {
			t.Fatalf("%v, want %q", err, want)
		}
		for _, name := range openFiles(t) { // what an earlier test had open may be gone meanwhile
			i := slices.Index(before, name)
			if i < 0 {
				t.Errorf("%s: %s stays open", want, name)
				continue
			}
			before = slices.Delete(before, i, i+1)
		}
	}
	f("listen at tcp://"+busy.Addr().String(), func(c *config.Config) {
		c.Inputs.Syslog = append(c.Inputs.Syslog, syslog.Config{Listen: "tcp://" + busy.Addr().String()})
	})
	f("listen at 127.0.0.1:99999", func(c *config.Config) { c.Metrics = "127.0.0.1:99999" })
	f("make state folder: mkdir STATE: not a directory", func(c *config.Config) { write(t, c.State, "") })
	f("identity STATE/identity.json", func(c *config.Config) {
		if err := os.Mkdir(c.State, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(c.State, "identity.json"), "{")
	})
	f("STATE/files: not a directory", func(c *config.Config) {
		if err := os.Mkdir(c.State, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(c.State, "files"), "")
	})
	f("ca: open /gone", func(c *config.Config) { c.Ship.HTTPS.CA = "/gone" })
}

func TestTwoAgentsOfOneState(t *testing.T) {
	cfg := newReceiver(t).config(t)
	a, err := New(cfg, Process{Version: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg, Process{Version: "test"}, quiet); err == nil || !strings.Contains(err.Error(), cfg.State+"/lock: another process works here") {
		t.Errorf("a second agent: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestStatusTable(t *testing.T) {
	s := Status{Agent: "0123", Host: "h", Road: "tls: bad\x1b[2Jcertificate", Acks: "not-found: no queue", Files: []file.Status{
		{Path: "/var/log/auth.log", Cursor: 1000, Read: 1100, Size: 1200, Lag: 200, Behind: 3},
		{Path: "/var/log/x\x1b]0;.log", Cursor: 5, Read: 5, Size: 5},
		{Path: "/var/log/a.1.gz", Cursor: 7, Read: 7, Size: 3, Archive: true, Rests: true},
		{Path: "/var/log/y.xz", Fault: "not\nread"},
		{Path: "/var/log/z.1", Copy: true, Size: 5, Verdicts: []file.Ruling{{At: 86400, Verdict: "copy", Reason: "it is a copy", Path: "/z", Size: 5}}},
	}, Past: file.Progress{Waiting: 2, Reading: "/var/log/b.gz", Done: 1, Bytes: 4}}
	f := func(part, want string) {
		t.Helper()
		var b bytes.Buffer
		if err := s.Write(&b, part); err != nil || b.String() != want {
			t.Errorf("%v\n%s\nwant\n%s", err, b.String(), want)
		}
	}
	f("", `agent     0123
host      h
road      "tls: bad\x1b[2Jcertificate"
acks      not-found: no queue; 0 files are not indexed to their end
files     4, 1 of them at rest, 1 with a fault; 200 bytes behind; 1 copies left alone
backfill  reading /var/log/b.gz, 25 % of 4 bytes; 2 files wait

  LAG  SECONDS  LAST ACK  CONFIRMED  READ       SIZE  FILE
  200        3         -       1000  1100       1200  /var/log/auth.log
    0        0         -          5     5          5  "/var/log/x\x1b]0;.log"
    0        0         -          7     7  archive 3  /var/log/a.1.gz
    0        0         -          0     0          0  /var/log/y.xz  FAULT "not\nread"
`)
	f("z.1", `  LAG  SECONDS  LAST ACK  CONFIRMED  READ  SIZE  FILE
    0        0         -          0     0     5  /var/log/z.1  (a copy, left alone)
                                                   stream , epoch 0
                                                   `+time.Unix(86400, 0).Format(time.DateTime)+`  copy: it is a copy (/z, 5 bytes)
`)
	if err := s.Write(new(bytes.Buffer), "nowhere"); err == nil {
		t.Error("a file was found that is not there")
	}
	var b bytes.Buffer
	if err := (Status{Agent: "0123", Road: "ok"}).Write(&b, ""); err != nil || !strings.HasSuffix(b.String(), "0 bytes behind; 0 copies left alone\n\n") {
		t.Errorf("%v, %s", err, b.String())
	}
}

func TestZone(t *testing.T) {
	if zone("Europe/Berlin") != "Europe/Berlin" || zone("") == "" {
		t.Error(fmt.Sprint(zone("Europe/Berlin"), zone("")))
	}
}
