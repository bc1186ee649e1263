package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// state is what the management API says of the broker.
type state struct {
	version     string
	looked      bool // it is not just assumed that there is nothing
	mute        bool // the API's statistics are switched off: nothing is heard of the leaders of queues
	exchanges   map[string]exchange
	queues      map[string]queue
	bindings    []binding // of exchanges that have a name
	users       map[string]user
	permissions []permission
	policies    map[string]policy
	nodes       []node
}

type exchange struct {
	Name       string
	Type       string
	Durable    bool
	AutoDelete bool `json:"auto_delete"`
	Internal   bool
	Arguments  map[string]any
	Policy     string
}

type queue struct {
	Name       string
	Type       string
	Durable    bool
	AutoDelete bool `json:"auto_delete"`
	Exclusive  bool
	Arguments  map[string]any

	Policy         string
	OperatorPolicy string         `json:"operator_policy"`
	Effective      map[string]any `json:"effective_policy_definition"`

	// These the queue's leader tells, all at once, every few seconds; they are absent until it did.
	State      string
	Reductions *int64 // work done by the leader; it grows from one time to the next
	Ready      int    `json:"messages_ready"`
	Unacked    int    `json:"messages_unacknowledged"`
	Messages   int
	Consumers  int
}

// told reports whether the leader has ever said a word. Other kinds of queues need none.
func (q queue) told() bool { return q.Type != "quorum" || q.Reductions != nil }

type binding struct {
	Source      string
	Destination string
	To          string `json:"destination_type"` // "queue" or "exchange"
	Key         string `json:"routing_key"`
}

type user struct {
	Name string
	Hash string `json:"password_hash"`
	Tags tags
}

// tags are a list, and were words with commas once.
type tags []string

func (t *tags) UnmarshalJSON(text []byte) error {
	var words string
	if json.Unmarshal(text, &words) == nil {
		*t = strings.FieldsFunc(words, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

type permission struct {
	User      string `json:"user"`
	VHost     string `json:"vhost"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

type policy struct {
	Name       string
	Definition map[string]any
}

type node struct {
	Name       string
	Running    bool
	Mechanisms []struct {
		Name    string
		Enabled bool
	} `json:"auth_mechanisms"`
	Plugins []string `json:"enabled_plugins"`
}

// look reads all of it. A broker that changes meanwhile is seen as it never was; the next look tells.
func (t *Topology) look(ctx context.Context) (*state, error) {
	s := &state{looked: true}
	var overview struct {
		Version string `json:"rabbitmq_version"`
		Mute    bool   `json:"disable_stats"`
	}
	var exchanges []exchange
	var bindings []binding
	var users []user
	var policies []policy
	for _, q := range []struct {
		path string
		into any
	}{
		{path("overview"), &overview}, {path("nodes"), &s.nodes},
		{path("exchanges", t.vhost), &exchanges}, {path("bindings", t.vhost), &bindings},
		{path("users"), &users}, {path("permissions"), &s.permissions}, {path("policies", t.vhost), &policies},
	} {
		if err := t.client.get(ctx, q.path, q.into); err != nil {
			return nil, err
		}
	}
	if overview.Version == "" {
		return nil, fmt.Errorf("%s is not the management API of RabbitMQ", t.client.URL)
	}
	s.version, s.mute = overview.Version, overview.Mute
	s.exchanges = index(exchanges, func(x exchange) string { return x.Name })
	s.users = index(users, func(u user) string { return u.Name })
	s.policies = index(policies, func(p policy) string { return p.Name })
	for _, b := range bindings {
		if b.Source != "" { // to that of no name everything is bound
			s.bindings = append(s.bindings, b)
		}
	}
	var err error
	s.queues, err = t.queues(ctx)
	return s, err
}

// queueColumns keeps an answer for 1000 agents small.
const queueColumns = "?columns=name,type,durable,auto_delete,exclusive,arguments,policy,operator_policy," +
	"effective_policy_definition,state,reductions,messages_ready,messages_unacknowledged,messages,consumers"

func (t *Topology) queues(ctx context.Context) (map[string]queue, error) {
	var all []queue
	if err := t.client.get(ctx, path("queues", t.vhost)+queueColumns, &all); err != nil {
		return nil, err
	}
	return index(all, func(q queue) string { return q.Name }), nil
}

// A leader that was just elected is heard of within two intervals of five seconds each.
const (
	newsWithin = 15 * time.Second
	newsEvery  = 250 * time.Millisecond
)

// lookAgain is look, but waits until each queue has been heard of, unless that takes too long.
func (t *Topology) lookAgain(ctx context.Context) (*state, error) {
	s, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	late := time.After(t.news)
	for !t.allTold(s) {
		select {
		case <-late:
			return s, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(newsEvery):
		}
		if s.queues, err = t.queues(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (t *Topology) allTold(s *state) bool {
	if s.mute {
		return true
	}
	for _, w := range t.want.All(s.version) {
		if q, there := s.queues[w.Name]; there && !q.told() {
			return false
		}
	}
	return true
}

// queue reads one; ok is false if there is none.
func (t *Topology) queue(ctx context.Context, name string) (q queue, ok bool, err error) {
	err = t.client.get(ctx, path("queues", t.vhost, name), &q)
	if errors.Is(err, errAbsent) {
		return q, false, nil
	}
	return q, err == nil, err
}

func index[T any](all []T, key func(T) string) map[string]T {
	m := make(map[string]T, len(all))
	for _, x := range all {
		m[key(x)] = x
	}
	return m
}
