package topology

import (
	"context"
	"errors"
	"fmt"
	"time"

	"belfry/shared/broker"
)

// probeWithin bounds how long a leader may take to answer; it takes milliseconds.
const probeWithin = 5 * time.Second

// login connects as the aggregators do, and finds what only a connection tells: whom the broker takes us for, and which
// queues nobody speaks for.
func (t *Topology) login(ctx context.Context, s *state) ([]Finding, error) {
	p := new(Plan)
	conn, err := broker.Dial(ctx, t.cfg.Broker)
	if err != nil {
		return p.Findings, t.explain(s, p, err)
	}
	defer conn.End()
	if t.cfg.Broker.User == "" {
		if err := t.identity(ctx, s, p, conn); err != nil {
			return p.Findings, err
		}
	}
	return p.Findings, t.leaders(ctx, s, p, conn)
}

const commonName = "set ssl_cert_login_from = common_name in rabbitmq.conf and restart the broker"

// explain makes a finding of a connection that is refused, and an error of one that does not come about.
func (t *Topology) explain(s *state, p *Plan, err error) error {
	object := "connection"
	_, known := s.users[t.user]
	switch class := broker.ClassOf(err); {
	case broker.NoMechanism(err):
		p.leave(object, "by certificate is not offered (EXTERNAL)",
			"rabbitmq-plugins enable rabbitmq_auth_mechanism_ssl, and auth_mechanisms.1 = EXTERNAL in rabbitmq.conf")
	case class != broker.Refused:
		return fmt.Errorf("%s: %w", class, err)
	case t.cfg.Broker.User != "":
		p.leave(object, fmt.Sprintf("of user %q is refused: %v", t.user, err), "see receive.amqp.user and password")
	case !known:
		p.leave(object, fmt.Sprintf("by certificate is refused: there is no user %q: %v", t.user, err), repaired+", or add it by hand; and "+commonName)
	default:
		p.leave(object, fmt.Sprintf("by certificate is refused, though there is a user %q: the broker takes the name from elsewhere in the certificate: %v", t.user, err),
			commonName)
	}
	return nil
}

// identity asks whom the broker takes us for.
func (t *Topology) identity(ctx context.Context, s *state, p *Plan, conn *broker.Conn) error {
	if _, there := s.exchanges[broker.Acks]; !there {
		return nil // nothing to ask by; it is a finding of its own
	}
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	err := conn.Prove(ctx, t.user)
	switch broker.ClassOf(err) {
	case broker.OK:
	case broker.Mismatch:
		p.leave("connection", fmt.Sprintf("by certificate is not taken for %q: %v: the batches of agents would be refused", t.user, err), commonName)
	case broker.Refused:
		p.leave("connection", fmt.Sprintf("of user %q may not publish to %s: %v", t.user, broker.Acks, err), repaired)
	default:
		return fmt.Errorf("ask for our own name: %w", broker.Classified(err))
	}
	return nil
}

// leaders asks the leader of each queue that only its leader can refuse to read by get.
func (t *Topology) leaders(ctx context.Context, s *state, p *Plan, conn *broker.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	answers := make(map[string]chan error)
	for _, w := range t.want.All(s.version) {
		// What was not heard of is a finding already.
		q, there := s.queues[w.Name]
		if there && (q.told() || s.mute) && q.Type == "quorum" && q.Arguments["x-single-active-consumer"] == true {
			answer := make(chan error, 1)
			answers[w.Name] = answer
			go func() { answer <- conn.Led(ctx, w.Name) }()
		}
	}
	var errs []error
	for _, name := range sortedKeys(answers) {
		switch err := <-answers[name]; {
		case err == nil:
		case broker.Leaderless(err):
			p.leave("queue "+name, noLeader, t.revive(name))
		case broker.ClassOf(err) == broker.Refused, broker.ClassOf(err) == broker.NotFound:
			// the user's rights are a finding of their own; a queue may go while we look
		default:
			errs = append(errs, fmt.Errorf("ask for the leader of %s: %w", name, broker.Classified(err)))
		}
	}
	return errors.Join(errs...)
}
