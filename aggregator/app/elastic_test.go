package app

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"belfry/shared/e2e/stack"
)

// servers is a node of Elasticsearch for all tests that want one.
var servers stack.SharedElastic

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

var prefixes atomic.Int64

// onServers is the section of a configuration by which aggregators keep their events on servers, apart from those of
// other tests.
func onServers(t *testing.T) string {
	t.Helper()
	e := servers.Open(t)
	return fmt.Sprintf("index: {elastic: {nodes: [%q], prefix: t%d, replicas: 0}}\n", strings.Join(e.URLs, `", "`), prefixes.Add(1))
}

// overEngines runs a test over each engine of the index; more is what a configuration says of it.
func overEngines(t *testing.T, f func(t *testing.T, more string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, "") })
	t.Run("elastic", func(t *testing.T) { f(t, onServers(t)) })
}

// The check asks servers what they are; that they are away is no fault of the file.
func TestCheckAsksTheServers(t *testing.T) {
	check := func(section, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "aggregator.yaml")
		if err := os.WriteFile(path, []byte("state: "+t.TempDir()+"\n"+section), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		c := &CLI{Config: path, Out: &out, Log: slog.New(slog.DiscardHandler)}
		if err := (checkCmd{}).Run(t.Context(), c); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v: %s; want %s", err, out.String(), want)
		}
	}
	check("index: {elastic: {nodes: [\"http://127.0.0.1:1\"]}}\n", "warning: index.elastic: ")
	section := onServers(t)
	check(section, "note: index.elastic: elasticsearch, without the index template yet")
	start(t, t.TempDir(), section)
	check(section, "note: index.elastic: elasticsearch, with index template 1\n")
}
