package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

// office is an aggregator that enrols agents, and one host.
type office struct {
	t          *testing.T
	ca         string          // folder of its authority
	rabbit     *stack.RabbitMQ // nil: agents ship over HTTPS
	aggregator *stack.Aggregator
	agent      *stack.Agent
	feeder     *stack.Feeder
	lines      int
}

// TestEnroll: from nothing to a line that is found, over both roads: an authority, a token, a certificate that is renewed while
// lines go by it, and that is revoked. No line is lost by any of that. On the way, agents of former versions are heard.
func TestEnroll(t *testing.T) {
	f := func(name string, broker bool) {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for a certificate to grow old
			o := openOffice(t, broker)
			o.begin()
			o.old()
			o.renewal()
			o.revoke()
			o.again()
		})
	}
	f("https", false)
	f("broker", true)
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// belfry runs a command of the aggregator's command line.
func (o *office) belfry(args ...string) string {
	o.t.Helper()
	out, err := o.aggregator.Command(o.t.Context(), args...)
	o.must(err)
	return out
}

func openOffice(t *testing.T, broker bool) *office {
	t.Helper()
	if broker {
		stack.Need(t, "rabbitmq-server")
	}
	bin, err := build()
	o := &office{t: t}
	o.must(err)
	dir, err := os.MkdirTemp(scratch, "office")
	o.must(errors.Join(err, os.Chmod(dir, 0o755)))
	ca, files, err := bin.MakeAuthority(t.Context(), dir)
	o.must(err)
	o.ca, files.CA = ca, o.withOld(dir, files.CA)
	cfg := stack.AggregatorConfig{
		Dir: filepath.Join(dir, "aggregator"), Files: files, More: fmt.Sprintf("enroll: {ca: %q, lifetime: 12s}\n", ca),
		Index: "{embedded: {retention: 18000d}}", // what is frozen is from 2026
	}
	if broker {
		o.openRabbit(filepath.Join(dir, "rabbitmq"), ca)
		cfg.Broker, cfg.API = o.rabbit.URL, o.rabbit.API
	}
	o.aggregator, err = bin.NewAggregator(cfg)
	o.must(err)
	if broker {
		o.must(o.aggregator.ApplyTopology(t.Context()))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the aggregator's last words:\n%s", o.aggregator.Log())
		}
		if err := o.aggregator.Stop(); err != nil {
			t.Error(err)
		}
	})
	o.must(o.aggregator.Check(t.Context()))
	o.must(o.aggregator.Start(t.Context()))
	logs := filepath.Join(dir, "log")
	o.must(os.Mkdir(logs, 0o755))
	o.feeder, err = stack.OpenFeeder(logs, "web01")
	o.must(err)
	t.Cleanup(func() { o.feeder.Close() })
	o.agent, err = bin.NewAgent(stack.AgentConfig{
		Dir: filepath.Join(dir, "agent"), Host: "web01", Globs: []string{filepath.Join(logs, "auth.log*")}, NoRelay: true,
	})
	o.must(err)
	return o
}

func (o *office) openRabbit(dir, ca string) {
	o.must(os.Mkdir(dir, 0o755))
	authority, err := certs.OpenAuthority(ca)
	o.must(err)
	ctx, cancel := context.WithTimeout(o.t.Context(), startup)
	defer cancel()
	o.rabbit, err = stack.StartRabbitMQ(ctx, stack.Rabbit{
		Dir: dir, Authority: authority, Manage: true, Users: []stack.User{stack.Everything("belfry")},
		Extra: "collect_statistics_interval = 500\n", Erlang: "-rabbit quorum_tick_interval 500", // topology check waits for news of each queue
	})
	o.must(err)
	o.t.Cleanup(func() {
		if err := o.rabbit.Stop(); err != nil {
			o.t.Error(err)
		}
	})
}

// write writes one more line.
func (o *office) write() {
	o.t.Helper()
	o.lines++
	o.must(o.feeder.Write(fmt.Sprintf("app[1]: line %d of the host", o.lines)))
}

// arrive waits until each line that was written is found once.
func (o *office) arrive() {
	o.t.Helper()
	until(o.t, "find every line", func(ctx context.Context) error {
		events, err := o.aggregator.Search(ctx, `"of the host"`)
		want := map[string]int{}
		for _, l := range o.feeder.Written("") {
			want[l.Line]++
		}
		return errors.Join(err, compare(originals(events), want))
	})
}

// user is whether the broker knows the agent.
func (o *office) user() bool {
	o.t.Helper()
	req, err := http.NewRequest(http.MethodGet, o.rabbit.API+"/api/users/agent-web01", nil)
	o.must(err)
	req.SetBasicAuth(stack.ManagementUser, stack.ManagementPassword)
	resp, err := http.DefaultClient.Do(req)
	o.must(err)
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// agrees: topology check finds nothing to do, with a list that names nobody who has enrolled.
func (o *office) agrees(others string) {
	o.t.Helper()
	list := filepath.Join(o.aggregator.Dir, "agents")
	o.must(os.WriteFile(list, []byte(others), 0o644))
	if out, err := o.aggregator.Command(o.t.Context(), "topology", "check", "--agents", list); err != nil {
		o.t.Errorf("topology check: %v\n%s", err, out)
	}
}

// begin: nothing goes without a token; with it, a line arrives.
func (o *office) begin() {
	ctx := o.t.Context()
	const lost = "ship: nothing says where to ship to: belfry-agent enroll, or "
	if err := o.agent.Check(ctx); err == nil || !strings.Contains(err.Error(), lost) {
		o.t.Errorf("check before: %v", err)
	}
	token := o.belfry("ca", "token", "web01")
	if _, err := o.agent.Enroll(ctx, o.aggregator.TLS, token, "--name", "agent-web02"); err == nil || !strings.Contains(err.Error(), "it is for agent-web01") {
		o.t.Errorf("by another name: %v", err)
	}
	said, err := o.agent.Enroll(ctx, o.aggregator.TLS, token)
	o.must(err)
	if !strings.Contains(said, "agent-web01 is enrolled") || strings.Contains(said, "amqps://") != (o.rabbit != nil) {
		o.t.Errorf("it says: %s", said)
	}
	if o.rabbit != nil {
		if !o.user() {
			o.t.Error("the broker does not know the agent")
		}
		o.agrees("")
	}
	o.must(o.agent.Check(ctx))
	o.t.Cleanup(func() {
		if o.t.Failed() {
			o.t.Logf("the agent's last words:\n%s", o.agent.Log())
		}
		if err := o.agent.Stop(); err != nil {
			o.t.Error(err)
		}
	})
	o.must(o.agent.Start(ctx))
	o.write()
	o.arrive()
}

// renewal: lines go on while the certificate is renewed, and none is lost.
func (o *office) renewal() {
	until(o.t, "renew the certificate", func(context.Context) error {
		o.write()
		if list := o.belfry("ca", "list", "agent-web01"); !strings.Contains(list, " renew") {
			return errors.New(list)
		}
		return nil
	})
	for range 5 {
		o.write()
	}
	o.arrive()
}

// revoke: the agent is let in no more, and says why; at the broker it is gone.
func (o *office) revoke() {
	if out := o.belfry("ca", "revoke", "agent-web01", "--reason", "host is gone"); !strings.Contains(out, "revoked: agent-web01") {
		o.t.Errorf("it says: %s", out)
	}
	want := "was revoked: agent-web01"
	if o.rabbit != nil {
		want = "403"
		if o.user() {
			o.t.Error("the broker knows the agent still")
		}
		o.agrees(oldAgent + "\n")
	}
	until(o.t, "hear that it is not let in", func(ctx context.Context) error {
		o.write()
		s, err := o.agent.State(ctx)
		if err == nil && !strings.Contains(s.Road, want) {
			err = fmt.Errorf("road: %s, want %s", s.Road, want)
		}
		return err
	})
	until(o.t, "find what became of the certificate", func(ctx context.Context) error {
		events, err := o.aggregator.Search(ctx, `event.dataset:belfry.ca AND event.action:revoke AND event.reason:"host is gone"`)
		if len(events) == 0 {
			err = errors.Join(err, errors.New("no event"))
		}
		return err
	})
}

// again: a token of its own lets the host in again, with all that it has written meanwhile.
func (o *office) again() {
	ctx := o.t.Context()
	o.must(o.agent.Stop())
	if _, err := o.agent.Enroll(ctx, o.aggregator.TLS, o.belfry("ca", "token", "--pattern", "web*", "--uses", "9"), "--force"); err == nil {
		o.t.Error("who was thrown out comes back by a pattern")
	}
	_, err := o.agent.Enroll(ctx, o.aggregator.TLS, o.belfry("ca", "token", "web01"), "--force")
	o.must(err)
	o.must(o.agent.Start(ctx))
	o.write()
	o.arrive()
}
