package enrich

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestClassOf(t *testing.T) {
	own := new(prefixes)
	own.add(netip.MustParsePrefix("8.8.8.0/24"), 0)
	own.add(netip.MustParsePrefix("10.9.0.0/16"), 0)
	own.add(netip.MustParsePrefix("127.0.0.0/8"), 0)
	own.sort(nil)
	f := func(addr, want string) {
		t.Helper()
		if got := classOf(netip.MustParseAddr(addr), own); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	f("8.8.4.4", public)
	f("8.8.8.8", internal)
	f("9.255.255.255", public)
	f("10.0.0.0", private)
	f("10.9.1.1", internal)
	f("11.0.0.0", public)
	f("172.15.255.255", public)
	f("172.16.0.0", private)
	f("172.31.255.255", private)
	f("172.32.0.0", public)
	f("192.167.255.255", public)
	f("192.168.0.0", private)
	f("127.0.0.1", loopback)
	f("169.254.1.1", linkLocal)
	f("100.63.255.255", public)
	f("100.64.0.0", shared)
	f("100.127.255.255", shared)
	f("224.0.0.1", multicast)
	f("239.255.255.250", multicast)
	f("240.0.0.1", reserved)
	f("255.255.255.255", broadcast)
	f("0.0.0.0", unspecified)
	f("0.0.0.1", reserved)
	f("192.0.2.1", documentation)
	f("198.51.100.1", documentation)
	f("203.0.113.1", documentation)
	f("198.18.0.1", reserved)
	f("::", unspecified)
	f("::1", loopback)
	f("fe80::1", linkLocal)
	f("fc00::1", private)
	f("fdff::1", private)
	f("fec0::1", private)
	f("ff02::1", multicast)
	f("2001:db8::1", documentation)
	f("3fff:fff::1", documentation)
	f("2606:4700::1111", public)
	f("100::1", reserved)
}

func TestDomainOf(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, ok := domainOf(text)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f("example.org", "example.org")
	f("EXAMPLE.Org.", "example.org")
	f("_dmarc.example.org", "_dmarc.example.org")
	f("bücher.example", "xn--bcher-kva.example")
	f("BÜCHER.example.", "xn--bcher-kva.example")
	f("XN--BCHER-KVA.example", "xn--bcher-kva.example")
	f("faß.example", "xn--fa-hia.example") // RFC 5895: not fass
	f("例え.テスト", "xn--r8jz45g.xn--zckzah")
	f("evil。example", "evil.example")
	f("4.example", "4.example")
	f("1.2.3.4", "")
	f("1.2.3.999", "")
	f("example", "")
	f("org.", "")
	f("", "")
	f(".", "")
	f("a..b", "")
	f(".a.b", "")
	f("a.b..", "")
	f("a b.c", "")
	f("http://a.b/c", "")
	f("a.b/c", "")
	f(strings.Repeat("a", 63)+".b", strings.Repeat("a", 63)+".b")
	f(strings.Repeat("a", 64)+".b", "")
	f(strings.Repeat("a.", 126)+"b", strings.Repeat("a.", 126)+"b")
	f(strings.Repeat("a.", 127)+"b", "")
	f("\xff.example", "")
}

// The table gives what trying each network in turn does.
func TestPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := rapid.Custom(func(t *rapid.T) netip.Addr {
			b := rapid.SliceOfN(rapid.ByteRange(0, 3), 16, 16).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "v4") {
				return netip.AddrFrom4([4]byte(b))
			}
			return netip.AddrFrom16([16]byte(b)).Unmap()
		})
		table := new(prefixes)
		last := map[netip.Prefix]uint32{}
		for i := range rapid.IntRange(0, 40).Draw(t, "n") {
			a := addr.Draw(t, "network")
			p := netip.PrefixFrom(a, rapid.IntRange(1, a.BitLen()).Draw(t, "bits")).Masked()
			table.add(p, uint32(i))
			last[p] = max(last[p], uint32(i))
		}
		table.sort(func(a, b uint32) bool { return a > b })
		if table.size() != len(last) {
			t.Fatalf("%d networks, want %d", table.size(), len(last))
		}
		a := addr.Draw(t, "address")
		var got, want []string
		table.find(a, func(bits int, value uint32) { got = append(got, fmt.Sprint(bits, value)) })
		for p, v := range last {
			if p.Contains(a) {
				want = append(want, fmt.Sprint(bitsOf(p), v))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%v: %v, want %v of %v", a, got, want, last)
		}
	})
}

// A set of names is a map.
func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set names
		want := map[string]uint32{}
		for range rapid.IntRange(0, 300).Draw(t, "n") {
			name := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "name")
			value := rapid.Uint32Range(1, 9).Draw(t, "value")
			set.add(name, value, func(a, b uint32) bool { return a > b })
			want[name] = max(want[name], value)
		}
		set.fit()
		if set.size() != len(want) {
			t.Fatalf("%d names, want %d", set.size(), len(want))
		}
		for name, v := range want {
			if got, ok := set.get(name); !ok || got != v {
				t.Fatalf("%q: %d, %v; want %d", name, got, ok, v)
			}
		}
		if _, ok := set.get("abc"); ok {
			t.Fatal("a name that was never added")
		}
	})
}

// What is asked for again and again stays; what is not, goes; and the bound holds.
func TestCache(t *testing.T) {
	c := newCache[int, int](shards * 2 * 10)
	often := 7
	for i := range 10_000 {
		c.put(i+100, nil)
		if v, ok := c.get(-1); i > 0 && (!ok || *v != often) {
			t.Fatalf("after %d others: %v, %v", i, v, ok)
		} else if i == 0 {
			c.put(-1, &often)
		}
		if n := c.size(); n > shards*2*10 {
			t.Fatalf("%d entries", n)
		}
	}
	if _, ok := c.get(100); ok {
		t.Error("the first one is there after 10,000 others")
	}
	if v, ok := c.get(10_099); !ok || v != nil {
		t.Error("that there is nothing was forgotten at once")
	}
}
