// Package agree holds the evaluators of a query to the same answers: query.Expr.Match in memory, the filters for
// logstorage and for Elasticsearch alone, and both engines of an index. Events and queries are drawn at random.
package agree

import (
	"flag"
	"os"
	"testing"

	"belfry/shared/e2e/stack"
)

// server is the one Elasticsearch of all tests.
var server = stack.SharedElastic{Config: stack.ElasticConfig{Settings: []string{"action.destructive_requires_name=false"}}}

// checks is how often each test draws events, unless -rapid.checks says more.
const checks = "10"

// TestMain parses the flags of logstorage, which refuses to work before.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	flag.Parse()
	if f := flag.Lookup("memory.allowedBytes"); f != nil {
		if err := f.Value.Set("256MiB"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	server.Stop()
	os.Exit(code)
}
