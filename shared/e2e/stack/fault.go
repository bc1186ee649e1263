package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Pause stops the program where it is, by SIGSTOP: what it was sent waits in its sockets. See Resume.
func (a *Agent) Pause() error { return a.d.signal(syscall.SIGSTOP) }

// Resume lets a paused program go on. One that was not paused does not notice.
func (a *Agent) Resume() error { return a.d.signal(syscall.SIGCONT) }

// Died says how the agent ended by itself, nil if it runs or was stopped.
func (a *Agent) Died() error { return a.d.died() }

// Pause is as that of an Agent.
func (a *Aggregator) Pause() error { return a.d.signal(syscall.SIGSTOP) }

// Resume is as that of an Agent.
func (a *Aggregator) Resume() error { return a.d.signal(syscall.SIGCONT) }

// Died is as that of an Agent.
func (a *Aggregator) Died() error { return a.d.died() }

// Pause is as that of an Agent.
func (r *RabbitMQ) Pause() error { return r.node.signal(syscall.SIGSTOP) }

// Resume is as that of an Agent.
func (r *RabbitMQ) Resume() error { return r.node.signal(syscall.SIGCONT) }

// Died is as that of an Agent.
func (r *RabbitMQ) Died() error { return r.node.died() }

// Pause is as that of an Agent, of node i.
func (e *Elastic) Pause(i int) error { return e.nodes[i].d.signal(syscall.SIGSTOP) }

// Resume is as that of an Agent, of node i.
func (e *Elastic) Resume(i int) error { return e.nodes[i].d.signal(syscall.SIGCONT) }

// Died is as that of an Agent, of node i; nodes that Kill or Halt has ended did not die.
func (e *Elastic) Died(i int) error {
	if n := e.nodes[i]; !n.ended {
		return n.d.died()
	}
	return nil
}

// signal sends a signal to a daemon that runs.
func (d *daemon) signal(s syscall.Signal) error {
	if d == nil {
		return errors.New("it does not run")
	}
	if err := d.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %v to %s: %w", s, d.name, err)
	}
	return nil
}

func (d *daemon) died() error {
	if d == nil {
		return nil
	}
	select {
	case <-d.done:
		return fmt.Errorf("%s ended by itself: %w\n%s", d.name, cmp.Or(d.err, errEnded), d.tail())
	default:
		return nil
	}
}

// Control runs rabbitmqctl on the node and returns what it printed. It takes a second or two of a processor.
func (r *RabbitMQ) Control(ctx context.Context, args ...string) (string, error) {
	server, err := rabbitServer()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(server), "rabbitmqctl"), append([]string{"-q"}, args...)...)
	cmd.Env = append(r.env, "RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 1:1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
