package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Index is the section of an aggregator's config that names these nodes.
func (e *Elastic) Index() string {
	return fmt.Sprintf("{elastic: {nodes: [%s], replicas: %d}}", quoted(e.URLs), min(1, len(e.URLs)-1))
}

// Documents asks node i how many documents there are behind a name, which all can be found by then; 0 where there is no
// index of that name.
func (e *Elastic) Documents(ctx context.Context, i int, name string) (int, error) {
	var counted struct{ Count int }
	url := e.URLs[i] + "/" + name
	for _, q := range []struct{ method, path string }{{http.MethodPost, "/_refresh"}, {http.MethodGet, "/_count"}} {
		if err := askJSON(ctx, q.method, url+q.path, &counted); err != nil {
			return 0, fmt.Errorf("count the documents of node %d: %w", i, err)
		}
	}
	return counted.Count, nil
}

// askJSON leaves into as it is where nothing is found.
func askJSON(ctx context.Context, method, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode == http.StatusNotFound:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %.500s", resp.Status, body)
	}
	return json.Unmarshal(body, into)
}
