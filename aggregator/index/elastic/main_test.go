package elastic

import (
	"os"
	"testing"

	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

// The nodes of all tests, each started when the first test asks for it.
var (
	elasticsearchNode = stack.SharedElastic{}
	opensearchNode    = stack.SharedElastic{Config: stack.ElasticConfig{Kind: elastic.OpenSearch}}
)

func TestMain(m *testing.M) {
	code := m.Run()
	elasticsearchNode.Stop()
	opensearchNode.Stop()
	os.Exit(code)
}

// openCluster starts three nodes for one test.
func openCluster(t *testing.T) *stack.Elastic {
	t.Helper()
	return stack.OpenElastic(t, stack.ElasticConfig{Nodes: 3})
}
