package query

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"belfry/shared/event"
)

// value makes the node of a value of a field that is no text.
func (p *parser) value(field string, t token) (node, error) {
	text, ok := t.value.literal()
	if !ok {
		return like{field, t.value}, nil
	}
	if event.TypeOf(field) == event.IP && strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, p.fail(t, show(text)+" is no network", "write "+field+":10.0.0.0/8 or "+field+":2001:db8::/32")
		}
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		return network(field, prefix), nil
	}
	return equal(field, text, p.now), nil
}

// expression makes the node of a regular expression.
func (p *parser) expression(field string, t token) (node, error) {
	if err := p.spend(t, 1); err != nil {
		return nil, err
	}
	text := field == "" || event.TypeOf(field) == event.Text
	body := t.body
	if text {
		body = lowerRegex(body)
	}
	tree, at, problem, hint := readRegex(body)
	if problem != "" {
		t.col += 1 + at
		return nil, p.fail(t, problem, hint)
	}
	match := tree
	if text {
		match = anyCase(tree)
	}
	re, err := regexp.Compile(`^(?s:` + match.String() + `)$`)
	if err != nil {
		return nil, p.fail(t, "this regular expression cannot be used", "write it more simply")
	}
	switch {
	case field == "":
		return wordRegex{bareFields, re, tree}, nil
	case text:
		return wordRegex{[]string{field}, re, tree}, nil
	}
	return regex{field, re, tree}, nil
}

// between makes the node of a range.
func (p *parser) between(field string, t token) (node, error) {
	if err := p.spend(t, 1); err != nil {
		return nil, err
	}
	if field == "" || field == existsField {
		return nil, p.fail(t, "a range without a field", "write field:"+t.text+"; for the text itself use quotes")
	}
	if t.low.open && t.high.open {
		return exists{field}, nil
	}
	switch event.TypeOf(field) {
	case event.Text:
		return nil, p.fail(t, field+" is text, which has no order", "search for its words")
	case event.Bool:
		return nil, p.fail(t, field+" is true or false, which have no order", "write "+field+":true")
	case event.Long:
		return p.longs(field, t)
	case event.Float:
		return p.floats(field, t)
	case event.Date:
		return p.times(field, t)
	case event.IP:
		return p.addresses(field, t)
	}
	if isEdge(t.low) && isEdge(t.high) {
		return p.floats(field, t)
	}
	n := texts{field, t.low.text, t.high.text, t.low.in, t.high.in}
	return n, p.order(t, n.lo != "" && n.hi != "" && n.lo > n.hi)
}

// isEdge reports whether an end of a range is a number, or none.
func isEdge(e edge) bool {
	_, ok := parseFloat(e.text)
	return ok || e.open
}

// order refuses a range whose ends are the wrong way round.
func (p *parser) order(t token, wrong bool) error {
	if !wrong {
		return nil
	}
	return p.fail(t, fmt.Sprintf("the range ends before it begins: %s is more than %s", show(t.low.text), show(t.high.text)),
		"put the lower value first")
}

// noValue says that an end of a range is not of the field's type.
func (p *parser) noValue(field string, e edge, what, hint string) error {
	return p.fail(token{col: e.col}, fmt.Sprintf("%s is no %s, as %s is", show(e.text), what, field), hint)
}

func (p *parser) floats(field string, t token) (node, error) {
	n := floats{field, math.Inf(-1), math.Inf(1), t.low.in, t.high.in}
	for _, side := range []struct {
		e  edge
		to *float64
	}{{t.low, &n.lo}, {t.high, &n.hi}} {
		if side.e.open {
			continue
		}
		v, err := strconv.ParseFloat(side.e.text, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, p.noValue(field, side.e, "number", "write it as 1.5")
		}
		*side.to = v
	}
	return n, p.order(t, n.lo > n.hi)
}

// longs makes a range of integers. A fraction is no bound of theirs: >1.5 is >=2.
func (p *parser) longs(field string, t token) (node, error) {
	n := longs{field, math.MinInt64, math.MaxInt64}
	none := longs{field, 1, 0}
	f, err := p.floats(field, t)
	if err != nil {
		return nil, err
	}
	lo, hi := f.(floats).lo, f.(floats).hi
	if !t.low.open {
		switch v, err := strconv.ParseInt(t.low.text, 10, 64); {
		case err == nil && !t.low.in && v == math.MaxInt64, err != nil && lo >= -math.MinInt64:
			return none, nil
		case err == nil && !t.low.in:
			n.lo = v + 1
		case err == nil:
			n.lo = v
		case lo > math.MinInt64:
			if n.lo = int64(math.Ceil(lo)); !t.low.in && float64(n.lo) == lo {
				n.lo++
			}
		}
	}
	if !t.high.open {
		switch v, err := strconv.ParseInt(t.high.text, 10, 64); {
		case err == nil && !t.high.in && v == math.MinInt64, err != nil && hi < math.MinInt64:
			return none, nil
		case err == nil && !t.high.in:
			n.hi = v - 1
		case err == nil:
			n.hi = v
		case hi < -math.MinInt64:
			if n.hi = int64(math.Floor(hi)); !t.high.in && float64(n.hi) == hi {
				n.hi--
			}
		}
	}
	return n, nil
}

func (p *parser) times(field string, t token) (node, error) {
	n := times{field: field}
	const hint = "write 2026-11-23, 2026-11-23T17:54:15Z or now-24h"
	if !t.low.open {
		from, to, ok := span(t.low.text, p.now)
		if !ok {
			return nil, p.noValue(field, t.low, "time", hint)
		}
		if n.lo = from; !t.low.in {
			n.lo = to
		}
	}
	if !t.high.open {
		from, to, ok := span(t.high.text, p.now)
		if !ok {
			return nil, p.noValue(field, t.high, "time", hint)
		}
		if n.hi = to; !t.high.in {
			n.hi = from
		}
	}
	return n, p.order(t, t.low.in && t.high.in && !n.lo.IsZero() && !n.hi.IsZero() && n.lo.After(n.hi))
}

func (p *parser) addresses(field string, t token) (node, error) {
	n := addresses{field, firstAddress(), lastAddress()}
	const hint = "write 10.0.0.1 or 2001:db8::1; a network is written field:10.0.0.0/8, without a range"
	if !t.low.open {
		a, ok := parseIP(t.low.text)
		if !ok {
			return nil, p.noValue(field, t.low, "address", hint)
		}
		if n.lo = wide(a); !t.low.in {
			if n.lo = n.lo.Next(); !n.lo.IsValid() {
				return addresses{field, lastAddress(), firstAddress()}, nil
			}
		}
	}
	if !t.high.open {
		a, ok := parseIP(t.high.text)
		if !ok {
			return nil, p.noValue(field, t.high, "address", hint)
		}
		if n.hi = wide(a); !t.high.in {
			if n.hi = n.hi.Prev(); !n.hi.IsValid() {
				return addresses{field, lastAddress(), firstAddress()}, nil
			}
		}
	}
	return n, nil
}
