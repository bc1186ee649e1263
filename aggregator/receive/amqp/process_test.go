package amqp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/broker"
	"belfry/shared/certs"
)

// The tests of several receivers run each in a process of its own, so that it can be killed and stopped: this program,
// told by its environment.
const asReceiver = "BELFRY_TEST_RECEIVER"

func TestMain(m *testing.M) {
	if text := os.Getenv(asReceiver); text != "" {
		if err := receive(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// order is what a receiver's process is told.
type order struct {
	URL    string
	Files  certs.Files
	Dir    string        // of its own; see process
	Hold   time.Duration // that it takes to handle a message
	Silent time.Duration // see Config
}

// lastWord is a message that ends the process that handles it.
const lastWord = "killer"

// receive is the process: it writes down what it handles and what it owns, until SIGTERM.
func receive(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	var mu sync.Mutex
	write := func(name, line string) {
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(filepath.Join(o.Dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintln(f, line)
			f.Close()
		}
		if err != nil {
			panic(err)
		}
	}
	var under atomic.Int64 // messages that are being handled
	set := metrics.NewSet()
	cfg := broker.Config{URLs: []string{o.URL}, Files: o.Files, AppID: "test"}
	publish := NewPublisher(cfg, silent, set)
	handle := func(ctx context.Context, m Message, done func(error)) {
		if string(m.Body) == lastWord && !m.Exhausted {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		write("handled", fmt.Sprintf("%s %t %d", m.Body, m.Redelivered, m.Attempts))
		there := under.Add(1)
		time.AfterFunc(o.Hold, func() {
			if m.Deliveries >= suspectAfter && max(there, under.Load()) > 1 {
				write("crowd", string(m.Body)) // it should have been alone
			}
			under.Add(-1)
			done(nil)
		})
	}
	v := New(Config{
		Broker: cfg, Queues: 4, Attempts: filepath.Join(o.Dir, "attempts"),
		Announce: 300 * time.Millisecond, Listen: 150 * time.Millisecond, Silent: o.Silent,
	}, publish, handle, silent, set)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	publishing, hangUp := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { _ = publish.Run(publishing) })
	both.Go(func() {
		last := "-"
		for ctx.Err() == nil {
			if now := strings.Join(v.owned(), " "); now != last {
				last = now
				write("owned", now)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	err := v.Run(ctx)
	hangUp()
	both.Wait()
	return err
}

// process is a receiver in a process of its own.
type process struct {
	t     *testing.T
	order order
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
	errs  bytes.Buffer
}

func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.order)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), asReceiver+"="+string(text))
	p.cmd.Stderr = &p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), p.cmd
	p.ended = ended
	go func() {
		p.err = cmd.Wait()
		close(ended)
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop ends it in order.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Errorf("%v: %s", p.err, &p.errs)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatal("does not stop")
	}
}

// lines is what it has written to one of its files.
func (p *process) lines(name string) []string {
	text, err := os.ReadFile(filepath.Join(p.order.Dir, name))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	all := strings.Split(string(text), "\n")
	return all[:len(all)-1] // the last one is not ended yet
}

// owned is what it consumes now.
func (p *process) owned() []string {
	if all := p.lines("owned"); len(all) > 0 {
		return strings.Fields(all[len(all)-1])
	}
	return nil
}

// handled is one line of what it handled.
type handled struct {
	body     string
	again    bool // it was delivered before
	attempts int
}

func (p *process) handled() (all []handled) {
	for _, line := range p.lines("handled") {
		var h handled
		if _, err := fmt.Sscan(line, &h.body, &h.again, &h.attempts); err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		all = append(all, h)
	}
	return all
}

func (r *rig) process(t *testing.T, url string) *process {
	return &process{t: t, order: order{URL: url, Files: r.cfg.Files, Dir: t.TempDir(), Silent: 2 * time.Second}}
}

// sharedBy reports whether two own all five queues, and each about the half.
func sharedBy(a, b *process) bool {
	all := append(a.owned(), b.owned()...)
	slices.Sort(all)
	return len(all) == 5 && len(slices.Compact(all)) == 5 && len(a.owned()) >= 2 && len(b.owned()) >= 2
}
