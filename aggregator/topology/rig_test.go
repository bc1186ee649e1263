package topology

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// retention has the API keep numbers by the second, instead of by five.
const retention = "management.sample_retention_policies.global.minute = 1\nmanagement.sample_retention_policies.basic.minute = 1\n" +
	"management.sample_retention_policies.detailed.minute = 1\n"

// rig is a real broker whose numbers are a second old, not ten.
type rig struct {
	*testing.T
	rabbit *stack.RabbitMQ
	ca     *certs.Authority
	dir    string
	secure string // the management API over TLS
}

func start(t *testing.T) *rig {
	t.Helper()
	stack.Need(t, "rabbitmq-server")
	r := &rig{T: t, dir: t.TempDir()}
	var err error
	if r.ca, err = certs.NewAuthority(r.dir); err != nil {
		t.Fatal(err)
	}
	server := r.issue("management", certs.Request{CommonName: "management", Hosts: []string{"127.0.0.1"}, Server: true})
	addr, err := stack.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	r.secure = "https://" + addr
	_, port, _ := net.SplitHostPort(addr)
	r.rabbit, err = stack.StartRabbitMQ(t.Context(), stack.Rabbit{
		Dir: r.dir, Authority: r.ca, Manage: true, Erlang: "-rabbit quorum_tick_interval 250",
		Extra: fmt.Sprintf("collect_statistics_interval = 250\n"+
			retention+"management.ssl.ip = 127.0.0.1\nmanagement.ssl.port = %s\n"+
			"management.ssl.cacertfile = %s\nmanagement.ssl.certfile = %s\nmanagement.ssl.keyfile = %s\n", port, server.CA, server.Cert, server.Key),
		Users: []stack.User{{Name: "probe", Configure: `.*`, Write: `.*`, Read: `.*`}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.rabbit.Kill() // an end in order takes the API five seconds
		if err := r.rabbit.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) issue(name string, q certs.Request) certs.Files {
	r.Helper()
	files, err := r.ca.Issue(name, q)
	if err != nil {
		r.Fatal(err)
	}
	return files
}

// broker is how somebody connects by certificate.
func (r *rig) broker(name string) broker.Config {
	r.Helper()
	return broker.Config{
		URLs: []string{r.rabbit.URL}, Files: r.issue(name, certs.Request{CommonName: name, Client: true}), AppID: "test",
	}
}

func (r *rig) management() *Management {
	return &Management{URL: r.rabbit.API, User: stack.ManagementUser, Password: stack.ManagementPassword}
}

// open returns a topology; agents of nil are not looked at.
func (r *rig) open(queues int, agents []string) *Topology {
	r.Helper()
	t, err := New(Config{Broker: r.broker("belfry"), Management: r.management(), Queues: queues, Agents: agents, Drain: time.Minute})
	if err != nil {
		r.Fatal(err)
	}
	t.news, t.growths = 5*time.Second, 2 // of an API of one node
	return t
}

func (r *rig) plan(t *Topology) *Plan {
	r.Helper()
	p, err := t.Plan(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// apply brings the broker to what is wanted, and returns what was done.
func (r *rig) apply(t *Topology) []string {
	r.Helper()
	var done []string
	p := r.plan(t)
	if err := t.Apply(r.Context(), p, Progress{Done: func(s Step) { done = append(done, s.String()) }}); err != nil {
		r.Fatal(err)
	}
	sameLines(r.T, done, lines(p.Steps))
	if again := r.plan(t); len(again.Steps) != 0 {
		r.Fatalf("left to do after it was applied:\n%s", strings.Join(lines(again.Steps), "\n"))
	}
	return done
}

// check returns the lines of what differs.
func (r *rig) check(t *Topology) string {
	r.Helper()
	found, err := t.Check(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	var all []string
	for _, f := range found {
		all = append(all, f.String())
	}
	return strings.Join(all, "\n")
}

// clean fails if something differs. What the leaders tell comes a little later.
func (r *rig) clean(t *Topology) {
	r.Helper()
	eventually(r.T, func() error {
		if got := r.check(t); got != "" {
			return fmt.Errorf("want no difference:\n%s", got)
		}
		return nil
	})
}

// sees waits until a check says a line that has all of the words.
func (r *rig) sees(t *Topology, words ...string) {
	r.Helper()
	r.seesAll(t, []breakage{{words: words}})
}

// api changes the broker behind everybody's back.
func (r *rig) api(method, path string, body any) {
	r.Helper()
	c, err := newClient(*r.management())
	if err != nil {
		r.Fatal(err)
	}
	if err := c.do(r.Context(), method, path, body, nil); err != nil {
		r.Fatal(err)
	}
}

// edit changes the broker's configuration file.
func (r *rig) edit(old, new string) {
	r.Helper()
	file := filepath.Join(r.dir, "rabbitmq.conf")
	text, err := os.ReadFile(file)
	if err != nil {
		r.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		r.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, new)), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) connect(name string) *broker.Conn {
	r.Helper()
	conn, err := broker.Dial(r.Context(), r.broker(name))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(conn.End)
	return conn
}

func lines(steps []Step) (all []string) {
	for _, s := range steps {
		all = append(all, s.String())
	}
	return all
}

// sameLines compares without the order of agents, who are set up side by side.
func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// within bounds what must come.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}
