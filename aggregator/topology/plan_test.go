package topology

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

// planned returns a topology that is only planned.
func planned(queues int, agents ...string) *Topology {
	return &Topology{
		cfg:  Config{Queues: queues, Agents: agents, Management: &Management{User: "manager"}},
		want: broker.Topology{Queues: queues}, vhost: "/", user: "belfry",
	}
}

// model is a broker in which batches lie: those of a slot in each queue that it was bound to since that was empty.
type model struct {
	state
	lies map[string]map[string]bool // by queue: slots
}

func newModel() *model {
	return &model{state{version: "3.10.8", looked: true, exchanges: map[string]exchange{}, queues: map[string]queue{}}, map[string]map[string]bool{}}
}

// do does one step, and returns what is wrong with it.
func (m *model) do(s Step) error {
	is := func(b binding) bool { return b.Source == s.Exchange && b.Destination == s.Queue && b.Key == s.Key }
	switch s.Do {
	case addExchange:
		m.exchanges[s.Exchange] = exchange{Name: s.Exchange, Type: s.Kind, Durable: true}
	case addQueue:
		var one int64
		m.queues[s.Queue] = queue{Name: s.Queue, Type: "quorum", Durable: true, Arguments: s.Args, Reductions: &one}
		m.lies[s.Queue] = map[string]bool{}
	case bind:
		for name, slots := range m.lies {
			if s.Exchange == broker.Events && name != s.Queue && slots[s.Key] {
				return fmt.Errorf("%s: its batches still lie in %s", s, name)
			}
		}
		m.bindings = append(m.bindings, binding{s.Exchange, s.Queue, "queue", s.Key})
		m.lies[s.Queue][s.Key] = true
	case hold, unbind:
		if !slices.ContainsFunc(m.bindings, is) {
			return fmt.Errorf("%s: it is not bound", s)
		}
		m.bindings = slices.DeleteFunc(m.bindings, is)
	case drain:
		for _, b := range m.bindings {
			if b.Destination == s.Queue {
				return fmt.Errorf("%s: slot %s is bound to it: it may never be", s, b.Key)
			}
		}
		m.lies[s.Queue] = map[string]bool{}
	case deleteQueue:
		if len(m.lies[s.Queue]) > 0 {
			return fmt.Errorf("%s: batches lie in it", s)
		}
		delete(m.queues, s.Queue)
		delete(m.lies, s.Queue)
	}
	return nil
}

// Whatever numbers of queues are wanted one after the other, wherever each attempt ends, and whatever bindings are lost
// in between: no slot is bound while its batches lie elsewhere, and in the end all is as wanted.
func TestAnyMove(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		m := newModel()
		for range 6 {
			queues := 1 + rnd.IntN(6)
			steps := planned(queues).judge(&m.state).Steps
			cut := len(steps)
			if rnd.IntN(3) > 0 && cut > 0 {
				cut = rnd.IntN(cut)
			}
			for i, s := range steps[:cut] {
				if s.User != "" {
					continue
				}
				if err := m.do(s); err != nil {
					t.Fatalf("seed %d, step %d of %d: %v", seed, i, len(steps), err)
				}
			}
			if rnd.IntN(3) == 0 && len(m.bindings) > 0 {
				m.bindings = slices.Delete(m.bindings, 0, 1+rnd.IntN(min(len(m.bindings), 3)))
			}
		}
		top := planned(3)
		for _, s := range top.judge(&m.state).Steps {
			if err := m.do(s); err != nil && s.User == "" {
				t.Fatalf("seed %d, at last: %v", seed, err)
			}
		}
		for _, f := range top.judge(&m.state).Findings {
			if !strings.HasPrefix(f.Object, "user ") {
				t.Errorf("seed %d: %s", seed, f)
			}
		}
	}
}

// A queue that is left over is empty before it is deleted, also if all that lay in it lies elsewhere too.
func TestLeftOverDrains(t *testing.T) {
	m := newModel()
	for _, s := range planned(3).judge(&m.state).Steps {
		m.do(s)
	}
	m.bindings = slices.DeleteFunc(m.bindings, func(b binding) bool { return b.Source == broker.Events })
	for slot := range broker.Slots {
		for _, n := range []int{slot % 2, 2} {
			m.bindings = append(m.bindings, binding{broker.Events, broker.EventQueue(n), "queue", broker.SlotKey(slot)})
		}
	}
	var last []string
	for _, s := range planned(2).judge(&m.state).Steps {
		if s.User == "" && s.Do != unbind {
			last = append(last, s.String())
		}
	}
	if got := strings.Join(last, "; "); got != "wait until belfry.events.02 is empty; delete queue belfry.events.02" {
		t.Error(got)
	}
}

// An empty queue is believed when its leader has counted since: the numbers of the API are old.
func TestFresh(t *testing.T) {
	type look struct{ work, messages int }
	f := func(want int, looks ...look) {
		t.Helper()
		w := watch{fresh: 2}
		got := 0
		for i, l := range looks {
			q := queue{Type: "quorum", Messages: l.messages}
			if work := int64(l.work); work > 0 {
				q.Reductions = &work
			}
			if w.observe(q) && got == 0 {
				got = i + 1
			}
		}
		if got != want {
			t.Errorf("%v: empty at look %d, want %d", looks, got, want)
		}
	}
	f(0, look{5, 0}, look{5, 0}, look{5, 0}, look{5, 0})             // it may be from before
	f(4, look{5, 0}, look{6, 0}, look{6, 0}, look{7, 0})             //
	f(5, look{5, 0}, look{6, 9}, look{7, 4}, look{8, 1}, look{9, 0}) //
	f(6, look{5, 0}, look{6, 0}, look{2, 0}, look{2, 0}, look{3, 0}, look{4, 0})
	f(5, look{0, 0}, look{0, 0}, look{5, 0}, look{6, 0}, look{7, 0}) // a leader after a while
	f(0, look{0, 0}, look{0, 0}, look{0, 0}, look{0, 0})             // none
}

// The answer of a real broker (3.10.8) that was killed within seconds of declaring: belfry.events.03 has no leader, but
// the name of one.
func TestLeaderless(t *testing.T) {
	text, err := os.ReadFile("testdata/leaderless.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []queue
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	s := &state{version: "3.10.8", looked: true, queues: index(all, func(q queue) string { return q.Name })}
	top := planned(4)
	var got []string
	for _, f := range top.judge(s).Findings {
		if strings.Contains(f.What, "no leader") {
			got = append(got, f.Object)
		}
	}
	if len(got) != 1 || got[0] != "queue belfry.events.03" || top.allTold(s) {
		t.Errorf("%q", got)
	}
	s.mute = true // then nothing is told of any
	if text := fmt.Sprint(top.judge(s).Findings); strings.Contains(text, "no leader") || !top.allTold(s) {
		t.Errorf("%s", text)
	}
}

// Without statistics nothing moves, and that is said before anything is held.
func TestMute(t *testing.T) {
	m := newModel()
	for _, s := range planned(2).judge(&m.state).Steps {
		m.do(s)
	}
	m.mute = true
	if p := planned(2).judge(&m.state); len(p.Blocked()) > 0 {
		t.Errorf("%v", p.Blocked())
	}
	p := planned(3).judge(&m.state)
	if len(p.Steps) != 0 || len(p.Blocked()) != 1 || !strings.Contains(p.Blocked()[0].String(), "management.disable_stats") {
		t.Errorf("%d steps, %v", len(p.Steps), p.Blocked())
	}
}

// RabbitMQ 4 has a delivery limit unless told otherwise, by argument or policy.
func TestDeliveryLimit(t *testing.T) {
	f := func(version string, argument, policy any, want string) {
		t.Helper()
		one := int64(1)
		q := queue{Name: "belfry.dead", Type: "quorum", Durable: true, Reductions: &one, Arguments: map[string]any{"x-queue-type": "quorum"}}
		if argument != nil {
			q.Arguments["x-delivery-limit"] = argument
		}
		if policy != nil {
			q.Effective = map[string]any{"delivery-limit": policy}
		}
		s := &state{version: version, looked: true, queues: map[string]queue{q.Name: q}}
		var got []string
		for _, f := range planned(1).judge(s).Findings {
			if f.Object == "queue belfry.dead" && !f.Apply {
				got = append(got, f.What)
			}
		}
		if text := strings.Join(got, "\n"); (want == "") != (text == "") || !strings.Contains(text, want) {
			t.Errorf("%s, argument %v, policy %v: %q, want %q", version, argument, policy, text, want)
		}
	}
	f("3.10.8", nil, nil, "")
	f("3.13.7", -1.0, nil, "has the argument x-delivery-limit -1")
	f("3.10.8", nil, 5.0, "has delivery-limit 5 by policy")
	f("4.1.0", nil, nil, "has no x-delivery-limit -1")
	f("4.1.0", -1.0, nil, "")
	f("4.1.0", nil, -1.0, "")
	f("4.1.0", 20.0, nil, "has the argument x-delivery-limit 20")
}

// A node that lets nobody in by certificate.
func TestMechanism(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var n node
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		p := new(Plan)
		judgeNodes(&state{nodes: []node{n}}, p)
		got := fmt.Sprint(p.Findings)
		if (want == "") != (len(p.Findings) == 0) || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", text, got, want)
		}
	}
	f(`{"name":"a","running":true,"auth_mechanisms":[{"name":"EXTERNAL","enabled":true}],"enabled_plugins":["rabbitmq_auth_mechanism_ssl"]}`, "")
	f(`{"name":"a","running":true,"auth_mechanisms":[{"name":"EXTERNAL","enabled":false}],"enabled_plugins":["rabbitmq_auth_mechanism_ssl"]}`,
		"does not offer the mechanism EXTERNAL")
	f(`{"name":"a","running":true,"auth_mechanisms":[{"name":"PLAIN","enabled":true}],"enabled_plugins":[]}`, "rabbitmq-plugins enable rabbitmq_auth_mechanism_ssl")
	f(`{"name":"a","running":false}`, "is not running")
	f(`{"name":"a","running":true}`, "")
}

func TestReadAgents(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := ReadAgents(strings.NewReader(text), "agents")
		s := strings.Join(got, " ")
		if err != nil {
			s = err.Error()
		}
		if s != want || err == nil && got == nil {
			t.Errorf("%q: %q, want %q", text, s, want)
		}
	}
	f("", "")
	f("# all\n\n  web.1  \nagent-2 # the second\r\ndb_3@site", "web.1 agent-2 db_3@site")
	f("a\nb c\na\n\x01\nb\xff\n"+strings.Repeat("x", 65)+"\nd\n", `agents:2: "b c" is not one name: the common name of an agent's certificate, one a line
agents:3: "a" stands twice, first on line 1
agents:4: "\x01" is not one name: the common name of an agent's certificate, one a line
agents:5: "b\xff" is not UTF-8
agents:6: "xxxxxxxxxxxxxxxxxxxx"... is longer than 64 bytes`)
}

func TestRights(t *testing.T) {
	if got := agentRights("web+1.example.org"); got != (Rights{`^$`, `^belfry\.events$`, `^belfry\.acks\.web\+1\.example\.org$`}) {
		t.Errorf("%+v", got)
	}
}

func TestManagementValidate(t *testing.T) {
	f := func(m Management, want ...string) {
		t.Helper()
		got := ""
		if err := m.Validate(); err != nil {
			got = err.Error()
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("%+v: %q, want %q", m, got, want)
		}
	}
	f(Management{URL: "https://mq:15671", User: "u", Password: "p"})
	f(Management{URL: "http://localhost:15672", User: "u", Password: "p"})
	f(Management{URL: "http://[::1]:15672/", User: "u", Password: "p"})
	f(Management{URL: "http://mq:15672", User: "u", Password: "p"},
		`url: "http://mq:15672" would send the password in the clear: https, or a loopback address`)
	f(Management{URL: "mq:15672"}, `url: "mq:15672" is not a URL such as https://broker:15671`, "user: user and password must both be set")
	f(Management{URL: "ftp://mq/", User: "u", Password: "p"}, `url: scheme "ftp": only https is spoken, and http on loopback`)
	f(Management{URL: "https://u:p@mq/", User: "u", Password: "p", CA: "/gone"}, "url: put the user into user and password",
		"ca: open /gone: no such file or directory")
	f(Management{URL: "https://mq/", User: "u", Password: "p", Cert: "/gone"}, "cert: open /gone: no such file or directory")
}

// A list of agents that names one of our own users would take their rights away.
func TestOwnUserIsNoAgent(t *testing.T) {
	for _, name := range []string{"operator", stack.ManagementUser} {
		_, err := New(Config{
			Broker:     broker.Config{URLs: []string{"amqps://h/"}, User: "operator", Password: "p"},
			Management: &Management{User: stack.ManagementUser}, Agents: []string{name},
		})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
