package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"belfry/shared/broker"
)

// aggregatorRights are what the aggregators' user needs.
var aggregatorRights = Rights{`^belfry\.`, `^belfry\.`, `^belfry\.`}

// agentRights are all that an agent may do: publish batches, and read what the index has of it.
func agentRights(name string) Rights {
	return Rights{
		Configure: `^$`,
		Write:     `^` + regexp.QuoteMeta(broker.Events) + `$`,
		Read:      `^` + regexp.QuoteMeta(broker.AckQueue(name)) + `$`,
	}
}

// judgeUser judges the aggregators' own user, if it is one of a certificate and does nothing else for us.
func (t *Topology) judgeUser(s *state, p *Plan) {
	if t.cfg.Broker.User == "" && t.user != t.cfg.Management.User {
		t.judgeRights(s, p, t.user, aggregatorRights, "")
	}
}

// judgeRights judges a user who comes with a certificate.
func (t *Topology) judgeRights(s *state, p *Plan, name string, want Rights, lane string) {
	object := fmt.Sprintf("user %q", name)
	put := Step{Do: putUser, User: name, lane: lane}
	switch u, there := s.users[name]; {
	case !there:
		p.repair(object, "is missing", put)
	case len(u.Tags) > 0:
		p.repair(object, "has the tags "+strings.Join(u.Tags, ", ")+", wanted none", put)
	case u.Hash != "":
		p.repair(object, "has a password, wanted none: the certificate is the proof", put)
	}
	has := false
	for _, r := range s.permissions {
		if r.User != name {
			continue
		}
		if r.VHost != t.vhost {
			p.repair(object, fmt.Sprintf("has permissions in virtual host %q, wanted none", r.VHost),
				Step{Do: forbid, User: name, VHost: r.VHost, lane: lane})
			continue
		}
		has = true
		if got := (Rights{r.Configure, r.Write, r.Read}); got != want {
			p.repair(object, fmt.Sprintf("may %s, wanted %s", got, want), t.permit(name, want, lane))
		}
	}
	if !has {
		p.repair(object, "may do nothing, wanted "+want.String(), t.permit(name, want, lane))
	}
}

func (t *Topology) permit(name string, want Rights, lane string) Step {
	return Step{Do: permit, User: name, VHost: t.vhost, Rights: &want, lane: lane}
}

// judgeAgents judges the users and queues of agents, if there is a list of them.
func (t *Topology) judgeAgents(s *state, p *Plan) {
	if t.cfg.Agents == nil {
		return
	}
	bindings := make(map[string][]binding) // by queue: a thousand agents look at a thousand bindings
	for _, b := range s.bindings {
		bindings[b.Destination] = append(bindings[b.Destination], b)
	}
	for _, name := range t.cfg.Agents {
		t.judgeRights(s, p, name, agentRights(name), name)
		w := broker.AcksOf(name)
		judgeAckQueue(s, p, w, name)
		judgeBindings(&state{bindings: bindings[w.Name]}, p, w, name)
	}
	t.judgeStrangers(s, p)
}

func judgeAckQueue(s *state, p *Plan, w broker.Queue, lane string) {
	object := "queue " + w.Name
	add := Step{Do: addQueue, Queue: w.Name, Args: w.Args, lane: lane}
	q, there := s.queues[w.Name]
	if !there {
		p.repair(object, "is missing", add)
		return
	}
	if q.Type != "classic" || !q.Durable || q.AutoDelete || q.Exclusive || arguments(q.Arguments) != arguments(w.Args) {
		// What it holds is said again within half a minute.
		p.repair(object, fmt.Sprintf("is of type %s, durable %v, with %s, wanted classic, true, %s", q.Type, q.Durable, arguments(q.Arguments), arguments(w.Args)),
			Step{Do: deleteQueue, Queue: w.Name, lane: lane}, add,
			Step{Do: bind, Exchange: w.Exchange, Queue: w.Name, Key: w.Keys[0], lane: lane})
	}
	if v := q.Effective["expires"]; v != nil {
		p.leave(object, fmt.Sprintf("has expires %v by policy %q: it is deleted while its agent is away", v, strings.Trim(q.Policy+" "+q.OperatorPolicy, " ")),
			"narrow the pattern of that policy")
	}
}

// judgeStrangers mentions who has what only agents have, and is not in the list. They are left alone.
func (t *Topology) judgeStrangers(s *state, p *Plan) {
	listed := make(map[string]bool, len(t.cfg.Agents))
	for _, name := range t.cfg.Agents {
		listed[name] = true
	}
	write := agentRights("").Write
	for _, r := range s.permissions {
		if r.VHost == t.vhost && r.Write == write && !listed[r.User] && r.User != t.user {
			p.leave(fmt.Sprintf("user %q", r.User), "may publish as an agent, and is not in the list of agents",
				"add it to the list; or if the agent is gone, rabbitmqctl delete_user "+r.User)
		}
	}
	for _, name := range sortedKeys(s.queues) {
		if agent, ok := strings.CutPrefix(name, broker.Acks+"."); ok && !listed[agent] {
			p.leave("queue "+name, "is of no agent in the list",
				fmt.Sprintf("add the agent to the list; or if it is gone, rabbitmqctl delete_queue -p %s %s", t.vhost, name))
		}
	}
}

// agentSteps returns how many of the first steps are for agents.
func agentSteps(steps []Step) int {
	if n := slices.IndexFunc(steps, func(s Step) bool { return s.lane == "" }); n >= 0 {
		return n
	}
	return len(steps)
}
