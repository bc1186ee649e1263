package app

import (
	"fmt"
	"os"
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
