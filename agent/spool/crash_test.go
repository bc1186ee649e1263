package spool

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/conf"
)

// TestCrash puts, takes and confirms, and ends each round in another way: it closes the spool, or kills it before or behind a
// sync, or cuts the power, or spoils what lies on the disk. No place ever stands for two contents that have left, and
// everything comes again, in order, that was on the disk, not confirmed, and is still readable. Each byte of each epoch comes
// once, from where the queue was confirmed to the end: as it was put, or as lost, and that only if something was spoilt.
func TestCrash(t *testing.T) {
	dir := quick(t)
	for seed := range uint64(40) {
		c := &crash{T: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), dir: filepath.Join(dir, fmt.Sprint(seed)),
			sent: map[spot]string{}, boots: map[uint64]int{}}
		for range 12 {
			c.round()
		}
		must(t, os.RemoveAll(c.dir))
	}
}

type spot struct{ epoch, first uint64 }

type crash struct {
	*testing.T
	seed   uint64
	rand   *rand.Rand
	dir    string
	boot   int
	put    int
	sent   map[spot]string // all that ever left
	expect []Record        // what must come first after the crash
	spoilt bool            // a disk was, ever
	boots  map[uint64]int  // of the epochs
	r      *rig

	// Of this round:
	all       map[uint64]string // payloads by lsn
	taken     []uint64          // handed out and not confirmed
	synced    uint64            // all up to this lsn is on the disk
	confirmed uint64
	sizes     map[string]int64 // what of each file is on the disk
	shot      func()           // copies the folder, before or behind the next sync
	reach     []Reach          // how far the epochs reached at the start; that of the last record first
	at        uint64           // the place behind that
}

func (c *crash) round() {
	c.all, c.taken, c.synced, c.confirmed = map[uint64]string{}, nil, 0, 0
	c.r = start(c, c.dir, Config{MaxBytes: 1 << 20, SyncAfter: conf.Duration(time.Millisecond)}, func(s *Spool) {
		s.boot = fmt.Sprint("boot ", c.boot)
		s.sync = c.sync
	})
	c.sizes = c.written() // Open has synced it
	c.reach = c.r.q.Reach()
	c.at = c.reach[0].Cursor
	if e := c.r.q.epoch; c.boots[e] == 0 {
		c.boots[e] = c.boot + 1
	} else if c.boots[e] != c.boot+1 {
		c.Fatalf("seed %d: epoch %d goes on behind a boot", c.seed, e)
	}
	c.again()
	for range c.rand.IntN(30) {
		if c.r.room.held.Load() > 600<<10 {
			c.takes(1 << 20)
			c.confirms(true)
		}
		c.puts()
		if c.rand.IntN(3) == 0 {
			c.takes(c.rand.IntN(30))
			c.confirms(c.rand.IntN(3) > 0)
		}
	}
	if c.rand.IntN(4) == 0 {
		c.rest()
	}
	switch c.rand.IntN(6) {
	case 0:
		c.r.end()
		c.synced = c.r.q.last
		c.boot += c.rand.IntN(2)
	case 1: // the cursor was saved, and nothing removed yet
		c.r.stop()
		must(c, c.r.q.saveCursor(false))
		c.kill(false, false)
	default:
		c.kill(true, c.rand.IntN(2) == 0)
	}
	if c.rand.IntN(4) == 0 {
		c.spoil()
	}
	c.look()
}

// again checks that what was on the disk comes, and that it has the same places.
func (c *crash) again() {
	for _, want := range c.expect {
		if rec := c.take(); rec.LSN != want.LSN || rec.Epoch != want.Epoch || rec.First != want.First || string(rec.Payload) != string(want.Payload) {
			c.Fatalf("seed %d: %d.%d.%d %.20q came again, want %d.%d.%d %.20q", c.seed, rec.LSN, rec.Epoch, rec.First, rec.Payload,
				want.LSN, want.Epoch, want.First, want.Payload)
		}
	}
}

func (c *crash) take() Record {
	rec := c.r.next()
	for c.follows(rec); rec.Lost; c.follows(rec) {
		if !c.spoilt {
			c.Fatalf("seed %d: %+v, and nothing was spoilt", c.seed, rec)
		}
		c.taken = append(c.taken, rec.LSN)
		rec = c.r.next()
	}
	at := spot{rec.Epoch, rec.First}
	if was, ok := c.sent[at]; ok && was != string(rec.Payload) {
		c.Fatalf("seed %d: %d.%d was %.20q and is %.20q", c.seed, rec.Epoch, rec.First, was, rec.Payload)
	}
	if was, ok := c.all[rec.LSN]; ok && was != string(rec.Payload) {
		c.Fatalf("seed %d: record %d is %.20q, put was %.20q", c.seed, rec.LSN, rec.Payload, was)
	}
	c.sent[at], c.all[rec.LSN] = string(rec.Payload), string(rec.Payload)
	c.taken = append(c.taken, rec.LSN)
	c.synced = max(c.synced, rec.LSN)
	return rec
}

// follows checks that a record lies behind the one before.
func (c *crash) follows(rec Record) {
	for len(c.reach) > 1 && c.reach[0].Epoch != rec.Epoch && c.at == c.reach[0].End {
		c.reach = c.reach[1:]
		c.at = c.reach[0].Cursor
	}
	if n := len(c.taken); c.reach[0].Epoch != rec.Epoch || rec.First != c.at || n > 0 && rec.LSN <= c.taken[n-1] {
		c.Fatalf("seed %d: %d.%d.%d-%d, lost: %v, behind %d of %+v, %v", c.seed, rec.LSN, rec.Epoch, rec.First, rec.End, rec.Lost, c.at,
			c.reach, c.taken)
	}
	c.at = rec.End
}

// rest takes what is left, up to the end of all that was put.
func (c *crash) rest() {
	lsn := c.r.put("rest")
	c.all[lsn] = "rest"
	for c.take().LSN != lsn {
	}
	c.r.q.Confirm(lsn)
	for _, p := range c.r.q.Reach() {
		if p.Cursor != p.End || p.Epoch != c.r.q.epoch || c.r.Waiting() != 0 {
			c.Fatalf("seed %d: all is confirmed, and it reaches to %+v", c.seed, p)
		}
	}
	c.taken, c.confirmed = nil, lsn
}

func (c *crash) puts() {
	var lsn uint64
	for range 1 + c.rand.IntN(12) {
		c.put++
		p := fmt.Sprintf("%d %s", c.put, strings.Repeat("x", c.rand.IntN(4000)))
		lsn = c.r.put(p)
		c.all[lsn] = p
	}
	if c.rand.IntN(3) > 0 {
		c.r.synced(lsn)
		c.synced = lsn
	}
}

// takes takes up to n records, of those that were put.
func (c *crash) takes(n int) {
	for ; n > 0; n-- {
		c.r.q.reading.Lock()
		at := c.r.q.reader.At()
		c.r.q.reading.Unlock()
		if len(c.all) == 0 || at > slices.Max(slices.Collect(maps.Keys(c.all))) {
			return
		}
		c.take()
	}
}

func (c *crash) confirms(all bool) {
	n := len(c.taken)
	if n == 0 {
		return
	}
	if !all {
		n = 1 + c.rand.IntN(n)
	}
	c.confirmed = c.taken[n-1]
	c.r.q.Confirm(c.confirmed)
	c.taken = c.taken[n:]
}

// kill ends the process, in the middle of a sync if it still runs. A power cut takes any part of what was not synced.
func (c *crash) kill(running, power bool) {
	to := c.dir + ".crash"
	shoot := func() {
		c.r.q.tidying.Lock()
		defer c.r.q.tidying.Unlock()
		c.r.q.saving.Lock()
		defer c.r.q.saving.Unlock()
		if err := os.CopyFS(to, os.DirFS(c.dir)); err != nil {
			c.Error(err)
		}
	}
	if running {
		c.r.q.mu.Lock()
		c.shot = shoot
		c.r.q.mu.Unlock()
		c.r.synced(c.r.put("last"))
	} else {
		shoot()
	}
	c.r.stop()
	if power {
		c.boot++
		c.cut(filepath.Join(to, "q"))
	}
	must(c, os.RemoveAll(c.dir))
	must(c, os.Rename(to, c.dir))
}

// sync stands between the spool and the disk.
func (c *crash) sync(sync func() error) error {
	c.r.q.mu.Lock()
	shot := c.shot
	c.shot = nil
	c.r.q.mu.Unlock()
	before := c.seed%2 == 0
	if shot != nil && before {
		shot()
	}
	sizes := c.written()
	if err := sync(); err != nil {
		return err
	}
	if shot == nil || !before {
		c.r.q.mu.Lock()
		c.sizes = sizes
		c.r.q.mu.Unlock()
	}
	if shot != nil && !before {
		shot()
	}
	return nil
}

// written returns the sizes of the segments.
func (c *crash) written() map[string]int64 {
	sizes := map[string]int64{}
	all, _ := filepath.Glob(filepath.Join(c.dir, "q", "*.seg"))
	for _, path := range all {
		if fi, err := os.Stat(path); err == nil {
			sizes[filepath.Base(path)] = fi.Size()
		}
	}
	return sizes
}

// cut takes from the last segment any part of what was not synced.
func (c *crash) cut(dir string) {
	all, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	must(c, err)
	path := slices.Max(all)
	fi, err := os.Stat(path)
	must(c, err)
	least := max(c.sizes[filepath.Base(path)], 20)
	if least < fi.Size() {
		must(c, os.Truncate(path, least+c.rand.Int64N(fi.Size()-least+1)))
	}
}

// spoil changes anything on the disk.
func (c *crash) spoil() {
	all, err := filepath.Glob(filepath.Join(c.dir, "q", "*"))
	must(c, err)
	c.synced, c.spoilt = 0, true
	for range 1 + c.rand.IntN(4) {
		path := all[c.rand.IntN(len(all))]
		b, err := os.ReadFile(path)
		must(c, err)
		if len(b) == 0 {
			continue
		}
		if at := c.rand.IntN(len(b)); c.rand.IntN(3) == 0 {
			b = b[:at]
			c.boot++ // whole records that are gone without a trace: only a machine that has died does that
		} else {
			b[at] ^= 1 << c.rand.IntN(8)
		}
		must(c, os.WriteFile(path, b, 0o600))
	}
}

// look sees what must come again, and whether everything is there that was on the disk.
func (c *crash) look() {
	c.expect = nil
	there := map[uint64]string{}
	must(c, Each(c.dir, "q", func(r Record) error {
		r.Payload = slices.Clone(r.Payload)
		c.expect = append(c.expect, r)
		there[r.LSN] = string(r.Payload)
		return nil
	}))
	for lsn, payload := range c.all {
		if lsn > c.confirmed && lsn <= c.synced && there[lsn] != payload {
			c.Fatalf("seed %d: record %d %.20q was on the disk, and is %.20q", c.seed, lsn, payload, there[lsn])
		}
	}
}
