package parse

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// clientRun is what a client did: from an address of its own, as a user, and what came of each of its tries.
type clientRun struct{ addr, user, want string }

// TestSSHRuns compares the outcomes that the lines of sshd tell with what the clients saw: as many, in the same order.
func TestSSHRuns(t *testing.T) {
	files, err := corpus.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains([]string{"sshd", "dropbear", "login"}, f.Program) {
			continue
		}
		t.Run(f.Program+"/"+f.Name, func(t *testing.T) { checkRuns(t, runsOf(t, f), found(t, f)) })
	}
}

func runsOf(t *testing.T, f corpus.File) []clientRun {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../shared/corpus", f.Program, f.Name+".tsv"))
	if os.IsNotExist(err) {
		t.Skip("no clients")
	}
	if err != nil {
		t.Fatal(err)
	}
	var runs []clientRun
	for row := range strings.Lines(string(text)) {
		columns := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(columns) != 4 {
			t.Fatalf("%q: want address, user, exit code, outcomes", row)
		}
		runs = append(runs, clientRun{columns[0], columns[1], columns[3]})
	}
	return runs
}

func checkRuns(t *testing.T, runs []clientRun, events []*event.Event) {
	t.Helper()
	got := map[string][]string{}
	nowhere := map[string][]string{} // by user, where the line does not say from where
	for _, e := range events {
		outcome := e.Get("event.outcome")
		if outcome == "" || e.Get("event.category") != "authentication" {
			continue
		}
		if addr := e.Get("source.ip"); addr != "" {
			got[addr] = append(got[addr], outcome)
		} else {
			user := e.Get("user.name")
			nowhere[user] = append(nowhere[user], outcome)
		}
	}
	attempts := 0
	for _, r := range runs {
		outcomes := strings.Join(got[r.addr], " ")
		if outcomes == "" && len(nowhere[r.user]) > 0 {
			outcomes, nowhere[r.user] = nowhere[r.user][0], nowhere[r.user][1:]
		}
		if outcomes != r.want {
			t.Errorf("%s %q: outcomes %q, the client saw %q", r.addr, r.user, outcomes, r.want)
		}
		attempts += len(strings.Fields(r.want))
		delete(got, r.addr)
	}
	for addr, outcomes := range got {
		t.Errorf("%s: outcomes %q, and no client", addr, outcomes)
	}
	for user, outcomes := range nowhere {
		if len(outcomes) > 0 {
			t.Errorf("%q: outcomes %q, and no client", user, outcomes)
		}
	}
	t.Logf("%d attempts", attempts)
}
