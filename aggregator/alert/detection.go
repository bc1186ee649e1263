package alert

import (
	"go.yaml.in/yaml/v3"
)

// detection reads the named selections and the condition that joins them. It returns nil after a fault.
func (r *reader) detection(n *yaml.Node) cond {
	before := len(r.errs)
	selections := &selections{byName: map[string]cond{}, used: map[string]bool{}}
	var condition *yaml.Node
	for _, p := range r.pairs(n, "detection") {
		switch p.name {
		case "condition":
			condition = p.value
		case "timeframe":
			r.fail(p.key, "timeframe belongs to correlations, which are not supported yet")
		default:
			selections.names = append(selections.names, p.name)
			selections.byName[p.name] = r.selection(p)
		}
	}
	if condition == nil {
		r.fail(n, "detection has no condition")
		return nil
	}
	c := r.conditions(condition, selections)
	for _, p := range r.pairs(n, "detection") {
		if selections.byName[p.name] != nil && !selections.used[p.name] && len(r.errs) == before {
			r.fail(p.key, "detection.%s: no condition uses it", p.name)
		}
	}
	if len(r.errs) > before {
		return nil
	}
	return c
}

// conditions reads one condition, or a list of which any may hold.
func (r *reader) conditions(n *yaml.Node, s *selections) cond {
	var all anyOf
	for _, v := range r.scalars(n, "condition") {
		c, err := parseCondition(v.Value, s)
		if err != nil {
			r.fail(v, "condition: %v", err)
			continue
		}
		all = append(all, c)
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// selection reads a map of fields (all must hold), or a list of such maps and of keywords (one must hold).
func (r *reader) selection(p pair) cond {
	switch p.value.Kind {
	case yaml.MappingNode:
		return r.fieldsOf(p.value, p.name)
	case yaml.SequenceNode:
		var any anyOf
		for _, item := range p.value.Content {
			if item.Kind == yaml.MappingNode {
				any = append(any, r.fieldsOf(item, p.name))
			} else {
				any = append(any, r.keywords(item, spec{shown: p.name}))
			}
		}
		if len(any) == 0 {
			r.fail(p.value, "detection.%s is empty", p.name)
		}
		return any
	}
	return r.keywords(p.value, spec{shown: p.name})
}

func (r *reader) fieldsOf(n *yaml.Node, name string) cond {
	var all allOf
	for _, p := range r.pairs(n, "detection."+name) {
		s, err := parseSpec(p.name)
		if err != nil {
			r.fail(p.key, "detection.%s: %v", name, err)
			continue
		}
		if s.field == "" {
			all = append(all, r.keywords(p.value, s))
		} else {
			all = append(all, r.values(p.value, s))
		}
	}
	if len(all) == 0 {
		r.fail(n, "detection.%s is empty", name)
	}
	return all
}

// keywords are looked for anywhere in the message and in the raw line.
func (r *reader) keywords(n *yaml.Node, s spec) cond {
	var conds []cond
	for _, v := range r.scalars(n, "detection."+s.shown) {
		text := r.text(v, s.shown)
		if text == "" {
			r.fail(v, "detection.%s: an empty keyword", s.shown)
			continue
		}
		conds = append(conds, keyword{around(parsePattern(text)).test(s.cased)})
	}
	return s.join(conds)
}

// around lets anything stand before and after a pattern.
func around(p pattern) pattern {
	return append(append(pattern{anyRun}, p...), anyRun)
}

// values reads what a field must be.
func (r *reader) values(n *yaml.Node, s spec) cond {
	var conds []cond
	same := oneOf{field: s.field, values: map[string]struct{}{}}
	for _, v := range r.scalars(n, s.shown) {
		c, err := s.value(v)
		switch {
		case err != nil:
			r.fail(v, "%s: %v", s.shown, err)
		case !s.all && c.exact != "":
			same.add(c.exact)
		case c.exact != "":
			one := oneOf{field: s.field, values: map[string]struct{}{}}
			one.add(c.exact)
			conds = append(conds, one)
		default:
			conds = append(conds, c.cond)
		}
	}
	if len(same.values) > 0 {
		conds = append(conds, same)
	}
	return s.join(conds)
}

func (n *oneOf) add(value string) {
	v := string(appendLower(nil, value))
	n.values[v] = struct{}{}
	n.longest = max(n.longest, len(v))
}
