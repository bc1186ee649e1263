package conf

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Durations is a length of time for each of several names, as {auth: 400d, default: 90d}; "default" is for those that are
// not named. Written as one length of time, as 90d, it is that for all.
type Durations map[string]Duration

// Default is the name that stands for all others.
const Default = "default"

// UnmarshalYAML reads either written form.
func (d *Durations) UnmarshalYAML(n *yaml.Node) error {
	all := make(map[string]Duration)
	switch n.Kind {
	case yaml.MappingNode:
		if err := n.Decode(&all); err != nil {
			return err
		}
	case yaml.ScalarNode:
		var one Duration
		if err := one.UnmarshalYAML(n); err != nil {
			return err
		}
		all[Default] = one
	default:
		return fmt.Errorf("line %d: %s is neither a length of time such as 90d nor a table of them", n.Line, shown(n))
	}
	*d = all
	return nil
}

// Longest returns the longest of them; 0 if there is none.
func (d Durations) Longest() (longest Duration) {
	for _, one := range d {
		longest = max(longest, one)
	}
	return longest
}
