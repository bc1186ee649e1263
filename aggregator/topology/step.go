package topology

import (
	"encoding/json"
	"fmt"
)

// The kinds of steps.
const (
	addExchange = "create exchange"
	addQueue    = "create queue"
	hold        = "hold" // unbind a slot that will be bound again; see the package's comment
	unbind      = "unbind"
	drain       = "drain"
	bind        = "bind"
	deleteQueue = "delete queue"
	putUser     = "set user"
	deleteUser  = "delete user"
	permit      = "permit"
	forbid      = "forbid"
)

// Step is one change of the broker, or a wait.
type Step struct {
	Do       string         `json:"do"`
	Exchange string         `json:"exchange,omitempty"`
	Kind     string         `json:"type,omitempty"` // of an exchange
	Queue    string         `json:"queue,omitempty"`
	Key      string         `json:"key,omitempty"`
	Args     map[string]any `json:"arguments,omitempty"`
	User     string         `json:"user,omitempty"`
	VHost    string         `json:"vhost,omitempty"`
	Rights   *Rights        `json:"rights,omitempty"`

	lane string // the agent it is for: steps for different agents go side by side
}

// Rights are what a user may do: patterns of names.
type Rights struct {
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

func (r Rights) String() string {
	return fmt.Sprintf("configure %s, write %s, read %s", r.Configure, r.Write, r.Read)
}

// String is the step as a line.
func (s Step) String() string {
	switch s.Do {
	case addExchange:
		return fmt.Sprintf("create exchange %s (%s, durable)", s.Exchange, s.Kind)
	case addQueue:
		return fmt.Sprintf("create queue %s (durable, %s)", s.Queue, arguments(s.Args))
	case hold:
		return fmt.Sprintf("hold slot %s: unbind it from %s until it may be bound again", s.Key, s.Queue)
	case unbind:
		return fmt.Sprintf("unbind %s from %s by %q", s.Queue, s.Exchange, s.Key)
	case drain:
		return fmt.Sprintf("wait until %s is empty", s.Queue)
	case bind:
		return fmt.Sprintf("bind %s to %s by %q", s.Queue, s.Exchange, s.Key)
	case deleteQueue:
		return "delete queue " + s.Queue
	case putUser:
		return fmt.Sprintf("set user %q: no password, no tags", s.User)
	case deleteUser:
		return fmt.Sprintf("delete user %q", s.User)
	case permit:
		return fmt.Sprintf("permit user %q: %s", s.User, s.Rights)
	case forbid:
		return fmt.Sprintf("take from user %q all permissions in virtual host %q", s.User, s.VHost)
	}
	return s.Do
}

// arguments prints them as the broker knows them, in the order of their names.
func arguments(args map[string]any) string {
	text, err := json.Marshal(args) // as they came from JSON, or are written in this program
	if err != nil {
		return err.Error()
	}
	return string(text)
}
