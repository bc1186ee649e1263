package enrich

import "net/netip"

// address is what is known of one address.
type address struct {
	class         string
	place, system *record
	host          *row
	matches       []match
}

type addressKey [16]byte

// address returns what is known of an address, nil if it is none.
func (v *view) address(text string) *address {
	a, ok := parseAddr(text)
	if !ok {
		return nil
	}
	k := addressKey(a.As16())
	if known, ok := v.know.addresses.get(k); ok {
		return known
	}
	v.all.misses.Inc()
	known := v.know.find(a, v.all)
	v.know.addresses.put(k, known)
	return known
}

// find looks an address up in everything.
func (k *knowledge) find(a netip.Addr, en *Enricher) *address {
	found := &address{class: classOf(a, k.internal), host: k.hosts.at(a)}
	for _, l := range k.threats {
		found.matches = l.address(found.matches, a, found.class)
	}
	if !outside(found.class) {
		return found
	}
	record := func(d *database) *record {
		r, err := d.find(a)
		if err != nil {
			en.faults.Inc()
		}
		return r
	}
	if found.place = record(k.city); !found.place.placed() {
		found.place = record(k.country)
	}
	found.system = record(k.asn)
	if found.system == nil && found.place != nil && found.place.number != "" {
		found.system = found.place // some databases tell both
	}
	return found
}
