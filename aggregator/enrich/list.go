package enrich

import (
	"math"
	"net/netip"
	"strings"
)

// list is one threat list. It never changes once it was read.
type list struct {
	source, feed string
	addresses    prefixes
	domains      names
	details      []detail // that entries share by their number
}

// detail is what is known of an entry.
type detail struct {
	until int64 // Unix time at which it expires; never for one that does not
	text  string
}

const never = math.MaxInt64

// match is an entry of a list that an address or a domain is on.
type match struct {
	list  *list
	kind  string // threat.indicator.type of ECS
	name  string // as the list has it: a network, or a domain of which this one is a part
	value string // the address or the domain that was looked for
	detail
}

// The types of threat.indicator.type.
const (
	v4Kind     = "ipv4-addr"
	v6Kind     = "ipv6-addr"
	domainKind = "domain-name"
)

func (l *list) size() int {
	if l == nil {
		return 0
	}
	return l.addresses.size() + l.domains.size()
}

// address appends the entries that an address is on. Of addresses inside, only those that a list names as such: lists
// of networks that nobody should come from hold the private ones too.
func (l *list) address(all []match, a netip.Addr, class string) []match {
	kind, first := v6Kind, 0
	if a.Is4() {
		kind, first = v4Kind, v4Bits
	}
	l.addresses.find(a, func(bits int, value uint32) {
		single := bits == 128
		if !single && !outside(class) {
			return
		}
		m := match{list: l, kind: kind, value: a.String(), detail: l.details[value]}
		if m.name = m.value; !single {
			m.name = netip.PrefixFrom(a, bits-first).Masked().String()
		}
		all = append(all, m)
	})
	return all
}

// domain appends the entries that a name, or what it is a part of, is on.
func (l *list) domain(all []match, name string) []match {
	for part := name; part != ""; {
		if value, ok := l.domains.get(part); ok {
			all = append(all, match{l, domainKind, part, name, l.details[value]})
		}
		_, part, _ = strings.Cut(part, ".")
	}
	return all
}
