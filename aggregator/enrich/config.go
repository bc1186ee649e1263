package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"belfry/shared/conf"
)

// Config is the enrich section of the configuration. Each key that is left out leaves out what it gives.
type Config struct {
	GeoIP    GeoIP    `yaml:"geoip"`
	Hosts    []string `yaml:"hosts"`    // inventories, *.csv, *.yaml or *.yml: name, ip, owner, team, criticality…
	Users    []string `yaml:"users"`    // directories, likewise: name, full_name, email, team, criticality…
	Threats  []Threat `yaml:"threats"`  // lists of addresses, networks and domains
	Internal []string `yaml:"internal"` // own networks, as 203.0.113.0/24, beside the private ranges
}

// GeoIP names files in MaxMind's DB format. Country may be left out where City is there.
type GeoIP struct {
	Country string `yaml:"country"`
	City    string `yaml:"city"`
	ASN     string `yaml:"asn"`
}

// Threat is one list.
type Threat struct {
	Path    string        `yaml:"path"`
	Source  string        `yaml:"source"`  // who says so: threat.indicator.provider
	Feed    string        `yaml:"feed"`    // threat.feed.name; default the source
	Format  string        `yaml:"format"`  // plain or csv; default csv for *.csv, plain for all else
	TTL     conf.Duration `yaml:"ttl"`     // an entry expires so long after the file was last written; default never
	Expires string        `yaml:"expires"` // the day or the time when all of it expires; default never
}

// The formats of a threat list.
const (
	plain = "plain"
	comma = "csv"
)

// Validate reports every fault, each with its full key.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("enrich."+format, args...)) }
	tables := func(key string, paths []string) {
		for i, p := range paths {
			if !isTable(p) {
				fault("%s[%d]: %q is not a path that ends in .csv, .yaml or .yml", key, i, p)
			}
		}
	}
	tables("hosts", c.Hosts)
	tables("users", c.Users)
	for i, t := range c.Threats {
		for _, err := range t.faults() {
			fault("threats[%d].%w", i, err)
		}
	}
	if _, err := c.networks(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (t Threat) faults() (errs []error) {
	if t.Path == "" {
		errs = append(errs, errors.New("path: the file must be given"))
	}
	if t.Source == "" {
		errs = append(errs, errors.New("source: who says so must be given"))
	}
	if t.Format != "" && t.Format != plain && t.Format != comma {
		errs = append(errs, fmt.Errorf("format: %q is not plain or csv", t.Format))
	}
	if t.TTL < 0 {
		errs = append(errs, fmt.Errorf("ttl: %v is negative", t.TTL))
	}
	if _, err := parseExpiry(t.Expires); t.Expires != "" && err != nil {
		errs = append(errs, fmt.Errorf("expires: %w", err))
	}
	return errs
}

// networks reads the list of own networks.
func (c Config) networks() (*prefixes, error) {
	own := new(prefixes)
	var errs []error
	for i, text := range c.Internal {
		p, err := parsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("enrich.internal[%d]: %w", i, err))
			continue
		}
		own.add(p, 0)
	}
	own.sort(nil)
	return own, errors.Join(errs...)
}

// parsePrefix reads an address or a network. Bits beyond the network's are cleared; an IPv4 address in an IPv6 one is
// that. A network of every address is none.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, e := netip.ParseAddr(text)
		if e != nil || a.Zone() != "" {
			return p, fmt.Errorf("%.64q is no address and no network as 203.0.113.0/24", text)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if p.Bits() == 0 {
		return p, fmt.Errorf("%.64q is every address", text)
	}
	return p.Masked(), nil
}

// parseExpiry reads a time of RFC 3339, or a day, which ends at its midnight in UTC, as Unix time.
func parseExpiry(text string) (int64, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.AddDate(0, 0, 1).Unix(), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, fmt.Errorf("%.64q is no day as 2026-12-31 and no time as 2026-12-31T12:00:00Z", text)
}
