package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"belfry/shared/event"
)

// What is written while a search turns into a tail is shown once, whenever that is.
func TestFollow(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	if err := r.send(h.seal(stamp()+" h x: number 0.", stamp()+" h x: number 1.", stamp()+" h x: another")); err != nil {
		t.Fatal(err)
	}
	f := func(name string, first int, args ...string) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out, in := io.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- runCLIUntil(ctx, t, &CLI{Out: in, Err: io.Discard}, append([]string{"--config", r.path, "search", "--follow"}, args...)...)
				in.Close()
			}()
			var writing sync.WaitGroup
			stop := make(chan struct{})
			sent := first
			writing.Go(func() {
				for n := first; ; n++ {
					select {
					case <-stop:
						sent = n
						return
					default:
					}
					if err := r.send(h.seal(fmt.Sprintf("%s h x: number %d.", stamp(), n))); err != nil {
						t.Error(err)
						return
					}
				}
			})
			numbers := make(chan int, 1<<20)
			go func() {
				defer close(numbers)
				_ = eachLine(out, func(line []byte) error {
					var n int
					if m := regexp.MustCompile(`number (\d+)\.`).FindSubmatch(line); m == nil {
						t.Errorf("%s", line)
					} else if _, err := fmt.Sscan(string(m[1]), &n); err == nil {
						numbers <- n
					}
					return nil
				})
			}()
			seen := make(map[int]int)
			highest := -1
			take := func() {
				n, ok := <-numbers
				if !ok {
					t.Fatal("it has ended")
				}
				seen[n]++
				highest = max(highest, n)
			}
			for highest < first+50 {
				take()
			}
			close(stop)
			writing.Wait()
			for highest < sent-1 {
				take()
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			for n := range numbers {
				seen[n]++
			}
			for n := range sent {
				if seen[n] != 1 {
					t.Errorf("number %d came %d times", n, seen[n])
				}
			}
			if len(seen) != sent {
				t.Errorf("%d numbers came, %d were sent", len(seen), sent)
			}
		})
	}
	f("all", 2, "--limit", "0", "number")
	n := len(r.all("number"))
	f("the last", n, "--limit", fmt.Sprint(1_000_000), "number")
}

// between is a way to the aggregator on which something happens before the search and behind it.
type between struct {
	http.RoundTripper
	before, behind func()
}

func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/v1/search" {
		return b.RoundTripper.RoundTrip(r)
	}
	b.before()
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	b.behind()
	return resp, err
}

// What comes before the search has begun is shown by it, and what comes when it is over by the tail: once.
func TestFollowSeam(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	write := func(text string) {
		t.Helper()
		if err := r.send(h.seal(stamp() + " h x: wanted " + text)); err != nil {
			t.Error(err)
		}
	}
	write("long before")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	c := &CLI{Out: in, Err: io.Discard, Config: r.path}
	way, err := c.road()
	if err != nil {
		t.Fatal(err)
	}
	way.client.Transport = between{way.client.Transport, func() { write("before") }, func() { write("behind") }}
	done := make(chan error, 1)
	go func() {
		done <- searchCmd{Query: []string{"wanted"}, Follow: true, Limit: 100, showFlags: showFlags{Format: "table"}}.Run(ctx, c)
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	for _, want := range []string{"long before", "before", "behind", "last"} {
		if want == "last" {
			write(want)
		}
		if !lines.Scan() || !strings.HasSuffix(lines.Text(), "x: wanted "+want) {
			t.Errorf("%q, want %s", lines.Text(), want)
		}
	}
	cancel()
	for lines.Scan() {
		t.Errorf("further: %s", lines.Text())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// all returns what a search finds.
func (r *rig) all(args ...string) []string {
	r.t.Helper()
	lines, err := r.search(args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return lines
}

// The fields that are wanted are those alone, of what comes too.
func TestFieldsOfWhatComes(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := `{"end":{"found":0}}`
		if r.URL.Path == "/v1/tail" {
			text = `data: {"host":{"name":"h"},"user":{"id":"7","name":"bob"},"message":"m"}`
		}
		_, _ = io.WriteString(w, text+"\n")
	}))
	defer s.Close()
	for _, args := range [][]string{{"tail"}, {"search", "-f"}} {
		var out bytes.Buffer
		c := &CLI{Out: &out, Err: io.Discard, way: &road{client: s.Client(), base: s.URL, name: "it"}}
		err := runCLI(t, c, append(args, "--format", "json", "--fields", "user.*,message")...)
		if want := `{"message":"m","user":{"id":"7","name":"bob"}}` + "\n"; out.String() != want || err == nil || !strings.Contains(err.Error(), "ended") {
			t.Errorf("%q: %s, %v, want %s", args, out.String(), err, want)
		}
	}
}

func TestIDSet(t *testing.T) {
	e := func(id string) *event.Event {
		var e event.Event
		e.Set("event.id", id)
		return &e
	}
	s := &idSet{most: 2, ids: make(map[event.Key]struct{})}
	for _, id := range []string{"a", "b", "b", "a", "c"} {
		s.add(e(id))
	}
	got := ""
	for _, id := range strings.Split("abcd", "") {
		got += fmt.Sprint(id, s.has(e(id)), " ")
	}
	if got != "afalse btrue ctrue dfalse " || s.has(e("")) {
		t.Error(got)
	}
}
