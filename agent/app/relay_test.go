package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship"
	"belfry/agent/spool"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// taken is a road that keeps what it is given. While it is blocked, it confirms nothing.
type taken struct {
	blocked bool

	mu      sync.Mutex
	batches []*batch.Sealed
}

func (r *taken) Send(_ context.Context, b *batch.Sealed, done func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocked {
		return
	}
	r.batches = append(r.batches, b)
	done(nil)
}

// relayRig is a relay with its shippers, in a folder.
type relayRig struct {
	*relay
	t     *testing.T
	road  *taken
	ships []*ship.Shipper
	end   context.CancelFunc
	ended sync.WaitGroup
}

var relaySource = file.Source{Agent: event.HashKey("a"), Version: "v", Host: "relay1", Zone: "UTC"}

func newRelay(t *testing.T, dir string, lanes int, road *taken, classes ...string) *relayRig {
	t.Helper()
	r := &relayRig{t: t, road: road}
	set := metrics.NewSet()
	for lane := range lanes {
		b, err := batch.NewBuilder(relaySource.Agent, event.HashKey("b"), lane, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.ships = append(r.ships, ship.New(ship.Config{}, b, road, func(m *batch.Manifest) {
			for _, s := range m.Streams {
				r.confirmed(s)
			}
		}, quiet, set))
	}
	if len(classes) == 0 {
		classes = []string{classAuth, classDefault}
	}
	var err error
	if r.relay, err = openRelay(dir, spool.Config{}, classes, relaySource, r.ships, quiet, set); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	for _, s := range r.ships {
		r.ended.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	r.ended.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
		for _, s := range r.ships {
			s.Close()
		}
	})
	return r
}

func (r *relayRig) put(e ear, messages ...syslog.Message) {
	r.t.Helper()
	s := e.Session()
	for _, m := range messages {
		m.Priority = syslog.PriorityOf(m.Raw)
		if err := s.Put(r.t.Context(), m); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := s.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// finish stops in order.
func (r *relayRig) finish() {
	r.t.Helper()
	r.stop()
	if r.road.blocked {
		time.AfterFunc(drainSpool+time.Second/10, r.end) // as the group's grace
	}
	r.ended.Wait()
	r.end()
	if err := r.Close(false); err != nil {
		r.t.Error(err)
	}
}

// shipped returns the events that the road took, in order, and what the manifests say of each stream.
func (r *relayRig) shipped() (events []map[string]any, streams []batch.Stream) {
	r.t.Helper()
	opener, err := batch.NewOpener()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, b := range r.road.batches {
		lines, err := opener.Open(b.Manifest, b.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, line := range lines {
			var e map[string]any
			if !utf8.Valid(line) {
				r.t.Errorf("not UTF-8: %q", line)
			}
			if err := json.Unmarshal(line, &e); err != nil {
				r.t.Fatalf("%v: %q", err, line)
			}
			events = append(events, e)
		}
		streams = append(streams, b.Manifest.Streams...)
	}
	return events, streams
}

// relayedOf puts messages through a relay and returns the events and what the manifests say.
func relayedOf(t *testing.T, messages ...syslog.Message) ([]map[string]any, []batch.Stream) {
	t.Helper()
	r := newRelay(t, t.TempDir(), 1, &taken{})
	r.put(r.ear(""), messages...)
	r.finish()
	return r.shipped()
}

func message(raw string) syslog.Message {
	return syslog.Message{
		Raw: []byte(raw), OriginalLength: len(raw), Peer: netip.MustParseAddrPort("192.0.2.7:5140"), Transport: "tcp",
		Received: time.Date(2026, 11, 23, 23, 59, 59, 5000, time.FixedZone("", 3600)),
	}
}

// at follows a path of names through an event.
func at(e any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, _ := e.(map[string]any)
		e = m[name]
	}
	return e
}

func TestRelayedEvent(t *testing.T) {
	m := message("<34>Oct 11 22:14:15 h su: x")
	m.Peer = netip.MustParseAddrPort("[fe80::1%eth0]:514")
	m.Client = "web01"
	local := message("no priority")
	local.Peer, local.Transport = netip.AddrPort{}, "unix"
	events, streams := relayedOf(t, m, local)
	if len(events) != 2 || len(streams) != 2 {
		t.Fatalf("%d events, %d streams", len(events), len(streams))
	}
	f := func(e map[string]any, path string, want any) {
		t.Helper()
		if got := at(e, path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	first, second := events[0], events[1]
	if at(first, "source") == nil {
		first, second = second, first
	}
	f(first, "@timestamp", "2026-11-23T22:59:59.000005Z")
	f(first, "event.created", "2026-11-23T22:59:59.000005Z")
	f(first, "event.original", "<34>Oct 11 22:14:15 h su: x")
	f(first, "event.timezone", "UTC")
	f(first, "agent.id", event.HashKey("a").String())
	f(first, "agent.version", "v")
	f(first, "log.offset", 0.0)
	f(first, "log.original_length", nil)
	f(first, "log.syslog.priority", 34.0)
	f(first, "log.syslog.facility.code", 4.0)
	f(first, "log.syslog.facility.name", "auth")
	f(first, "log.syslog.severity.code", 2.0)
	f(first, "log.syslog.severity.name", "crit")
	f(first, "network.transport", "tcp")
	f(first, "observer.name", "relay1")
	f(first, "source.ip", "fe80::1")
	f(first, "tls.client.x509.subject.common_name", "web01")
	f(first, "host", nil) // the sender's, which is in its header
	f(first, "tags", nil)
	f(second, "host.name", "relay1") // a program of this host
	f(second, "observer", nil)
	f(second, "source", nil)
	f(second, "tls", nil)
	f(second, "log.syslog", nil)
	f(second, "network.transport", "unix")
}

// Whatever bytes come, an event is valid JSON, and they can be had back.
func TestRelayedBytes(t *testing.T) {
	f := func(raw string) {
		t.Helper()
		events, _ := relayedOf(t, message(raw))
		e := events[0]
		if utf8.ValidString(raw) {
			if at(e, "event.original") != raw || at(e, "labels") != nil || at(e, "tags") != nil {
				t.Errorf("%q: %v", raw, e)
			}
			return
		}
		text, _ := at(e, "labels.raw_base64").(string)
		got, err := base64.StdEncoding.DecodeString(text)
		tags, _ := at(e, "tags").([]any)
		if err != nil || string(got) != raw || len(tags) != 1 || tags[0] != "invalid_utf8" {
			t.Errorf("%q: %q, %v, tags %v", raw, got, err, tags)
		}
	}
	f(`<13>quotes " and \ and </script>`)
	f("<13>\x00\x01\x1b[31m\x7f\r\n\t")
	f("<13>\u2028\u2029\ufeff\U0001f514")
	f("<13>\xc0\x80")
	f("<13>\xed\xa0\x80 lone surrogate")
	f("<13>Latin-1 \xe9\xff")
	f("<13>cut \xf0\x9f\x94")
	f("\xff")
}

func TestRelayedCutMessage(t *testing.T) {
	m := message("<13>the beginning")
	m.OriginalLength = 100_000
	events, _ := relayedOf(t, m, message("<13>next"))
	tags, _ := at(events[0], "tags").([]any)
	if at(events[0], "log.original_length") != 100_000.0 || at(events[1], "log.original_length") != nil ||
		len(tags) != 1 || tags[0] != "truncated" || at(events[1], "tags") != nil {
		t.Errorf("%v", events)
	}
}

// chain checks that the ranges of each stream go on from each other, and returns where each ends.
func chain(t *testing.T, from map[event.Key]uint64, streams []batch.Stream) map[event.Key]uint64 {
	t.Helper()
	for _, s := range streams {
		for _, r := range s.Ranges {
			if r.First != from[s.ID] || r.Kind != batch.Data {
				t.Fatalf("range %v behind %d", r, from[s.ID])
			}
			from[s.ID] = r.End
		}
	}
	return from
}

// Offsets rise without a hole or an overlap, over batches and days, and no two events have one id.
func TestRelayedOffsets(t *testing.T) {
	var all []syslog.Message
	for i := range 2500 {
		m := message("<13>the same message")
		m.Received = m.Received.Add(time.Duration(i) * time.Minute)
		all = append(all, m)
	}
	events, streams := relayedOf(t, all...)
	chain(t, map[event.Key]uint64{}, streams)
	ids := make(map[any]bool)
	for _, e := range events {
		ids[at(e, "event.id")] = true
	}
	if len(events) != 2500 || len(ids) != 2500 {
		t.Errorf("%d events, %d ids", len(events), len(ids))
	}
}

// The stream goes on after a restart; what nobody confirmed comes again, with the same id.
func TestRelayGoesOn(t *testing.T) {
	t.Parallel() // it waits for a blocked road
	dir := t.TempDir()
	first := newRelay(t, dir, 1, &taken{})
	first.put(first.ear(""), message("<13>one"))
	first.finish()
	one, streams := first.shipped()
	mark := chain(t, map[event.Key]uint64{}, streams)

	cut := newRelay(t, dir, 1, &taken{blocked: true})
	cut.put(cut.ear(""), message("<13>two"), message("<13>three"))
	cut.finish()

	last := newRelay(t, dir, 1, &taken{})
	last.put(last.ear(""), message("<13>four"))
	last.finish()
	rest, streams2 := last.shipped()
	chain(t, mark, streams2)
	if streams[0].Epoch != streams2[0].Epoch {
		t.Error("another epoch after an ordered restart")
	}
	var texts []string
	for _, e := range append(one, rest...) {
		texts = append(texts, at(e, "event.original").(string))
	}
	if d := cmp.Diff([]string{"<13>one", "<13>two", "<13>three", "<13>four"}, texts); d != "" {
		t.Error(d)
	}
	for _, r := range []*relayRig{first, cut, last} {
		if d := r.cuts.doubts(); len(d) > 0 {
			t.Errorf("doubts %v", d)
		}
	}
}

// A relay that was cut off sends all that was on the disk, and says once that there may have been more.
func TestRelayCutOff(t *testing.T) {
	t.Parallel() // it waits for a blocked road
	dir, copied := t.TempDir(), t.TempDir()
	r := newRelay(t, dir, 1, &taken{blocked: true})
	r.put(r.ear(""), message("<13>kept"), message("<34>kept too"))
	for err := fs.ErrNotExist; err != nil; { // files come and go while it runs
		if err = os.RemoveAll(copied); err == nil {
			err = os.CopyFS(copied, os.DirFS(dir))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	r.finish()
	again := newRelay(t, copied, 1, &taken{})
	again.finish()
	events, _ := again.shipped()
	if len(events) != 2 {
		t.Errorf("%d events", len(events))
	}
	if d := again.cuts.doubts(); len(d) != 1 || d[0].Path != "syslog" || !strings.Contains(d[0].Reason, "cut off after 20") {
		t.Errorf("doubts %v", d)
	}
	if d := again.cuts.doubts(); len(d) != 0 {
		t.Errorf("said again: %v", d)
	}
	third := newRelay(t, copied, 1, &taken{}) // nobody has confirmed that they were told
	if d := third.cuts.doubts(); len(d) != 1 {
		t.Errorf("doubts of the third start: %v", d)
	}
	if err := third.cuts.told(); err != nil {
		t.Error(err)
	}
	third.finish()
	fourth := newRelay(t, copied, 1, &taken{})
	if d := fourth.cuts.doubts(); len(d) != 0 {
		t.Errorf("said after it was confirmed: %v", d)
	}
	fourth.finish()
}

// What a disk has spoilt is declared, to the byte, and nothing else is lost by it.
func TestRelayDamage(t *testing.T) {
	t.Parallel() // it waits for a blocked road
	f := func(name string, spoil func(text []byte) []byte, want int, dropped uint64, epochs int) {
		t.Helper()
		dir := t.TempDir()
		r := newRelay(t, dir, 1, &taken{blocked: true})
		for i := range 9 {
			r.put(r.ear(""), message(fmt.Sprintf("<13>message %d", i)))
		}
		r.finish()
		files, err := filepath.Glob(filepath.Join(dir, "0-default", "*.seg"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files[0], spoil(text), 0o600); err != nil {
			t.Fatal(err)
		}
		last := newRelay(t, dir, 1, &taken{})
		last.put(last.ear(""), message("<13>after"))
		last.finish()
		events, streams := last.shipped()
		if len(events) != want {
			t.Errorf("%s: %d events, want %d", name, len(events), want)
		}
		at := make(map[uint64]uint64)
		lost := uint64(0)
		for _, s := range streams {
			for _, r := range s.Ranges {
				if r.First != at[s.Epoch] {
					t.Errorf("%s: range %v behind %d", name, r, at[s.Epoch])
				}
				at[s.Epoch] = r.End
				if r.Kind == batch.Dropped {
					lost += r.End - r.First
				}
			}
		}
		if lost != dropped || len(at) != epochs {
			t.Errorf("%s: %d bytes dropped in %d epochs, want %d in %d", name, lost, len(at), dropped, epochs)
		}
	}
	one := message("<13>message 0")
	size := uint64(len(appendKept(nil, &one)))
	f("nothing", func(b []byte) []byte { return b }, 10, 0, 1)
	f("in the middle", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, 9, size, 1)
	f("at its end", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, 9, size, 2) // nobody knows how much was there
	f("cut", func(b []byte) []byte { return b[:len(b)/2] }, 5, 5*size, 1)
}

// The number of dropped messages outlives the process, until the receiver has heard of it; a stop that left something is told.
func TestDropsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	f := func(begin, more, heard uint64, left bool) *cutOffs {
		t.Helper()
		c, err := openCutOffs(dir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.count(0); got != begin {
			t.Errorf("%d messages to be told at the start, want %d", got, begin)
		}
		c.count(more)
		c.hear(heard)
		if err := errors.Join(c.keep(), c.end(left)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	f(0, 10, 0, false)
	f(10, 5, 12, false)
	c := f(3, 0, 3, false)
	if len(c.doubts()) > 0 {
		t.Error("an ordered end is in doubt")
	}
	if _, err := os.Stat(c.path); err == nil {
		t.Error("the file is still there, and nothing to be told")
	}
	f(0, 0, 0, true)
	killed, err := openCutOffs(dir, time.Now())
	if err != nil || len(killed.doubts()) != 1 {
		t.Errorf("a stop that left something is not told: %v", err)
	}
	killed.count(7)
	if err := killed.keep(); err != nil { // and nothing more
		t.Fatal(err)
	}
	again, err := openCutOffs(dir, time.Now())
	if err != nil || again.count(0) != 7 || len(again.doubts()) != 2 {
		t.Errorf("after a kill: %v, %+v", err, again)
	}
}

// Each sender's messages go by one lane, those of auth by a class of their own; what is left of more lanes is sent too.
func TestLanesAndClasses(t *testing.T) {
	t.Parallel() // it waits for a blocked road
	dir := t.TempDir()
	r := newRelay(t, dir, 4, &taken{blocked: true}, classAuth, classDefault, "net")
	lanes := make(map[string]bool)
	for i := range 64 {
		m := message(fmt.Sprintf("<13>%d", i))
		m.Peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), uint16(1000+i))
		a := m
		a.Raw = []byte(fmt.Sprintf("<86>%d", i)) // authpriv
		r.put(r.ear(""), m, a)
		r.put(r.ear("net"), a)
		m.Peer = netip.AddrPortFrom(m.Peer.Addr(), 9)
		r.put(r.ear(""), m)
		lanes[fmt.Sprint(laneOf(m.Peer.Addr(), 4))] = true
	}
	r.finish()
	if len(lanes) != 4 {
		t.Errorf("64 senders on %d of 4 lanes", len(lanes))
	}
	last := newRelay(t, dir, 1, &taken{})
	last.finish()
	events, streams := last.shipped()
	chain(t, map[event.Key]uint64{}, streams)
	if len(events) != 256 {
		t.Errorf("%d events, want 256", len(events))
	}
	classes := make(map[string]int)
	for _, s := range streams {
		classes[s.Class] += s.Events
	}
	if d := cmp.Diff(map[string]int{classAuth: 64, classDefault: 128, "net": 64}, classes); d != "" {
		t.Error(d)
	}
}

// The heartbeat names each stream that has ever had something, with its end, and what waits.
func TestRelayEnds(t *testing.T) {
	t.Parallel() // it waits for a blocked road
	r := newRelay(t, t.TempDir(), 1, &taken{blocked: true})
	r.put(r.ear(""), message("<13>one"))
	ends := r.ends()
	if len(ends) != 1 || ends[0].Path != "syslog/0-default" || ends[0].End+ends[0].Behind == 0 || ends[0].Cursor != 0 || ends[0].Since.IsZero() ||
		ends[0].ID != event.HashKey("syslog", relaySource.Agent.String(), "syslog/0-default") || r.spool.Waiting() == 0 {
		t.Errorf("%+v, %d bytes wait", ends, r.spool.Waiting())
	}
	r.finish()
}

// A folder that is none of ours in the spool is told by its path, and not touched.
func TestForeignFolderInSpool(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := openRelay(dir, spool.Config{}, nil, relaySource, make([]*ship.Shipper, 1), quiet, metrics.NewSet())
	if err != nil && !strings.Contains(err.Error(), "lost+found") {
		t.Errorf("%v", err)
	}
}

func FuzzKept(f *testing.F) {
	m := message("<13>x")
	f.Add(appendKept(nil, &m))
	m.Client, m.OriginalLength, m.Peer = "web01", 1<<20, netip.MustParseAddrPort("[2001:db8::1]:514")
	f.Add(appendKept(nil, &m))
	f.Add([]byte{1, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readKept(b)
		if err != nil {
			return
		}
		again, err := readKept(appendKept(nil, &m))
		same := cmp.Equal(m, again, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty())
		if err != nil || !same {
			t.Errorf("%+v, then %+v, %v", m, again, err)
		}
	})
}

func BenchmarkRelay(b *testing.B) {
	m := message("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8 " + strings.Repeat("x", 100))
	m.Priority = 34
	kept := appendKept(nil, &m)
	events := relayed{src: relaySource}
	place := batch.Place{Stream: event.HashKey("s"), Class: "auth", Day: "2026-11-28"}
	b.Run("keep", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			kept = appendKept(kept[:0], &m)
		}
	})
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := readKept(kept)
			if err != nil {
				b.Fatal(err)
			}
			m.Priority = syslog.PriorityOf(m.Raw)
			_ = events.event(place, 7, &m)
		}
	})
}
