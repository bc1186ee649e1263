package parse

import (
	"testing"

	"belfry/shared/corpus"
)

// TestUnitRuns compares how often a unit's run ended well, and not, with what scene.sh had it do.
func TestUnitRuns(t *testing.T) {
	files, err := corpus.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Program != "systemd" {
			continue
		}
		well, badly := map[string]int{}, map[string]int{}
		for _, e := range found(t, f) {
			switch unit := e.Get("systemd.unit"); {
			case e.Get("event.action") != "systemd-unit-ended":
			case e.Get("event.outcome") == "success":
				well[unit]++
			case e.Get("event.outcome") == "failure":
				badly[unit]++
			}
		}
		g := func(unit string, wantWell, wantBadly int) {
			t.Helper()
			if well[unit] != wantWell || badly[unit] != wantBadly {
				t.Errorf("%s: %s ended well %d times and badly %d; want %d and %d",
					f.Name, unit, well[unit], badly[unit], wantWell, wantBadly)
			}
		}
		g("ok.service", 1, 0)
		g("exit.service", 0, 1)
		g("oneshot.service", 0, 2) // once more as what needs.service requires
		g("nofile.service", 0, 1)
		g("nouser.service", 0, 1)
		g("killed.service", 0, 1)
		g("again.service", 0, 3) // two runs, and a start that was refused
		g("slow.service", 0, 1)
		g("stubborn.service", 0, 1)
		g("dog.service", 0, 1)
		g("pre.service", 0, 1)
		g("post.service", 0, 1)
		g("needs.service", 0, 0)
		g("cond.service", 0, 0)
		g("reload.service", 2, 0) // stopped, by a restart and at the end
		g("inst@a-b.service", 1, 0)
		g("run-mnt.mount", 1, 0)
		g("transient.service", 1, 0)
	}
}
