package topology

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"belfry/shared/broker"
)

// Finding is one difference between what is and what is wanted.
type Finding struct {
	Object string `json:"object"` // what it is of
	What   string `json:"what"`   // how it differs
	Remedy string `json:"remedy"`
	Apply  bool   `json:"apply"` // belfry topology apply makes it right
	Blocks bool   `json:"-"`     // nothing can be applied before it is made right
}

// String is the finding as a line.
func (f Finding) String() string { return f.Object + " " + f.What + "; " + f.Remedy }

// repaired is the remedy of what Apply does.
const repaired = "belfry topology apply repairs it"

// Plan is how the broker differs from what is wanted, and what is to be done, in order.
type Plan struct {
	Findings []Finding
	Steps    []Step
}

// Blocked returns those findings that must be made right by hand before anything can be applied.
func (p *Plan) Blocked() []Finding { return p.filter(func(f Finding) bool { return f.Blocks }) }

// Left returns those findings that Apply does not make right.
func (p *Plan) Left() []Finding { return p.filter(func(f Finding) bool { return !f.Apply }) }

func (p *Plan) filter(keep func(Finding) bool) []Finding {
	all := []Finding{} // an empty list in JSON
	for _, f := range p.Findings {
		if keep(f) {
			all = append(all, f)
		}
	}
	return all
}

// repair adds a finding with the steps that make it right.
func (p *Plan) repair(object, what string, steps ...Step) {
	p.Findings = append(p.Findings, Finding{Object: object, What: what, Remedy: repaired, Apply: true})
	p.Steps = append(p.Steps, steps...)
}

// leave adds a finding that is left to the operator.
func (p *Plan) leave(object, what, remedy string) {
	p.Findings = append(p.Findings, Finding{Object: object, What: what, Remedy: remedy})
}

// block adds a finding that is left to the operator, and in the way of everything else.
func (p *Plan) block(object, what, remedy string) {
	p.Findings = append(p.Findings, Finding{Object: object, What: what, Remedy: remedy, Blocks: true})
}

// judge holds what is against what is wanted.
func (t *Topology) judge(s *state) *Plan {
	p := &Plan{Findings: []Finding{}, Steps: []Step{}}
	if s.looked {
		judgeNodes(s, p)
		t.judgeUser(s, p)
	}
	t.judgeExchanges(s, p)
	queues := t.want.All(s.version)
	for _, w := range queues {
		t.judgeQueue(s, p, w)
	}
	for _, w := range queues[:2] { // belfry.foreign and belfry.dead; the others have slots
		judgeBindings(s, p, w, "")
	}
	judgeTaps(s, p)
	t.judgeSlots(s, p)
	t.judgeAgents(s, p)
	if s.mute && slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do == drain }) {
		p.block("management API", "has no statistics: whether a queue is empty cannot be seen, and no slot can move",
			"set management.disable_stats and management_agent.disable_metrics_collector to false in rabbitmq.conf")
	}
	if len(p.Blocked()) > 0 {
		p.Steps = []Step{}
	}
	return p
}

func judgeNodes(s *state, p *Plan) {
	for _, n := range s.nodes {
		object := "node " + n.Name
		if !n.Running {
			p.leave(object, "is not running", "start it")
			continue
		}
		if len(n.Mechanisms) == 0 {
			continue // not told to users who are no monitors
		}
		offered := false
		for _, m := range n.Mechanisms {
			offered = offered || m.Name == "EXTERNAL" && m.Enabled
		}
		switch {
		case offered:
		case !slices.Contains(n.Plugins, "rabbitmq_auth_mechanism_ssl"):
			p.leave(object, "lets nobody in by certificate: the plugin rabbitmq_auth_mechanism_ssl is not enabled",
				"rabbitmq-plugins enable rabbitmq_auth_mechanism_ssl, and auth_mechanisms.1 = EXTERNAL in rabbitmq.conf")
		default:
			p.leave(object, "does not offer the mechanism EXTERNAL", "set auth_mechanisms.1 = EXTERNAL in rabbitmq.conf and restart it")
		}
	}
}

func (t *Topology) judgeExchanges(s *state, p *Plan) {
	for _, w := range broker.Exchanges() {
		object := "exchange " + w.Name
		x, there := s.exchanges[w.Name]
		if !there {
			p.repair(object, "is missing", Step{Do: addExchange, Exchange: w.Name, Kind: w.Kind})
			continue
		}
		anew := "it cannot be changed: delete it (what is published meanwhile waits) and run belfry topology apply"
		if x.Type != w.Kind {
			p.block(object, fmt.Sprintf("is of type %s, wanted %s", x.Type, w.Kind), anew)
		}
		if !x.Durable || x.AutoDelete || x.Internal {
			p.block(object, fmt.Sprintf("is durable %v, auto-delete %v, internal %v, wanted true, false, false", x.Durable, x.AutoDelete, x.Internal), anew)
		}
		if to, set := x.Arguments["alternate-exchange"]; set {
			p.block(object, fmt.Sprintf("has the alternate exchange %v: what no queue takes would be swallowed instead of coming back", to), anew)
		}
		if to, set := s.policies[x.Policy].Definition["alternate-exchange"]; set {
			p.leave(object, fmt.Sprintf("has the alternate exchange %v by policy %q: what no queue takes would be swallowed instead of coming back", to, x.Policy),
				t.withoutPolicy(x.Policy))
		}
	}
}

func (t *Topology) withoutPolicy(name string) string {
	return fmt.Sprintf("narrow its pattern, or rabbitmqctl clear_policy -p %s %s", t.vhost, name)
}

// lossy are what makes a queue drop messages, or give them to somebody else, by argument ("x-" before it) or policy.
var lossy = []struct{ name, why string }{
	{"message-ttl", "drops what nobody takes in time"},
	{"expires", "deletes the queue while nobody consumes it"},
	{"max-length", "drops its oldest messages when it is full"},
	{"max-length-bytes", "drops its oldest messages when it is full"},
	{"delivery-limit", "drops what was delivered that often"},
	{"dead-letter-exchange", "moves away what it drops, at most once"},
}

// judgeQueue judges a queue of events, or of what else the aggregators consume.
func (t *Topology) judgeQueue(s *state, p *Plan, w broker.Queue) {
	object := "queue " + w.Name
	q, there := s.queues[w.Name]
	if !there {
		p.repair(object, "is missing", Step{Do: addQueue, Queue: w.Name, Args: w.Args})
		return
	}
	anew := fmt.Sprintf("it cannot be changed: when it is empty, rabbitmqctl delete_queue -p %s %s, and run belfry topology apply", t.vhost, w.Name)
	if q.Type != "quorum" || !q.Durable || q.Exclusive || q.AutoDelete {
		p.block(object, fmt.Sprintf("is of type %s, durable %v, exclusive %v, auto-delete %v, wanted quorum, true, false, false",
			q.Type, q.Durable, q.Exclusive, q.AutoDelete), anew)
	}
	if single := "x-single-active-consumer"; q.Arguments[single] != w.Args[single] {
		p.block(object, fmt.Sprintf("has %s %v, wanted %v", single, word(q.Arguments[single]), word(w.Args[single])), anew)
	}
	t.judgeLosses(p, q, w, anew)
	switch {
	case !q.told() && !s.mute:
		p.leave(object, noLeader, t.revive(w.Name))
	case slices.Contains([]string{"minority", "down", "stopped", "crashed", "terminated"}, q.State):
		p.leave(object, "is "+q.State, "start the nodes of the cluster that are down")
	}
}

const noLeader = "has no leader: nothing can be published to it or consumed"

// revive says what brings a queue back that has no leader.
func (t *Topology) revive(name string) string {
	return fmt.Sprintf("stop and start its nodes in order (a node that was killed soon after the queue was declared has forgotten it); if that does not help: "+
		"rabbitmqctl delete_queue -p %s %s and belfry topology apply (what it held is lost, and shows as gaps)", t.vhost, name)
}

func (t *Topology) judgeLosses(p *Plan, q queue, w broker.Queue, anew string) {
	object := "queue " + q.Name
	unlimited := false
	for _, l := range lossy {
		arg, policy := q.Arguments["x-"+l.name], q.Effective[l.name]
		wanted := w.Args["x-"+l.name]
		if l.name == "delivery-limit" {
			unlimited = same(wanted, arg) || arg == nil && same(wanted, policy)
		}
		if strings.HasPrefix(l.name, "max-length") && overflow(q) == "reject-publish" {
			continue // nothing is dropped: the agents wait
		}
		if arg != nil && !same(arg, wanted) {
			p.leave(object, fmt.Sprintf("has the argument x-%s %v: it %s", l.name, arg, l.why), anew)
		}
		if policy != nil && !same(policy, wanted) {
			name := strings.Trim(q.Policy+" "+q.OperatorPolicy, " ")
			p.leave(object, fmt.Sprintf("has %s %v by policy %q: it %s", l.name, policy, name, l.why), t.withoutPolicy(name))
		}
	}
	if limit := w.Args["x-delivery-limit"]; limit != nil && !unlimited {
		p.leave(object, fmt.Sprintf("has no x-delivery-limit %v: this version drops what was delivered 20 times", limit),
			fmt.Sprintf("a policy with delivery-limit %v, or: %s", limit, anew))
	}
}

// overflow is what a queue does when it is full.
func overflow(q queue) any {
	if by := q.Arguments["x-overflow"]; by != nil {
		return by
	}
	return q.Effective["overflow"]
}

// judgeBindings judges the bindings of a queue that has no slots. The repair is part of an agent's lane, if any.
func judgeBindings(s *state, p *Plan, w broker.Queue, lane string) {
	for _, key := range w.Keys {
		there := slices.ContainsFunc(s.bindings, func(b binding) bool {
			return b.Source == w.Exchange && b.Destination == w.Name && b.To == "queue" && b.Key == key
		})
		if !there {
			p.repair("queue "+w.Name, fmt.Sprintf("is not bound to %s by %q", w.Exchange, key),
				Step{Do: bind, Exchange: w.Exchange, Queue: w.Name, Key: key, lane: lane})
		}
	}
}

// judgeTaps judges the bindings that somebody has added to what is ours.
func judgeTaps(s *state, p *Plan) {
	for _, b := range s.bindings {
		_, event := eventQueue(b.Destination)
		mine := event && b.To == "queue"
		if b.Source == broker.Events && mine && slotOf(b.Key) < 0 {
			p.repair("queue "+b.Destination, fmt.Sprintf("is bound to %s by %q, which is no slot", b.Source, b.Key),
				Step{Do: unbind, Exchange: b.Source, Queue: b.Destination, Key: b.Key})
			continue
		}
		agent, ack := strings.CutPrefix(b.Destination, broker.Acks+".")
		ack = ack && b.To == "queue" && agent == b.Key
		if b.Source == broker.Events && !mine || b.Source == broker.Acks && !ack || mine && b.Source != broker.Events {
			p.leave("exchange "+b.Source, fmt.Sprintf("is bound to the %s %s by %q, which is none of ours: what should come back or wait goes there", b.To, b.Destination, b.Key),
				"remove that binding, if nobody needs it")
		}
	}
}

var eventName = regexp.MustCompile(`^` + regexp.QuoteMeta(broker.Events) + `\.(\d{2,3})$`)

// word prints what may be absent.
func word(v any) any {
	if v == nil {
		return "none"
	}
	return v
}

// same compares what came as JSON with what is written in this program.
func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
