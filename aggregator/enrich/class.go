package enrich

import "net/netip"

// What an address is (RFC 6890 and IANA's registries of special addresses).
const (
	public        = "public"
	private       = "private"  // RFC 1918, RFC 4193
	internal      = "internal" // of the networks that the configuration calls own
	loopback      = "loopback"
	linkLocal     = "link_local"
	shared        = "shared" // RFC 6598: behind a carrier's NAT
	multicast     = "multicast"
	broadcast     = "broadcast"
	unspecified   = "unspecified"
	documentation = "documentation" // RFC 5737, RFC 3849, RFC 9637
	reserved      = "reserved"
)

// special are the ranges that netip does not know.
var special = []struct {
	prefix netip.Prefix
	class  string
}{
	{netip.MustParsePrefix("100.64.0.0/10"), shared},
	{netip.MustParsePrefix("192.0.2.0/24"), documentation},
	{netip.MustParsePrefix("198.51.100.0/24"), documentation},
	{netip.MustParsePrefix("203.0.113.0/24"), documentation},
	{netip.MustParsePrefix("2001:db8::/32"), documentation},
	{netip.MustParsePrefix("3fff::/20"), documentation},
	{netip.MustParsePrefix("255.255.255.255/32"), broadcast},
	{netip.MustParsePrefix("0.0.0.0/8"), reserved},
	{netip.MustParsePrefix("192.0.0.0/24"), reserved},
	{netip.MustParsePrefix("198.18.0.0/15"), reserved},
	{netip.MustParsePrefix("240.0.0.0/4"), reserved},
	{netip.MustParsePrefix("100::/64"), reserved},
	{netip.MustParsePrefix("fec0::/10"), private}, // RFC 3879
}

// classOf says what an address is; own are the networks that the configuration names.
func classOf(a netip.Addr, own *prefixes) string {
	switch {
	case a.IsUnspecified():
		return unspecified
	case a.IsLoopback():
		return loopback
	case a.IsLinkLocalUnicast():
		return linkLocal
	case a.IsMulticast():
		return multicast
	case own != nil && own.has(a):
		return internal
	case a.IsPrivate():
		return private
	}
	for i := range special {
		if special[i].prefix.Contains(a) {
			return special[i].class
		}
	}
	return public
}

// inside reports whether what has that class lies within the own networks.
func inside(class string) bool {
	switch class {
	case private, internal, loopback, linkLocal, multicast, broadcast:
		return true
	}
	return false
}

// outside reports whether it lies beyond them. Something unspecified is on neither side.
func outside(class string) bool {
	switch class {
	case public, shared, documentation, reserved:
		return true
	}
	return false
}

// direction is network.direction of ECS as somebody at the edge of the own networks sees it, "" if that cannot be told.
func direction(from, to string) string {
	switch {
	case inside(from) && inside(to):
		return "internal"
	case inside(from) && outside(to):
		return "outbound"
	case outside(from) && inside(to):
		return "inbound"
	case outside(from) && outside(to):
		return "external"
	}
	return ""
}
