package elastic

import (
	"context"
	"log/slog"
	"testing"

	"belfry/aggregator/index"
	"belfry/aggregator/index/suite"
)

var _ index.Index = (*Index)(nil)

// openIndex opens an index of its own and runs it until the test ends.
func openIndex(t testing.TB, urls ...string) *Index {
	t.Helper()
	l := load(t, urls...) // for the indices to end with the test
	x, err := Open(t.Context(), l.c.cfg, Hooks{}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("run:", err)
		}
		if err := x.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return x
}

// TestSuite asks what every engine must answer.
func TestSuite(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	for _, c := range suite.Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, openIndex(t, urls...)) })
	}
}

// TestSuiteOpenSearch asks the same of the other server, in short.
func TestSuiteOpenSearch(t *testing.T) {
	urls := opensearchNode.Open(t).URLs
	for _, c := range suite.Cases() {
		if c.Short {
			t.Run(c.Name, func(t *testing.T) { c.Run(t, openIndex(t, urls...)) })
		}
	}
}
