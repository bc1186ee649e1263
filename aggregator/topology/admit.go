package topology

import (
	"context"
	"errors"
	"fmt"

	"belfry/shared/broker"
)

// Admit makes the user of one agent, its rights and its queue, as Apply makes those of a list. They may be there already.
func (t *Topology) Admit(ctx context.Context, name string) error {
	w, rights := broker.AcksOf(name), agentRights(name)
	steps := []Step{{Do: addQueue, Queue: w.Name, Args: w.Args}}
	for _, key := range w.Keys {
		steps = append(steps, Step{Do: bind, Exchange: w.Exchange, Queue: w.Name, Key: key})
	}
	return t.forAgent(ctx, name, append(steps, Step{Do: putUser, User: name}, t.permit(name, rights, "")))
}

// Dismiss deletes the user of one agent, which ends its connections, and its queue. They may be gone already.
func (t *Topology) Dismiss(ctx context.Context, name string) error {
	return t.forAgent(ctx, name, []Step{{Do: deleteUser, User: name}, {Do: deleteQueue, Queue: broker.AcksOf(name).Name}})
}

func (t *Topology) forAgent(ctx context.Context, name string, steps []Step) error {
	if t.client == nil {
		return fmt.Errorf("user %q: %w", name, ErrBlind)
	}
	if name == t.user || name == t.cfg.Management.User {
		return fmt.Errorf("agent %q has the name of a user that this configuration connects as", name)
	}
	a := &applier{Topology: t, held: make(map[string]Step)}
	defer a.close()
	return a.run(ctx, steps)
}

// deleteUser deletes a user who may be gone already.
func (t *Topology) deleteUser(ctx context.Context, name string) error {
	err := t.client.do(ctx, "DELETE", path("users", name), nil, nil)
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}
