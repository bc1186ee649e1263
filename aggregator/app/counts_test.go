package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// lines are of two files, between each other.
func (r *rig) files() {
	r.t.Helper()
	var all [][]string
	for i := range 40 {
		text := fmt.Sprintf("line %d", i/2)
		if i/2 == 5 || i/2 == 7 || i/2 == 15 {
			text += " wanted"
		}
		all = append(all, []string{"host.name", "h", "agent.id", "a", "log.file.path", fmt.Sprintf("/var/log/%d.log", i%2), "message", text})
	}
	r.write(all...)
}

// What is found is shown where it stood; what overlaps is one.
func TestContext(t *testing.T) {
	r := start(t, t.TempDir(), ages)
	r.files()
	f := func(name string, args ...string) {
		t.Helper()
		out, aside, err := r.belfry(append([]string{"search", "log.file.path:\"/var/log/0.log\" AND wanted"}, args...)...)
		if err != nil || aside != "" {
			t.Errorf("%q: %v, %s", args, err, aside)
		}
		golden(t, name, out)
	}
	f("context.txt", "-C", "1")
	f("context_oldest.txt", "-C", "2", "--oldest")
	f("context_fields.txt", "-C", "1", "--oldest", "--fields", "log.file.path,message")
	f("context_fields.json", "-C", "1", "--oldest", "--limit", "1", "--format", "json", "--fields", "log.file.*, message")
	_, aside, err := r.belfry("search", "-C", "1", "--limit", "1", "wanted")
	if err != nil || !strings.Contains(aside, "these are 1, and there may be more: --limit 10000 shows the most, --after ") {
		t.Errorf("%v: %s", err, aside)
	}
	if _, _, err := r.belfry("search", "-C", "1", "nothing"); !errors.Is(err, errNothing) {
		t.Error(err)
	}
	if _, _, err := r.belfry("search", "-C", "1", "--limit", "0"); err == nil || ExitCode(err) != 2 {
		t.Error(err)
	}
}

// Counts of the real index, as they are printed.
func TestCounts(t *testing.T) {
	t.Setenv("COLUMNS", "64")
	r := start(t, t.TempDir(), ages)
	r.town()
	f := func(name string, args ...string) {
		t.Helper()
		out, aside, err := r.belfry(append([]string{"search"}, args...)...)
		if err != nil || aside != "" {
			t.Errorf("%q: %v, %s", args, err, aside)
		}
		golden(t, name, out)
	}
	f("real_count_by.txt", "--count-by", "host.name")
	f("real_count_by_top.txt", "--count-by", "host.name", "--top", "1")
	f("real_count_by.json", "--count-by", "host.name", "--format", "json")
	f("real_count_by.csv", "--count-by", "host.name", "--format", "csv", "averez OR cron OR process.name:cron")
	f("real_over.txt", "--over", "1s")
	f("real_over_days.txt", "--over", "1d", "--from", "2026-11-22", "--to", "2026-11-24")
	f("real_over_by.txt", "--over", "1s", "--count-by", "host.name")
	f("real_over_by.json", "--over", "1h", "--count-by", "user.name", "--format", "json")
	f("real_over.csv", "--over", "1h", "--format", "csv")
	for _, args := range [][]string{{"--count-by", "host.name", "nothing"}, {"--over", "1h", "nothing"}} {
		if _, _, err := r.belfry(append([]string{"search"}, args...)...); !errors.Is(err, errNothing) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, _, err := r.belfry("search", "--over", "1ns"); err == nil || ExitCode(err) != 2 || !strings.Contains(err.Error(), "10000") {
		t.Errorf("more steps than an answer holds: %v", err)
	}
	if _, _, err := r.belfry("search", "--count-by", "message"); err == nil || ExitCode(err) != 2 {
		t.Errorf("the values of a text: %v", err)
	}
}
