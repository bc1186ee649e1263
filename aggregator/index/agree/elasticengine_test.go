package agree

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"pgregory.net/rapid"

	"belfry/aggregator/index/elastic"
)

// TestElastic holds searches and counts of the index on Elasticsearch to Match.
func TestElastic(t *testing.T) {
	url := server.Open(t).URLs[0]
	tries := 0
	rapid.Check(t, func(rt *rapid.T) {
		tries++
		prefix, none := fmt.Sprintf("agree%d", tries), 0
		ctx, cancel := context.WithCancel(context.Background())
		x, err := elastic.Open(ctx, elastic.Config{Nodes: []string{url}, Prefix: prefix, Replicas: &none}, elastic.Hooks{},
			slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
		if err != nil {
			cancel()
			rt.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				rt.Error(err)
			}
			if err := x.Close(); err != nil {
				rt.Error(err)
			}
			(&documents{url: url}).ask(rt, http.MethodDelete, "/"+prefix+"-*")
		}()
		ask(rt, x)
	})
}
