package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"belfry/shared/segment"
)

func each(t *testing.T, dir, queue string) (all []string) {
	t.Helper()
	must(t, Each(dir, queue, func(r Record) error {
		all = append(all, fmt.Sprintf("%d %d.%d-%d %s", r.LSN, r.Epoch, r.First, r.End, r.Payload))
		return nil
	}))
	return all
}

func TestCheckAndRepair(t *testing.T) {
	dir := t.TempDir()
	for _, what := range []func(string) ([]QueueReport, error){Check, Repair} {
		if all, err := what(filepath.Join(dir, "none")); err != nil || all != nil {
			t.Errorf("%v, %v", all, err)
		}
	}
	r := start(t, dir, Config{})
	all := numbered(0, 20)
	r.synced(r.put(all...))
	r.q.Confirm(r.want(all[:5]...).LSN)
	check := func(what func(string) ([]QueueReport, error), want QueueReport) {
		t.Helper()
		want.Name = "q"
		got, err := what(dir)
		must(t, err)
		for i := range got {
			if n := len(got[i].Damage); n != len(want.Damage) {
				t.Errorf("damage %v, want %d places", got[i].Damage, len(want.Damage))
			}
			want.Damage = got[i].Damage
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	bytes := func(all []string) uint64 { return uint64(len(strings.Join(all, ""))) }
	r.until("a cursor", func() bool { return len(each(t, dir, "q")) == 15 }) // beside
	sound := QueueReport{Records: 20, Bytes: bytes(all), Waiting: 15, WaitingBytes: bytes(all[5:])}
	check(Check, sound)
	r.end()
	check(Repair, sound)

	spoil(t, dir, recordCost+len(all[19])+1) // number 18
	spoil(t, dir, 1)                         // number 19
	before := each(t, dir, "q")
	spoilt := sound
	spoilt.Records, spoilt.Bytes = 18, sound.Bytes-bytes(all[18:])
	spoilt.Waiting, spoilt.WaitingBytes = 13, sound.WaitingBytes-bytes(all[18:])
	whole := spoilt
	spoilt.Damage = append(spoilt.Damage, make([]segment.Damage, 1)...)
	check(Check, spoilt)
	must(t, os.Remove(filepath.Join(dir, "q", cursorName)))
	spoilt.CursorLost, spoilt.Waiting, spoilt.WaitingBytes = true, spoilt.Records, spoilt.Bytes
	check(Check, spoilt)
	check(Repair, spoilt)
	whole.Waiting, whole.WaitingBytes = whole.Records, whole.Bytes
	check(Check, whole)
	must(t, os.WriteFile(filepath.Join(dir, "q", cursorName), []byte("none"), 0o600))
	whole.CursorLost = true
	check(Check, whole)
	check(Check, whole)
	check(Repair, whole)
	whole.CursorLost = false
	check(Check, whole)
	check(Repair, whole)
	if b, err := os.ReadFile(filepath.Join(dir, "q", cursorName+".damaged")); string(b) != "none" {
		t.Errorf("%q, %v", b, err)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "q", "*.seg.damaged")); len(aside) != 1 {
		t.Errorf("put aside: %v", aside)
	}
	if after := each(t, dir, "q"); strings.Join(after[5:], "\n") != strings.Join(before, "\n") {
		t.Errorf("%q, was %q", after, before)
	}
	r = start(t, dir, Config{})
	last := r.want(all[:18]...)
	r.put("x")
	if rec := r.want("x"); rec.Epoch == last.Epoch {
		t.Errorf("%+v behind damage at the end", rec)
	}
	r.end()

	stop := errors.New("stop")
	if err := Each(dir, "q", func(Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Each = %v, want the error of its func", err)
	}
	for _, name := range []string{"none", "../q", ""} {
		if err := Each(dir, name, func(Record) error { return nil }); err == nil {
			t.Errorf("Each of %q = nil", name)
		}
	}
}

// A write that is under way is no damage; what is torn and stays so is.
func TestCheckBesideAWrite(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.put("one", "two")
	r.end()
	all, err := filepath.Glob(filepath.Join(dir, "q", "*.seg"))
	must(t, err)
	whole, err := os.ReadFile(all[0])
	must(t, err)
	f := func(now []byte, later func() error, places int) {
		t.Helper()
		must(t, os.WriteFile(all[0], now, 0o600))
		synctest.Test(t, func(t *testing.T) {
			go func() {
				time.Sleep(underWay / 2)
				must(t, later())
			}()
			got, err := Check(dir)
			if err != nil || len(got) != 1 || len(got[0].Damage) != places {
				t.Errorf("%+v, %v; want %d damaged places", got, err, places)
			}
			time.Sleep(underWay)
		})
	}
	write := func(b []byte) func() error { return func() error { return os.WriteFile(all[0], b, 0o600) } }
	n := len(whole)
	f(whole, write(whole), 0)
	f(whole[:n-1], write(whole), 0)
	f(whole[:n-20], write(whole[:n-1]), 0) // and goes on
	f(whole[:n-1], write(whole[:n-recordCost-3]), 0)
	f(whole[:n-1], write(whole[:n-1]), 1)
	broken := append([]byte(nil), whole...)
	broken[n-1] ^= 1
	f(broken, write(broken), 1)
	broken = append([]byte(nil), whole...)
	broken[n-recordCost-4] ^= 1 // of the first
	f(broken[:n-1], write(broken), 1)
	f(broken[:n-recordCost-3], write(broken), 1) // more was written behind it
	f(whole[:n-1], func() error { return os.Rename(all[0], all[0]+".x") }, 0)
}

// TestOldFolder opens a folder of the first version of the format.
func TestOldFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	must(t, os.CopyFS(dir, os.DirFS("testdata/v1")))
	const want = "3 123456789.6-11 three|4 123456789.11-15 four"
	if got := each(t, dir, "q"); strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
	r := start(t, dir, Config{})
	last := r.want("three", "four")
	if last.LSN != 4 || last.Epoch != 123456789 || last.First != 11 {
		t.Errorf("%+v", last)
	}
	r.put("five")
	if rec := r.want("five"); rec.First != 0 || rec.LSN != 5 || rec.Epoch == last.Epoch || r.q.Lost() > 0 { // of another boot
		t.Errorf("%+v", rec)
	}
	if r.said.count("WARN") > 0 {
		t.Error(r.said.all.String())
	}
	r.end()
}
