package index

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// TypeName returns the type of a field as Field.Type says it.
func TypeName(field string) string {
	switch event.TypeOf(field) {
	case event.Text:
		return "text"
	case event.Long:
		return "long"
	case event.Float:
		return "float"
	case event.Bool:
		return "boolean"
	case event.Date:
		return "date"
	case event.IP:
		return "ip"
	}
	return "keyword"
}

// Told returns a value of a field as Top and Count tell it. What is the same address, number or time is one value,
// however the event writes it, and is told in one form; a value that does not fit its type (query.Fits) is told as it is.
//
//	ip     as netip.Addr writes it; an IPv4 address in IPv6 notation is that IPv4 address
//	float  the shortest text of the same number, without an exponent unless it is long
//	date   RFC 3339, UTC, no zeros at the end of a fraction
func Told(field, value string) string {
	t := event.TypeOf(field)
	if !query.Fits(t, value) {
		return value
	}
	switch t {
	case event.IP:
		if a, err := netip.ParseAddr(value); err == nil {
			return a.Unmap().String()
		}
	case event.Float:
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			return TellFloat(f)
		}
	case event.Date:
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return at.Format(time.RFC3339Nano)
		}
	}
	return value
}

// TellFloat returns a number as Told does.
func TellFloat(f float64) string {
	a := math.Abs(f)
	switch {
	case a == 0: // there is no negative zero
		return "0"
	case a < 1e-6 || a >= 1e21:
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
