package enrich

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"belfry/shared/conf"
)

// lookEvery is how often the files are looked at. One that changed is loaded when it looks the same twice: by then it
// has been written to its end, most likely, and if not it is loaded again.
const lookEvery = 3 * time.Second

// part is what is loaded together: all inventories, one threat list….
type part struct {
	key   string // of the configuration
	paths []string
	// load reads the files, and returns what to change in the knowledge. Its error joins all faults.
	load func() (change func(*knowledge), err error)

	tried, seen []stamp // of the files, at the last try and at the last look
	refused     bool    // the last try failed
}

// parts lists what a configuration names, in its order.
func (c Config) parts() (all []*part) {
	add := func(key string, paths []string, load func() (func(*knowledge), error)) {
		if len(paths) > 0 && paths[0] != "" {
			all = append(all, &part{key: key, paths: paths, load: load})
		}
	}
	mmdb := func(key, path string, of func(*knowledge) **database) {
		add("enrich.geoip."+key, []string{path}, func() (func(*knowledge), error) {
			d, err := openDatabase(path)
			return func(k *knowledge) { *of(k) = d }, err
		})
	}
	mmdb("country", c.GeoIP.Country, func(k *knowledge) **database { return &k.country })
	mmdb("city", c.GeoIP.City, func(k *knowledge) **database { return &k.city })
	mmdb("asn", c.GeoIP.ASN, func(k *knowledge) **database { return &k.asn })
	add("enrich.hosts", c.Hosts, func() (func(*knowledge), error) {
		r, err := readRegister(c.Hosts, hostColumns)
		return func(k *knowledge) { k.hosts = r }, err
	})
	add("enrich.users", c.Users, func() (func(*knowledge), error) {
		r, err := readRegister(c.Users, userColumns)
		return func(k *knowledge) { k.users = r }, err
	})
	for i, t := range c.Threats {
		add(fmt.Sprintf("enrich.threats[%d]", i), []string{t.Path}, func() (func(*knowledge), error) {
			l, err := readList(t)
			return func(k *knowledge) { k.threats[i] = l }, err
		})
	}
	return all
}

// open loads a part for the first time.
func (p *part) open(k *knowledge) error {
	p.tried = stamps(p.paths)
	p.seen = p.tried
	change, err := p.load()
	if err != nil {
		return p.named(err)
	}
	change(k)
	return nil
}

// named gives each fault the key that names its file.
func (p *part) named(err error) error {
	var errs []error
	for _, e := range conf.Split(err) {
		errs = append(errs, fmt.Errorf("%s: %w", p.key, e))
	}
	return errors.Join(errs...)
}

// look loads what has changed.
func (en *Enricher) look() {
	en.mu.Lock()
	defer en.mu.Unlock()
	for _, p := range en.parts {
		now := stamps(p.paths)
		settled := slices.EqualFunc(now, p.seen, stamp.same)
		p.seen = now
		if settled && !slices.EqualFunc(now, p.tried, stamp.same) {
			en.reload(p)
		}
	}
}

// reload loads a part beside the one in use, and swaps if it is good. What changes meanwhile is left for the next look.
func (en *Enricher) reload(p *part) {
	change, err := p.load()
	if now := stamps(p.paths); !slices.EqualFunc(now, p.seen, stamp.same) {
		p.seen = now
		return
	}
	p.tried = p.seen
	if was := p.refused; was != (err != nil) {
		p.refused = !was
		if was {
			en.refused.Add(-1)
		} else {
			en.refused.Add(1)
		}
	}
	if err != nil {
		en.refusals.Inc()
		en.log.Error("changed file refused, the old one stays in use", "key", p.key, "err", err)
		return
	}
	en.loads.Inc()
	en.current.Store(en.current.Load().with(change))
	en.log.Info("changed file loaded", "key", p.key, "paths", p.paths)
}

// stamp is what tells that a file is another one, or was written to; nil: it is not there.
type stamp struct{ fs.FileInfo }

func stamps(paths []string) []stamp {
	all := make([]stamp, len(paths))
	for i, p := range paths {
		if info, err := os.Stat(p); err == nil {
			all[i] = stamp{info}
		}
	}
	return all
}

func (s stamp) same(o stamp) bool {
	if s.FileInfo == nil || o.FileInfo == nil {
		return s.FileInfo == o.FileInfo
	}
	return os.SameFile(s.FileInfo, o.FileInfo) && s.Size() == o.Size() && s.ModTime().Equal(o.ModTime())
}
