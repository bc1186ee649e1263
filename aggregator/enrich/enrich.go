// Package enrich adds to an event what its line does not say but files of the operator do: where an address is and
// who runs its network (MaxMind DB files), whose host and which person it is about (an inventory, a directory), whether
// an address or a name is on a threat list, and which side of the own network each end is on.
//
// It guarantees that no field that an event has is changed: a value is added where there is none, and to lists (tags,
// threat.*). Geography and network of one address go together: where the sender told a part of them, the rest is left
// out. It never fails, never blocks on a file or the network, and keeps what it looked up lately in bounded caches, so
// that an address that was seen before costs no allocation.
//
// The fields, for each SIDE of source, destination, client and server:
//
//	SIDE.geo.*, SIDE.as.*      of an address that is outside
//	labels.SIDE_class          public private internal loopback link_local shared multicast broadcast unspecified
//	                           documentation reserved; from outside is "NOT labels.source_class:(private OR internal)"
//	labels.SIDE_host           the name in the inventory of the host that alone has that address
//	network.direction          inbound outbound internal external, where both ends are known
//	labels.host_COLUMN         of the inventory, found by host.name, else by host.ip
//	user.full_name user.email  of the directory, found by user.name; so for user.target and user.effective
//	labels.user_COLUMN         the same, labels.user_target_COLUMN, labels.user_effective_COLUMN
//	organization.name          of the inventory's column organization, else the directory's
//	threat.indicator.{type,name,provider,description,ip,url.domain} threat.feed.name
//	labels.threat_field        which field matched
//	tags                       threat_match
//
// The criticality of a host or a user is a label: host.risk and user.risk of ECS are what somebody may do, or has done,
// not how much hangs on them. In the same way the team is no group of the system's.
//
// An Enricher is safe for concurrent use. Run loads files that changed beside what is in use, and swaps them in when
// they are good.
package enrich

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// Enricher adds fields to events. It is safe for concurrent use.
type Enricher struct {
	log     *slog.Logger
	current atomic.Pointer[knowledge]
	mu      sync.Mutex // of parts: who looks at the files
	parts   []*part
	refused atomic.Int32 // parts of which something older is in use than what lies there

	events, misses, matches, faults, loads, refusals *metrics.Counter
}

// knowledge is all that was loaded, and what was looked up in it. Its parts never change; one that is loaded anew makes
// a new knowledge, so that no answer outlives what it came from.
type knowledge struct {
	country, city, asn *database
	hosts, users       *register
	threats            []*list
	internal           *prefixes

	addresses *cache[addressKey, address]
	domains   *cache[string, []match]
}

// Open loads every file of a configuration that was validated, and counts into set, or into a set of its own if that
// is nil. The error joins the faults of all files, each with file and line; the Enricher is there all the same, without what
// they hold, and Run takes them in when they are mended. It is nil only where the configuration is not valid.
func Open(cfg Config, log *slog.Logger, set *metrics.Set) (*Enricher, error) {
	if set == nil {
		set = metrics.NewSet()
	}
	en := &Enricher{
		log:      log,
		events:   set.NewCounter("belfry_enrich_events_total"),
		misses:   set.NewCounter("belfry_enrich_cache_misses_total"),
		matches:  set.NewCounter("belfry_enrich_threat_matches_total"),
		faults:   set.NewCounter("belfry_enrich_errors_total"),
		loads:    set.NewCounter("belfry_enrich_loads_total"),
		refusals: set.NewCounter("belfry_enrich_load_errors_total"),
	}
	k := newKnowledge()
	k.threats = make([]*list, len(cfg.Threats))
	internal, err := cfg.networks()
	if err != nil {
		return nil, err
	}
	k.internal = internal
	en.parts = cfg.parts()
	var errs []error
	for _, p := range en.parts {
		err := p.open(k)
		if p.refused = err != nil; p.refused {
			en.refused.Add(1)
		}
		errs = append(errs, err)
	}
	en.current.Store(k)
	en.gauges(set)
	return en, errors.Join(errs...)
}

func newKnowledge() *knowledge {
	return &knowledge{addresses: newCache[addressKey, address](maxAddresses), domains: newCache[string, []match](maxDomains)}
}

// with returns the knowledge after one part of it changed, with nothing looked up yet.
func (k *knowledge) with(change func(*knowledge)) *knowledge {
	n := newKnowledge()
	n.country, n.city, n.asn, n.hosts, n.users, n.internal = k.country, k.city, k.asn, k.hosts, k.users, k.internal
	n.threats = append(n.threats, k.threats...)
	change(n)
	return n
}

// gauges tell how much is loaded.
func (en *Enricher) gauges(set *metrics.Set) {
	gauge := func(name string, of func(*knowledge) int) {
		set.NewGauge(name, func() float64 { return float64(of(en.current.Load())) })
	}
	gauge(`belfry_enrich_entries{kind="hosts"}`, func(k *knowledge) int { return k.hosts.size() })
	gauge(`belfry_enrich_entries{kind="users"}`, func(k *knowledge) int { return k.users.size() })
	gauge(`belfry_enrich_entries{kind="threats"}`, func(k *knowledge) (n int) {
		for _, l := range k.threats {
			n += l.size()
		}
		return n
	})
	set.NewGauge("belfry_enrich_files_refused", func() float64 { return float64(en.refused.Load()) })
}

// Run looks at the files every few seconds until ctx ends.
func (en *Enricher) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			en.look()
		}
	}
}

// Close lets go of what was loaded. Nothing may call Enrich after it.
func (en *Enricher) Close() { en.current.Store(newKnowledge()) }

// Enrich adds what is known at now. Threats that have expired by then are not.
func (en *Enricher) Enrich(e *event.Event, now time.Time) {
	en.events.Inc()
	k := en.current.Load()
	kept := len(e.Fields)
	defer func() {
		if fault := recover(); fault != nil { // a bug of ours: the event goes on as it was
			en.faults.Inc()
			clear(e.Fields[kept:])
			e.Fields = e.Fields[:kept]
		}
	}()
	v := view{event: e, all: en, know: k, now: now.Unix()}
	v.look()
	v.ends()
	v.host()
	v.people()
	v.threats()
}
