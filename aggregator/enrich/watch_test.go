package enrich

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// watched is an Enricher over files that change.
type watched struct {
	*testing.T
	en   *Enricher
	set  *metrics.Set
	said bytes.Buffer
}

func watch(t *testing.T, cfg Config) *watched {
	w := &watched{T: t, set: metrics.NewSet()}
	var err error
	if w.en, err = Open(cfg, slog.New(slog.NewTextHandler(&w.said, nil)), w.set); err != nil {
		t.Fatal(err)
	}
	return w
}

// replace puts another file in the place of one, as a tool that cares does.
func (w *watched) replace(path, text string) {
	w.Helper()
	write(w, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		w.Fatal(err)
	}
}

// is looks twice, as changes need, and checks the fields of an event, the lines that were logged and the metrics.
func (w *watched) is(pairs []string, field, want string, said, loads, refusals int) {
	w.Helper()
	w.en.look()
	w.en.look()
	e := eventOf(pairs...)
	w.en.Enrich(e, now)
	if got := e.Get(field); got != want {
		w.Errorf("%s is %q, want %q", field, got, want)
	}
	if got := strings.Count(w.said.String(), "\n"); got != said {
		w.Errorf("%d lines were logged, want %d:\n%s", got, said, w.said.String())
	}
	l, r := count(w, w.set, "belfry_enrich_loads_total"), count(w, w.set, "belfry_enrich_load_errors_total")
	if l != fmt.Sprint(loads) || r != fmt.Sprint(refusals) {
		w.Errorf("%s loads and %s refusals, want %d and %d", l, r, loads, refusals)
	}
}

func TestReload(t *testing.T) {
	path := file(t, "h.csv", "name,owner\nweb,Ann\n")
	w := watch(t, Config{Hosts: []string{path}})
	web := on("host.name=web")
	w.is(web, "labels.host_owner", "Ann", 0, 0, 0)
	w.replace(path, "name,owner\nweb,Bob\n")
	w.is(web, "labels.host_owner", "Bob", 1, 1, 0)
	w.is(web, "labels.host_owner", "Bob", 1, 1, 0)

	// A bad one is told once, with its place; the old one stays.
	w.replace(path, "name,owner\nweb\n")
	w.is(web, "labels.host_owner", "Bob", 2, 1, 1)
	w.is(web, "labels.host_owner", "Bob", 2, 1, 1)
	if !strings.Contains(w.said.String(), "h.csv:2: wrong number of fields") || count(t, w.set, "belfry_enrich_files_refused") != "1" {
		t.Error(w.said.String())
	}
	write(t, path, "name,owner\nweb,Carol\n") // in place
	w.is(web, "labels.host_owner", "Carol", 3, 2, 1)
	if count(t, w.set, "belfry_enrich_files_refused") != "0" {
		t.Error("it is good again")
	}

	// Gone, and back as it was.
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	w.is(web, "labels.host_owner", "Carol", 4, 2, 2)
	w.is(web, "labels.host_owner", "Carol", 4, 2, 2)
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	w.is(web, "labels.host_owner", "Carol", 5, 3, 2)
}

// A file that is still being written is left alone until it rests.
func TestUnsettled(t *testing.T) {
	path := file(t, "l", "1.2.3.4\n")
	w := watch(t, Config{Threats: []Threat{{Path: path, Source: "x"}}})
	for i := range 5 {
		write(t, path, strings.Repeat("5.6.7.8\n", i+2))
		w.en.look()
	}
	if got := count(t, w.set, "belfry_enrich_loads_total"); got != "0" {
		t.Errorf("%s loads of a file that grows", got)
	}
	w.is(on("source.ip=5.6.7.8"), "tags", "threat_match", 1, 1, 0)
	w.is(on("source.ip=1.2.3.4"), "tags", "", 1, 1, 0)

	// What changes while it is read is not used, and not told of.
	write(t, path, "9.9.9.9\nwrong")
	w.en.look()
	load := w.en.parts[0].load
	w.en.parts[0].load = func() (func(*knowledge), error) {
		defer write(t, path, "9.9.9.9\nright.example\n")
		return load()
	}
	w.en.look()
	w.en.parts[0].load = load
	w.is(on("source.ip=9.9.9.9"), "tags", "threat_match", 2, 2, 0)
}

// One part is loaded anew, the others stay; what was looked up before does not.
func TestParts(t *testing.T) {
	country := mmdb(t, "c.mmdb", "x", map[string]fields{"81.2.69.0/24": {"country_code": "GB"}})
	one, other := file(t, "one", "81.2.69.1\n"), file(t, "other", "81.2.69.0/24\n")
	w := watch(t, Config{GeoIP: GeoIP{Country: country}, Internal: []string{"203.0.113.0/24"},
		Threats: []Threat{{Path: one, Source: "one"}, {Path: other, Source: "other"}}})
	f := func(want string) {
		t.Helper()
		w.en.look()
		w.en.look()
		e := eventOf("source.ip=81.2.69.1", "destination.ip=203.0.113.1")
		w.en.Enrich(e, now)
		if got := fmt.Sprint(e.Get("source.geo.country_iso_code"), e.All("threat.feed.name"), e.Get("network.direction")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("GB[one other]inbound")
	before := w.en.current.Load()
	held := before.threats[0]
	w.replace(one, "# nobody\n")
	f("GB[other]inbound")
	if before.threats[0] != held {
		t.Error("what was in use has changed")
	}
	w.replace(country, string(mmdbBytes(t, "x", 6, map[string]fields{"81.2.69.0/24": {"country_code": "FR"}})))
	f("FR[other]inbound")
	w.replace(country, "no database")
	f("FR[other]inbound")
}

func TestRun(t *testing.T) {
	path := file(t, "h.csv", "name,owner\nweb,Ann\n")
	synctest.Test(t, func(t *testing.T) {
		en, err := Open(Config{Hosts: []string{path}}, quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer en.Close()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); en.Run(ctx) }()
		write(t, path, "name,owner\nweb,Barbara\n")
		time.Sleep(2*lookEvery + time.Second) // of the test's own clock
		synctest.Wait()
		want(t, en, on("host.name=web"), "labels.host_owner=Barbara")
		cancel()
		<-done
	})
}
