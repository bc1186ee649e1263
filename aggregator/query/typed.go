package query

import (
	"math"
	"net/netip"
	"time"

	"belfry/shared/event"
)

// The conditions on values that are compared by their type. A value that does not fit the type (Fits) is never within.
type (
	// longs finds the events where a value is an integer from lo to hi, both included.
	longs struct {
		field  string
		lo, hi int64
	}
	// floats finds the events where a value is a number within an interval. The field may be a keyword.
	floats struct {
		field  string
		lo, hi float64 // may be infinite
		loIn   bool    // lo itself is within
		hiIn   bool
	}
	// times finds the events where a value is a time from lo on, and before hi.
	times struct {
		field  string
		lo, hi time.Time // zero: no bound
	}
	// addresses finds the events where a value is an address from lo to hi, both included, in the order of their 16
	// bytes; an IPv4 address stands where its IPv6 notation does.
	addresses struct {
		field  string
		lo, hi netip.Addr // in 16 bytes
	}
	// texts finds the events where a value of a keyword lies within an interval, in the order of the bytes of UTF-8.
	texts struct {
		field  string
		lo, hi string // "": no bound
		loIn   bool
		hiIn   bool
	}
)

func (n longs) match(e *event.Event) bool {
	return anyValue(e, n.field, func(s string) bool {
		v, ok := parseLong(s)
		return ok && v >= n.lo && v <= n.hi
	})
}

func (n floats) match(e *event.Event) bool {
	return anyValue(e, n.field, func(s string) bool {
		v, ok := parseFloat(s)
		return ok && (v > n.lo || n.loIn && v == n.lo) && (v < n.hi || n.hiIn && v == n.hi)
	})
}

func (n times) match(e *event.Event) bool {
	return anyValue(e, n.field, func(s string) bool {
		v, ok := parseDate(s)
		return ok && (n.lo.IsZero() || !v.Before(n.lo)) && (n.hi.IsZero() || v.Before(n.hi))
	})
}

func (n addresses) match(e *event.Event) bool {
	return anyValue(e, n.field, func(s string) bool {
		v, ok := parseIP(s)
		if !ok {
			return false
		}
		v = wide(v)
		return v.Compare(n.lo) >= 0 && v.Compare(n.hi) <= 0
	})
}

func (n texts) match(e *event.Event) bool {
	return anyValue(e, n.field, func(v string) bool {
		return (n.lo == "" || v > n.lo || n.loIn && v == n.lo) && (n.hi == "" || v < n.hi || n.hiIn && v == n.hi)
	})
}

func (n longs) fields(add func(string))     { add(n.field) }
func (n floats) fields(add func(string))    { add(n.field) }
func (n times) fields(add func(string))     { add(n.field) }
func (n addresses) fields(add func(string)) { add(n.field) }
func (n texts) fields(add func(string))     { add(n.field) }

// wide returns an address in 16 bytes.
func wide(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

// The first and the last of all addresses.
func firstAddress() netip.Addr { return netip.IPv6Unspecified() }
func lastAddress() netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = math.MaxUint8
	}
	return netip.AddrFrom16(b)
}

// network returns the addresses of a network.
func network(field string, p netip.Prefix) addresses {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	lo := p.Masked().Addr().As16()
	hi := lo
	for i := bits; i < 128; i++ {
		hi[i/8] |= 0x80 >> (i % 8)
	}
	return addresses{field, netip.AddrFrom16(lo), netip.AddrFrom16(hi)}
}

// equal returns the condition that a value of a field is the one that is written, compared by the field's type if it
// fits that.
func equal(field, value string, now time.Time) node {
	switch event.TypeOf(field) {
	case event.Long:
		if n, ok := parseLong(value); ok {
			return longs{field, n, n}
		}
	case event.Float:
		if f, ok := parseFloat(value); ok {
			return floats{field, f, f, true, true}
		}
	case event.Date:
		if from, to, ok := span(value, now); ok {
			return times{field, from, to}
		}
	case event.IP:
		if a, ok := parseIP(value); ok {
			return addresses{field, wide(a), wide(a)}
		}
	}
	return exact{field, value}
}
