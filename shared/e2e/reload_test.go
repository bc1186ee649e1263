package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

const (
	reloads      = 10                   // of the agent; of the aggregator there are fewer
	everyReload  = 4                    // of which the aggregator reloads at one, too
	relayedEvery = 2 * time.Millisecond // a message goes by each way
	lastReads    = 10 * time.Second     // a sender over TCP waits for the relay to read all
)

// TestReload writes lines, and sends messages by UDP, TCP and a unix socket, while agent and aggregator reload again and
// again: all is there in the end, once. What cannot be taken is refused, or taken back, and the road goes on.
func TestReload(t *testing.T) {
	dir, err := os.MkdirTemp(scratch, "sockets") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	unix := filepath.Join(dir, "log")
	r := &reloaded{open(t, stack.RoadConfig{Broker: true, Listeners: []stack.Listener{{URL: "unixgram://" + unix}}})}
	lines := (once{t, r.Road}).keepWriting()
	udp := r.send(t, "overudp", datagrams("udp", r.Agent.UDP))
	local := r.send(t, "overunix", datagrams("unixgram", unix))
	tcp := r.send(t, "overtcp", polite(r.Agent.TCP))
	begun := time.Now()
	for i := range reloads {
		r.takes(t, i)
	}
	r.refuses(t)
	r.rollsBack(t)
	r.refusesAtTheAggregator(t)
	lines()
	t.Logf("measured: %v for %d reloads and some that are none", time.Since(begun).Round(time.Millisecond), reloads)
	last := map[string]int{"overudp": udp(), "overunix": local(), "overtcp": tcp()}
	(once{t, r.Road}).count()
	for word, n := range last {
		for i, times := range numbersFound(t, r.Aggregator, word, n)[1:] {
			if times != 1 {
				t.Errorf("%s: message %d of %d is there %d times", word, i+1, n, times)
			}
		}
		t.Logf("measured: %s: %d messages", word, n)
	}
	r.stopsMeanwhile(t)
}

// reloaded is a road whose programs load their configurations anew.
type reloaded struct{ *stack.Road }

// send sends numbered messages until the function that it returns is called, which returns the last number.
func (r *reloaded) send(t *testing.T, word string, send func(message []byte) error) (finish func() int) {
	ctx, stop := context.WithCancel(t.Context())
	var last atomic.Int64
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(relayedEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := send(appendNumbered(nil, word, int(last.Load())+1, 1)); err != nil {
				done <- err
				return
			}
			last.Add(1)
			<-tick.C
		}
		done <- send(nil)
	}()
	return func() int {
		t.Helper()
		stop()
		if err := <-done; err != nil {
			t.Fatalf("%s: %v", word, err)
		}
		return int(last.Load())
	}
}

// datagrams sends each message as one. A socket that is closed for a moment refuses it.
func datagrams(network, addr string) func([]byte) error {
	conn, err := net.Dial(network, addr)
	return func(message []byte) error {
		if err != nil {
			return err
		}
		if message == nil {
			return conn.Close()
		}
		_, err := conn.Write(message)
		return err
	}
}

// polite sends over TCP as a sender does that looks whether the other side still listens: if that says goodbye, it ends the
// connection, and goes on over another one. None is refused.
func polite(addr string) func([]byte) error {
	var conn *net.TCPConn
	var gone chan error
	leave := func() error {
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		defer conn.Close()
		select {
		case err := <-gone:
			return err
		case <-time.After(lastReads):
			return errors.New("the relay does not read the connection to its end")
		}
	}
	return func(message []byte) error {
		if conn != nil {
			select {
			case err := <-gone:
				gone <- err
				if err := leave(); err != nil {
					return err
				}
				conn = nil
			default:
			}
		}
		if message == nil {
			if conn == nil {
				return nil
			}
			return leave()
		}
		if conn == nil {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return err
			}
			conn, gone = c.(*net.TCPConn), make(chan error, 1)
			go func(conn io.Reader, gone chan<- error) {
				_, err := io.Copy(io.Discard, conn)
				gone <- err
			}(conn, gone)
		}
		_, err := conn.Write(message)
		return err
	}
}

// metric waits for the agent's count of a result.
func (r *reloaded) counts(t *testing.T, result string, want float64) {
	t.Helper()
	until(t, "count reloads that are "+result, func(ctx context.Context) error {
		n, err := r.Agent.Metric(ctx, `belfry_agent_config_reloads_total{result="`+result+`"}`)
		if err == nil && n != want {
			err = fmt.Errorf("%v are counted, want %v", n, want)
		}
		return err
	})
}

// takes reloads the agent, by its command or by the signal, and at times the aggregator.
func (r *reloaded) takes(t *testing.T, i int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.Agent.Configure(fmt.Sprintf("# reload %d\n", i)))
	if i%2 == 0 {
		must(r.Agent.HangUp())
		r.counts(t, "ok", float64(i+1))
	} else {
		says(t, "reloaded\n", 0)(r.Agent.Reload(t.Context()))
		says(t, "nothing has changed\n", 0)(r.Agent.Reload(t.Context()))
	}
	if i%everyReload == everyReload-1 {
		must(r.Aggregator.Reconfigure("serve:", fmt.Sprintf("# reload %d\nserve:", i)))
		says(t, "reloaded\n", 0)(r.Aggregator.Reload(t.Context()))
	}
	if i == reloads/2 {
		must(r.Feeder.Rotate(t.Context(), late))
	}
}

// says wants that a reload prints a text, and ends with a code.
func says(t *testing.T, want string, code int) func(string, int, error) {
	return func(text string, got int, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got != code || !strings.Contains(text, want) {
			t.Errorf("exit code %d, want %d, and %q:\n%s", got, code, want, text)
		}
	}
}

// spoil reloads the agent with a text of its config replaced, and puts that back.
func (r *reloaded) spoil(t *testing.T, old, text, want string) {
	t.Helper()
	if err := r.Agent.Reconfigure(old, text); err != nil {
		t.Fatal(err)
	}
	says(t, want, 2)(r.Agent.Reload(t.Context()))
	if err := r.Agent.Reconfigure(text, old); err != nil {
		t.Fatal(err)
	}
}

// refuses tries configurations of which a look shows that they are wrong: the agent is not touched.
func (r *reloaded) refuses(t *testing.T) {
	t.Helper()
	r.spoil(t, `cert: "`, `cert: "/nowhere`, "refused, and nothing was changed:\n"+r.Agent.Config+": ship.amqp.cert: open /nowhere")
	r.spoil(t, "host: web01", "host: web01\nnamespace: other", `namespace: it is "", and "other" takes a restart`)
	r.counts(t, "refused", 2)
}

// rollsBack tries a configuration that can only be tried: somebody else listens there.
func (r *reloaded) rollsBack(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r.spoil(t, "metrics: "+r.Agent.Metrics, "metrics: "+l.Addr().String(), "the one before is in force again:\nlisten at "+l.Addr().String())
	r.counts(t, "rolled_back", 1)
	r.counts(t, "ok", reloads)
	if n, err := r.Agent.Metric(t.Context(), "belfry_agent_config_last_reload_success"); err != nil || n != 0 {
		t.Errorf("%v, %v: the last reload was none", n, err)
	}
}

// refusesAtTheAggregator tries a rule that is none, and a port that is taken.
func (r *reloaded) refusesAtTheAggregator(t *testing.T) {
	t.Helper()
	a := r.Aggregator
	rules := filepath.Join(a.Dir, "rules")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(rules, 0o755))
	must(a.Reconfigure("serve:", fmt.Sprintf("alert: {rules: [%q]}\nserve:", rules)))
	must(os.WriteFile(filepath.Join(rules, "own.yml"), []byte("title: x\n"), 0o644))
	says(t, "refused, and nothing was changed:\n"+rules+"/own.yml", 2)(a.Reload(t.Context()))
	must(os.Remove(filepath.Join(rules, "own.yml")))
	must(a.Reconfigure("plain: \""+a.Plain, "plain: \""+r.Agent.TCP))
	says(t, "the one before is in force again:\nreceive/http plain: listen at "+r.Agent.TCP, 2)(a.Reload(t.Context()))
	must(a.Reconfigure("plain: \""+r.Agent.TCP, "plain: \""+a.Plain))
}

// stopsMeanwhile ends the agent during a reload. Only its user and group may ask for one.
func (r *reloaded) stopsMeanwhile(t *testing.T) {
	t.Helper()
	if st, err := os.Stat(filepath.Join(r.Agent.Dir, "state", "agent.sock")); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("the agent's socket: %v, %v", st, err)
	}
	if err := r.Agent.Configure("# the last reload\n"); err != nil {
		t.Fatal(err)
	}
	if err := r.Agent.HangUp(); err != nil {
		t.Fatal(err)
	}
	if err := r.Agent.Stop(); err != nil {
		t.Error(err)
	}
}
