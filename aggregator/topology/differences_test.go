package topology

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/broker"
	"belfry/shared/certs"
)

type object = map[string]any

func vhost(parts ...string) string { return path(append([]string{parts[0], "/"}, parts[1:]...)...) }

// route is the path of a binding.
func route(exchange, queue, key string) string {
	return vhost("bindings", "e", exchange, "q", queue, key)
}

// breakage is one change behind everybody's back, and the words of the line that tells of it.
type breakage struct {
	method, path string
	body         any
	words        []string
}

func broken(method, path string, body any, words ...string) breakage {
	return breakage{method, path, body, words}
}

// breakAll makes all changes, and waits until a check tells of each.
func (r *rig) breakAll(t *Topology, all []breakage) {
	r.Helper()
	for _, b := range all {
		r.api(b.method, b.path, b.body)
	}
	r.seesAll(t, all)
}

func (r *rig) seesAll(t *Topology, all []breakage) {
	r.Helper()
	eventually(r.T, func() error {
		got := r.check(t)
		for _, b := range all {
			if len(b.words) > 0 && !tells(got, b.words) {
				return fmt.Errorf("want a line with %q:\n%s", b.words, got)
			}
		}
		return nil
	})
}

func tells(text string, words []string) bool {
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return true
		}
	}
	return false
}

// Each difference that Apply makes right: break it, see its line, apply, and nothing differs.
func (r *rig) testDifferences(t *testing.T) {
	top := r.open(3, agents)
	all := Rights{".*", ".*", ".*"}
	binding := func(exchange, queue, key string, words ...string) breakage {
		return broken("POST", vhost("bindings", "e", exchange, "q", queue), object{"routing_key": key}, words...)
	}
	for _, round := range [][]breakage{{
		broken("DELETE", vhost("exchanges", broker.Members), nil, "exchange belfry.members is missing"),
		broken("DELETE", vhost("queues", broker.Dead), nil, "queue belfry.dead is missing"),
		broken("DELETE", route(broker.Foreign, broker.Foreign, "~"), nil, `queue belfry.foreign is not bound to belfry.foreign by ""`),
		broken("DELETE", route(broker.Events, "belfry.events.01", "01"), nil, "slot 01 bound to no queue, wanted belfry.events.01"),
		binding(broker.Events, "belfry.events.02", "00", "slot 00 bound to belfry.events.00 and belfry.events.02, wanted belfry.events.00 alone"),
		binding(broker.Events, "belfry.events.02", "more", `queue belfry.events.02 is bound to belfry.events by "more", which is no slot`),
		broken("PUT", vhost("queues", "belfry.events.07"), object{"durable": true, "arguments": object{"x-queue-type": "quorum"}},
			"queue belfry.events.07 is left over: 3 queues are wanted"),
		broken("DELETE", "/api/users/web.1", nil, `user "web.1" is missing`),
		broken("PUT", "/api/users/webx1", object{"password": "x", "tags": ""}, `user "webx1" has a password`),
		broken("PUT", "/api/users/agent-1", object{"password_hash": "", "tags": "administrator,monitoring"}, `user "agent-1" has the tags administrator, monitoring`),
		broken("PUT", vhost("permissions", "belfry"), all, `user "belfry" may configure .*`),
		broken("DELETE", vhost("queues", "belfry.acks.web.1"), nil, "queue belfry.acks.web.1 is missing"),
		broken("DELETE", route(broker.Acks, "belfry.acks.webx1", "webx1"), nil, `queue belfry.acks.webx1 is not bound to belfry.acks by "webx1"`),
	}, {
		broken("PUT", vhost("permissions", "web.1"), all,
			`user "web.1" may configure .*, write .*, read .*, wanted configure ^$, write ^belfry\.events$, read ^belfry\.acks\.web\.1$`),
		broken("DELETE", vhost("permissions", "webx1"), nil, `user "webx1" may do nothing`),
		broken("PUT", "/api/vhosts/other", nil),
		broken("PUT", "/api/permissions/other/web.1", all, `user "web.1" has permissions in virtual host "other"`),
		broken("DELETE", vhost("queues", "belfry.acks.web.1"), nil),
		broken("PUT", vhost("queues", "belfry.acks.web.1"), object{"durable": true}, "queue belfry.acks.web.1 is of type classic, durable true, with {}"),
	}} {
		for i := range round {
			if len(round[i].words) > 0 {
				round[i].words = append(round[i].words, repaired)
			}
		}
		r.breakAll(top, round)
		r.apply(top)
		r.clean(top)
	}
	r.api("DELETE", "/api/vhosts/other", nil)
}

// Each difference that is left to the operator: break it, see its line, do what it says, and nothing differs.
func (r *rig) testLeft(t *testing.T) {
	top := r.open(3, agents)
	var all, undo []breakage
	add := func(method, path string, body any, back string, words ...string) {
		all = append(all, broken(method, path, body, words...))
		undo = append(undo, broken("DELETE", back, nil))
	}
	policy := func(kind, name, pattern, apply string, definition object, words ...string) {
		path := vhost(kind, name)
		add("PUT", path, object{"pattern": pattern, "apply-to": apply, "definition": definition}, path,
			append(words, `by policy "`+name+`"`, "rabbitmqctl clear_policy -p / "+name)...)
	}
	policy("policies", "a", "^belfry.events$", "exchanges", object{"alternate-exchange": "amq.fanout"},
		"exchange belfry.events has the alternate exchange amq.fanout", "swallowed")
	policy("policies", "b", "^belfry.events.00$", "queues", object{"message-ttl": 1000}, "queue belfry.events.00 has message-ttl 1000", "drops what nobody takes")
	policy("policies", "c", "^belfry.events.01$", "queues", object{"max-length": 5}, "queue belfry.events.01 has max-length 5", "drops its oldest")
	policy("policies", "d", "^belfry.events.02$", "queues", object{"delivery-limit": 3}, "queue belfry.events.02 has delivery-limit 3", "drops what was delivered")
	policy("policies", "e", "^belfry.foreign$", "queues", object{"dead-letter-exchange": "amq.fanout"}, "queue belfry.foreign has dead-letter-exchange")
	policy("operator-policies", "f", "^belfry.dead$", "queues", object{"expires": 100000000}, "queue belfry.dead has expires 1e+08")
	tap := func(exchange, queue, key string, words ...string) {
		add("POST", vhost("bindings", "e", exchange, "q", queue), object{"routing_key": key}, route(exchange, queue, key), words...)
	}
	r.api("PUT", vhost("queues", "tap"), object{"durable": true})
	tap(broker.Events, "tap", "00", `exchange belfry.events is bound to the queue tap by "00", which is none of ours`)
	tap(broker.Acks, "tap", "web.1", `exchange belfry.acks is bound to the queue tap by "web.1"`)
	tap("amq.direct", "belfry.events.00", "x", `exchange amq.direct is bound to the queue belfry.events.00 by "x"`)
	r.breakAll(top, all)
	if done := r.apply(top); len(done) != 0 {
		t.Errorf("it does %q", done)
	}
	for _, u := range undo {
		r.api(u.method, u.path, nil)
	}
	r.api("DELETE", vhost("queues", "tap"), nil)
	r.clean(top)

	// An agent that is not in the list is mentioned, and left alone.
	less := r.open(3, agents[:2])
	r.seesAll(less, []breakage{
		{words: []string{`user "webx1" may publish as an agent, and is not in the list`, "rabbitmqctl delete_user webx1"}},
		{words: []string{"queue belfry.acks.webx1 is of no agent in the list"}},
	})
	if done := r.apply(less); len(done) != 0 {
		t.Errorf("it does %q", done)
	}
	r.clean(r.open(3, nil))
}

// What cannot be changed is in the way: nothing is done until it is away.
func (r *rig) testBlocked(t *testing.T) {
	top := r.open(3, agents)
	queue := func(more object) object {
		a := object{"x-queue-type": "quorum", "x-single-active-consumer": true}
		maps.Copy(a, more)
		return object{"durable": true, "arguments": a}
	}
	anew := func(kind, name string, body object, words ...string) []breakage {
		return []breakage{broken("DELETE", vhost(kind, name), nil), broken("PUT", vhost(kind, name), body, words...)}
	}
	all := slices.Concat(
		anew("exchanges", broker.Foreign, object{"type": "topic", "durable": true}, "exchange belfry.foreign is of type topic, wanted fanout", "delete it"),
		anew("exchanges", broker.Live, object{"type": "fanout", "durable": false}, "exchange belfry.live is durable false"),
		anew("exchanges", broker.Acks, object{"type": "direct", "durable": true, "arguments": object{"alternate-exchange": "amq.fanout"}},
			"exchange belfry.acks has the alternate exchange amq.fanout"),
		anew("queues", broker.Dead, object{"durable": true}, "queue belfry.dead is of type classic", "rabbitmqctl delete_queue -p / belfry.dead"),
		anew("queues", broker.Foreign, queue(object{"x-single-active-consumer": false, "x-delivery-limit": 20, "x-max-length": 10}), "queue belfry.foreign has the argument x-delivery-limit 20"),
	)
	all = append(all, broken("GET", "/api/overview", nil, "queue belfry.foreign has the argument x-max-length 10"),
		broken("GET", "/api/overview", nil, "queue belfry.foreign has x-single-active-consumer false, wanted true"))
	r.breakAll(top, all)
	p := r.plan(top)
	err := top.Apply(t.Context(), p, Progress{})
	if err == nil || !strings.Contains(err.Error(), "exchange belfry.foreign is of type topic") || len(p.Steps) != 0 {
		t.Errorf("%d steps, %v", len(p.Steps), err)
	}
	for _, b := range all {
		if b.method == "PUT" {
			r.api("DELETE", b.path, nil)
		}
	}
	// Who is refused by a full queue waits: that is none.
	r.api("PUT", vhost("queues", broker.Foreign), queue(object{"x-max-length": 10, "x-overflow": "reject-publish"}))
	r.apply(top)
	r.clean(top)
	r.api("DELETE", vhost("queues", broker.Foreign), nil)
	r.apply(top)
}

func (r *rig) testErrors(t *testing.T) {
	r.api("PUT", "/api/users/monitor", object{"password": "hush", "tags": "monitoring"})
	r.api("PUT", "/api/users/nobody", object{"password": "hush", "tags": ""})
	other, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	strange, err := other.Issue("x", certs.Request{CommonName: "x"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	t.Cleanup(page.Close)
	f := func(change func(*Management), words ...string) {
		t.Helper()
		top := r.open(3, agents)
		change(&top.client.Management)
		c, err := newClient(top.client.Management)
		if err != nil {
			t.Fatal(err)
		}
		top.client = c
		_, err = top.Plan(t.Context())
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "hush") {
				t.Errorf("want %q: %v", w, err)
			}
		}
	}
	secure := func(m *Management) { m.URL, m.CA = r.secure, filepath.Join(r.dir, "ca.pem") }
	f(func(m *Management) { m.Password = "hush2" }, `user "manager" is refused (401)`, "receive.amqp.management.user and password")
	f(func(m *Management) { m.User = "nobody" }, `user "nobody" is refused (401)`, "set_user_tags nobody administrator")
	f(func(m *Management) { m.User = "monitor" }, `user "monitor"`, "set_user_tags monitor administrator")
	f(func(m *Management) { m.URL = "http://127.0.0.1:1" }, "connection refused", "rabbitmq-plugins enable rabbitmq_management")
	f(func(m *Management) { m.URL = elsewhere.URL }, "404", "is receive.amqp.management.url that of RabbitMQ with the plugin rabbitmq_management")
	f(func(m *Management) { m.URL = page.URL }, "does not answer as the management API does")
	f(func(m *Management) { secure(m); m.CA = strange.CA }, "TLS: ", "receive.amqp.management.ca must hold the authority")
	f(func(m *Management) { secure(m); m.URL = strings.Replace(m.URL, "127.0.0.1", "localhost", 1) }, "TLS: ", "must be one of the certificate's")
	f(func(m *Management) { m.URL = strings.Replace(r.rabbit.API, "http:", "https:", 1) }, "does not speak TLS")
	top := r.open(3, agents)
	m := *r.management()
	secure(&m)
	if top.client, err = newClient(m); err != nil {
		t.Fatal(err)
	}
	r.clean(top)
	r.api("DELETE", "/api/users/monitor", nil)
	r.api("DELETE", "/api/users/nobody", nil)
}

// Without the API all is declared, but never another number of queues.
func (r *rig) testBlind(t *testing.T) {
	open := func(queues int) *Topology {
		t.Helper()
		top, err := New(Config{Broker: r.broker("belfry"), Queues: queues})
		if err != nil {
			t.Fatal(err)
		}
		return top
	}
	r.api("DELETE", route(broker.Events, "belfry.events.01", "01"), nil)
	top := open(3)
	if err := top.Apply(t.Context(), r.plan(top), Progress{}); err != nil {
		t.Fatal(err)
	}
	r.clean(r.open(3, agents))
	for _, n := range []int{2, 4} {
		if _, err := open(n).Plan(t.Context()); !errors.Is(err, ErrBlind) || !strings.Contains(err.Error(), "slots would have to move") {
			t.Errorf("%d queues: %v", n, err)
		}
	}
	if _, err := top.Check(t.Context()); !errors.Is(err, ErrBlind) {
		t.Errorf("check: %v", err)
	}
	if _, err := New(Config{Broker: r.broker("belfry"), Agents: agents}); !errors.Is(err, ErrBlind) {
		t.Errorf("agents: %v", err)
	}
}

// The last part: the broker comes back without having noted its quorum queues, and takes names from the whole subject.
func (r *rig) testLogin(t *testing.T) {
	top := r.open(3, agents)
	top.news = time.Second
	r.api("DELETE", "/api/users/belfry", nil)
	r.sees(top, `connection by certificate is refused: there is no user "belfry"`, "ssl_cert_login_from = common_name")
	r.apply(top)
	for _, name := range []string{"CN=belfry", "CN=probe"} {
		r.api("PUT", path("users", name), object{"password_hash": "", "tags": ""})
		r.api("PUT", vhost("permissions", name), Rights{".*", ".*", ".*"})
	}
	r.rabbit.Kill()
	noted, err := filepath.Glob(filepath.Join(r.dir, "mnesia", "*", "quorum", "*", "names.dets"))
	if err != nil || len(noted) != 1 {
		t.Fatalf("%v, %v", noted, err)
	}
	if err := os.Remove(noted[0]); err != nil {
		t.Fatal(err)
	}
	r.edit("ssl_cert_login_from = common_name", "ssl_cert_login_from = distinguished_name")
	if err := r.rabbit.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.sees(top, `connection by certificate is not taken for "belfry"`, "authenticated user was 'CN=belfry'", "ssl_cert_login_from = common_name")
	r.sees(top, "queue belfry.events.01 has no leader", "stop and start its nodes in order", "rabbitmqctl delete_queue -p / belfry.events.01")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := r.connect("probe").Led(ctx, "belfry.events.01"); !broker.Leaderless(err) {
		t.Errorf("ask the leader itself: %v", err)
	}
	r.api("DELETE", path("users", "CN=belfry"), nil)
	r.sees(top, `connection by certificate is refused, though there is a user "belfry"`, "ssl_cert_login_from = common_name")
}
