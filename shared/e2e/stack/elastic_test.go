package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/elastic"
)

// ask sends a request to a node and returns the status and the answer; a status of 0 is none.
func ask(ctx context.Context, method, url, body string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(answer)
}

// rss is the resident memory of a process in MB.
func rss(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	var kb int
	if _, err := fmt.Sscan(after, &kb); err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}

// hits is how many documents an index has, counted by a search on node i.
func hits(ctx context.Context, e *Elastic, i int, index string) (int, error) {
	status, answer := ask(ctx, "POST", e.URLs[i]+"/"+index+"/_search", `{"size":0,"track_total_hits":true}`)
	var found struct {
		Shards struct{ Total, Successful int } `json:"_shards"`
		Hits   struct{ Total struct{ Value int } }
	}
	if err := json.Unmarshal([]byte(answer), &found); err != nil || status != http.StatusOK || found.Shards.Successful != found.Shards.Total {
		return 0, fmt.Errorf("%d: %s", status, answer)
	}
	return found.Hits.Total.Value, nil
}

// Where its port is taken a node ends, so that another can be tried.
func TestElasticPortTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts real servers")
	}
	f := func(k elastic.Kind) {
		t.Helper()
		NeedElastic(t, k)
		e, err := newElastic(ElasticConfig{Kind: k, Dir: t.TempDir(), Nodes: 1}, 0)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", e.nodes[0].http)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() { _ = http.Serve(l, http.NotFoundHandler()) }()
		if err := e.start(t.Context()); err == nil || !strings.Contains(err.Error(), "ended: exit status 1") {
			t.Error(err)
		}
		e.KillAll()
	}
	f(elastic.Elasticsearch)
	f(elastic.OpenSearch)
}

// What a node has confirmed is there after SIGKILL, once.
func TestElasticNode(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts real servers")
	}
	f := func(k elastic.Kind) {
		t.Run(k.String(), func(t *testing.T) {
			start := time.Now()
			shared := SharedElastic{Config: ElasticConfig{Kind: k}}
			defer shared.Stop()
			e := shared.Open(t)
			if shared.Open(t) != e {
				t.Fatal("two tests have not the same node")
			}
			t.Logf("started in %v, %d MB", time.Since(start).Round(time.Millisecond), rss(t, e.PID(0)))
			doc := e.URLs[0] + "/killed/_create/1"
			for _, want := range []int{http.StatusCreated, http.StatusConflict} {
				if status, answer := ask(t.Context(), "PUT", doc, `{"message":"mind the gap"}`); status != want {
					t.Fatalf("create: %d %s", status, answer)
				}
			}
			old := e.PID(0)
			e.Kill(0)
			if status, _ := ask(t.Context(), "GET", e.URLs[0]+"/killed/_doc/1", ""); status != 0 {
				t.Fatalf("a killed node answers: %d", status)
			}
			start = time.Now()
			if err := e.Restart(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			t.Logf("started again in %v", time.Since(start).Round(time.Millisecond))
			if e.PID(0) == old {
				t.Error("it is the same process")
			}
			if status, answer := ask(t.Context(), "GET", e.URLs[0]+"/killed/_doc/1", ""); status != http.StatusOK || !strings.Contains(answer, "mind the gap") {
				t.Errorf("get: %d %s", status, answer)
			}
			if n, err := hits(t.Context(), e, 0, "killed"); n != 1 || err != nil {
				t.Errorf("%d documents, %v", n, err)
			}
			shared.Stop()
			if _, err := os.Stat(shared.dir); !errors.Is(err, os.ErrNotExist) || e.running() != 0 {
				t.Errorf("left behind: %v, %d nodes", err, e.running())
			}
		})
	}
	f(elastic.Elasticsearch)
	f(elastic.OpenSearch)
}

// One of three nodes may be killed: what was written to it is found on the others, who take more, and it has all of it
// when it comes back.
func TestElasticCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts real servers")
	}
	start := time.Now()
	e := OpenElastic(t, ElasticConfig{Nodes: 3})
	t.Logf("started in %v; %d, %d, %d MB", time.Since(start).Round(time.Millisecond), rss(t, e.PID(0)), rss(t, e.PID(1)), rss(t, e.PID(2)))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	must := func(want int, method, path, body string) {
		t.Helper()
		if status, answer := ask(ctx, method, e.URLs[0]+path, body); status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
	}
	must(http.StatusOK, "PUT", "/three", `{"settings":{"number_of_shards":3,"number_of_replicas":1}}`)
	if err := e.Settled(ctx, 0, "green"); err != nil {
		t.Fatal(err)
	}
	write := func(from, to int) {
		for i := from; i < to; i++ {
			must(http.StatusCreated, "PUT", fmt.Sprintf("/three/_create/%d", i), `{}`)
		}
		must(http.StatusOK, "POST", "/three/_refresh", "")
	}
	write(0, 50)
	e.Kill(2)
	start = time.Now()
	var n int
	err := e.nodes[0].d.ready(ctx, func() (err error) { n, err = hits(ctx, e, 0, "three"); return err })
	if n != 50 || err != nil {
		t.Fatalf("%d documents after the kill, %v", n, err)
	}
	t.Logf("searched again after %v", time.Since(start).Round(time.Millisecond))
	write(50, 100)
	if err := e.Restart(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if err := e.Settled(ctx, 2, "green"); err != nil {
		t.Fatal(err)
	}
	if n, err := hits(ctx, e, 2, "three"); n != 100 || err != nil {
		t.Errorf("%d documents at the end, %v", n, err)
	}
}
