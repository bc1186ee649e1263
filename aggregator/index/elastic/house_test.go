package elastic

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/conf"
)

func day0(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(dayForm) }

// Days that are over go, each class in its time; those of others, and what has another name, stay.
func TestRetention(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	cfg := Config{Nodes: urls, Prefix: prefix(t, urls[0]), Retention: conf.Durations{
		conf.Default: conf.Duration(3 * 24 * time.Hour), "auth": conf.Duration(9 * 24 * time.Hour),
	}}
	o := open(t, cfg, Hooks{})
	put := func(class string, ago int) string { // by the template it has the alias
		name := o.c.names.index(class, day0(ago))
		if _, err := ask(t.Context(), http.MethodPut, urls[0]+"/"+name, `{"aliases":{}}`, nil); err != nil {
			t.Fatal(err)
		}
		return name
	}
	stay := []string{put("auth", 0), put("auth", 8), put("default", 0), put("default", 3), put("default", 4)}
	gone := []string{put("auth", 11), put("default", 5), put("web", 5)}
	foreign := o.c.names.index("other", day0(20))
	if _, err := ask(t.Context(), http.MethodPut, urls[0]+"/"+foreign, `{"aliases":{}}`, nil); err != nil {
		t.Fatal(err)
	}
	// By the template it has the alias; without, it is nobody's.
	_, err := ask(t.Context(), http.MethodDelete, urls[0]+"/"+foreign+"/_alias/"+o.c.names.alias(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.house.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	there := func(name string) bool {
		status, err := ask(t.Context(), http.MethodGet, urls[0]+"/"+name+"/_alias", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return status == http.StatusOK
	}
	for _, name := range append(stay, foreign) {
		if !there(name) {
			t.Errorf("%s is gone", name)
		}
	}
	for _, name := range gone {
		if there(name) {
			t.Errorf("%s is there", name)
		}
	}
	if n, err := o.Drop(t.Context(), "auth", day0(-1)); n != 1 || !errors.Is(err, index.ErrQuestion) {
		t.Errorf("dropped %d, %v: today's index must stay", n, err)
	}
}

// What comes so late that its day is over, or from a clock that is far ahead, is kept as of today, and is a repeat when
// it comes again.
func TestOtherDays(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	for _, day := range []string{"1970-01-01", "9999-12-31", day0(-3)} {
		o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
		s := newStream("day " + day)
		s.day = day
		for range 2 {
			o.must(t, s.write(0, 10))
			if err := o.house.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			once(t, o.ids(t), s, 10)
		}
		status, err := ask(t.Context(), http.MethodGet, urls[0]+"/"+o.c.names.index(s.class, day), "", nil)
		if err != nil || status != http.StatusNotFound {
			t.Errorf("%s has an index: %d, %v", day, status, err)
		}
	}
}

// One of two keeps house; the other does when that one is gone, or when its lease is over.
func TestLease(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	cfg := Config{Nodes: urls, Prefix: prefix(t, urls[0])}
	a, b := open(t, cfg, Hooks{}), open(t, cfg, Hooks{})
	holds := func(o *opened) bool {
		t.Helper()
		ok, err := o.house.hold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	// Both look for themselves when they begin, so that for a moment neither may have it.
	until(t, "one of the two holds the lease", func() bool { return holds(a) != holds(b) })
	if holds(b) {
		a, b = b, a
	}
	if !holds(a) || holds(b) {
		t.Fatal("the lease moved by itself")
	}
	b.now = func() time.Time { return time.Now().Add(leaseTime + time.Second) }
	if !holds(b) || holds(a) {
		t.Error("the lease did not end")
	}
	b.now = time.Now
	until(t, "the lease is given back", func() bool { b.house.giveUp(); return holds(a) })
}

// What two aggregators write of one agent's ledger is united, and each comes to know of the other's.
func TestTwoLedgers(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	cfg := Config{Nodes: urls, Prefix: prefix(t, urls[0])}
	a, b := open(t, cfg, Hooks{}), open(t, cfg, Hooks{})
	s := newStream("shared")
	for i := range uint64(5) {
		a.must(t, s.write(i*20, i*20+10))
		b.must(t, s.write(i*20+10, i*20+20))
	}
	once(t, a.ids(t), s, 100)
	c := open(t, cfg, Hooks{})
	if got := c.Ledger().Ranges(s.pos); len(got) != 1 || got[0] != (batch.Range{Kind: batch.Data, First: 0, End: 100}) {
		t.Errorf("%v", got)
	}
	if err := b.house.docs.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.store.docs.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.house.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !a.Held(s.pos, 99) {
		t.Error("one does not know what the other wrote")
	}
}

func TestDocs(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	o := open(t, Config{Nodes: urls, Prefix: prefix(t, urls[0])}, Hooks{})
	d, err := o.Docs(t.Context(), "trial")
	if err != nil {
		t.Fatal(err)
	}
	load := func(id, want string) ledger.Version {
		t.Helper()
		body, v, err := d.Load(t.Context(), id)
		if err != nil || string(body) != want {
			t.Errorf("%s: %q, %v", id, body, err)
		}
		return v
	}
	save := func(id, body string, v ledger.Version, want error) {
		t.Helper()
		if err := d.Save(t.Context(), id, []byte(body), v); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	none := load("a/b c", "")
	save("a/b c", `{"n":1}`, none, nil)
	save("a/b c", `{"n":2}`, none, ledger.ErrConflict)
	v := load("a/b c", `{"n":1}`)
	save("a/b c", `{"n":3}`, v, nil)
	save("a/b c", `{"n":4}`, v, ledger.ErrConflict)
	middle := time.Now()
	save("x", `{"x":{"y":[1]}}`, none, nil)
	if err := d.(*docs).refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	each := func(since time.Time) (n int) {
		t.Helper()
		err := d.Each(t.Context(), since, func(id string, body []byte, v ledger.Version) error {
			n++
			load(id, string(body))
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if all, late := each(time.Time{}), each(middle); all != 2 || late != 1 {
		t.Errorf("%d, of them %d later", all, late)
	}
	v = load("x", `{"x":{"y":[1]}}`)
	if err := d.Remove(t.Context(), "x", ledger.Version{Seq: v.Seq + 1, Term: v.Term}); !errors.Is(err, ledger.ErrConflict) {
		t.Error(err)
	}
	if err := d.Remove(t.Context(), "x", v); err != nil {
		t.Error(err)
	}
	load("x", "")
	if _, err := o.Docs(t.Context(), "a-b"); !errors.Is(err, index.ErrQuestion) {
		t.Error(err)
	}
}
