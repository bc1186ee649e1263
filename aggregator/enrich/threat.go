package enrich

import (
	"strings"
	"unicode/utf8"
)

// maxMatches bounds what one event tells of threats: enough to see that there are many.
const maxMatches = 8

// threats looks for names and for the other addresses of an event, and adds what was found.
func (v *view) threats() {
	if len(v.know.threats) == 0 {
		return
	}
	for i := range v.sides {
		v.name(sideNames[i].domain, v.sides[i].domain)
		v.name(sideNames[i].address, v.sides[i].address)
	}
	v.name("dns.question.name", v.question)
	v.name("url.domain", v.url)
	if v.others {
		for i := range v.event.Fields {
			if f := &v.event.Fields[i]; f.Name == "related.ip" && !v.isEnd(f.Value) {
				v.ip(f.Name, f.Value)
			}
		}
	}
	if v.found > 0 {
		v.tell()
	}
}

// isEnd reports whether an address is that of an end, and was looked up as such.
func (v *view) isEnd(text string) bool {
	for i := range v.sides {
		if v.sides[i].ip == text {
			return true
		}
	}
	return false
}

func (v *view) ip(field, text string) {
	if a := v.address(text); a != nil {
		v.match(field, a.matches)
	}
}

// name looks a domain up, and what stands in its place where a program writes an address.
func (v *view) name(field, text string) {
	if text == "" {
		return
	}
	if known, ok := v.know.domains.get(text); ok {
		if known != nil {
			v.match(field, *known)
		}
		return
	}
	if a, ok := addrInName(text); ok {
		v.ip(field, a.String())
		return
	}
	if len(text) > maxName*utf8.UTFMax {
		return
	}
	v.all.misses.Inc()
	matches := v.know.domain(text)
	v.know.domains.put(strings.Clone(text), matches) // the line itself is not held
	if matches != nil {
		v.match(field, *matches)
	}
}

// domain looks a name up in all lists, nil if it is in none.
func (k *knowledge) domain(text string) *[]match {
	name, ok := domainOf(strings.Clone(text))
	if !ok {
		return nil
	}
	var all []match
	for _, l := range k.threats {
		all = l.domain(all, name)
	}
	if all == nil {
		return nil
	}
	return &all
}

// match keeps the matches that have not expired, each once.
func (v *view) match(field string, all []match) {
	for i := range all {
		m := &all[i]
		if v.now >= m.until {
			continue
		}
		v.event.Add("labels.threat_field", field)
		if !v.known(m) && v.found < maxMatches {
			v.matched[v.found] = m
			v.found++
		}
	}
}

// known reports whether the same is told already: several fields may hold one address.
func (v *view) known(m *match) bool {
	for _, o := range v.matched[:v.found] {
		if o.list == m.list && o.name == m.name && o.value == m.value {
			return true
		}
	}
	return false
}

// tell adds the fields. They are lists: several things of an event may be on several lists, or the sender may have told
// of a threat as well.
func (v *view) tell() {
	v.all.matches.Inc()
	e := v.event
	e.Add("tags", "threat_match")
	for _, m := range v.matched[:v.found] {
		e.Add("threat.indicator.type", m.kind)
		e.Add("threat.indicator.name", m.name)
		if m.kind == domainKind {
			e.Add("threat.indicator.url.domain", m.value)
		} else {
			e.Add("threat.indicator.ip", m.value)
		}
		e.Add("threat.indicator.provider", m.list.source)
		e.Add("threat.indicator.description", m.text)
		e.Add("threat.feed.name", m.list.feed)
	}
}
