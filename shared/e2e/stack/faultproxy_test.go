package stack

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFaultProxy(t *testing.T) {
	const text = "mind the gap between the train and the platform"
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, text)
	}))
	defer server.Close()
	p := OpenFaultProxy(t, server.URL)

	// heard is whether the server is asked; broken whether the connection ends before the answer does.
	f := func(trouble Trouble, status int, body string, heard, broken bool) {
		t.Helper()
		before := asked
		trouble.Times = 1
		p.Break(trouble)
		resp, err := http.Post(p.URL+"/belfry/_bulk", "application/json", strings.NewReader(`{}`))
		var got []byte
		if err == nil {
			got, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != status || string(got) != body && !(broken && strings.HasPrefix(body, string(got))) {
				t.Errorf("%+v: %s, %q", trouble, resp.Status, got)
			}
		} else if status != 0 {
			t.Errorf("%+v: %v", trouble, err)
		}
		if broken != errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%+v: %v", trouble, err)
		}
		p.Heal()
		if heard != (asked > before) {
			t.Errorf("%+v: the server was asked %d times", trouble, asked-before)
		}
		if got, answer := ask(t.Context(), "GET", p.URL, ""); got != http.StatusOK || answer != text {
			t.Errorf("behind %+v: %d, %q", trouble, got, answer)
		}
	}
	f(Trouble{}, 200, text, true, false)
	f(Trouble{Delay: time.Millisecond}, 200, text, true, false)
	f(Trouble{Path: "/_search", Status: 503}, 200, text, true, false)
	f(Trouble{Method: "GET", Status: 503}, 200, text, true, false)
	f(Trouble{Path: "/_bulk", Status: 429, RetryAfter: 1, Body: "slow down"}, 429, "slow down", false, false)
	f(Trouble{Status: 503, Heard: true}, 503, "", true, false)
	f(Trouble{Reset: true}, 0, "", false, true)
	f(Trouble{Reset: true, Heard: true, After: 8}, 200, "mind the", true, true)
	f(Trouble{Rewrite: bytes.ToUpper}, 200, strings.ToUpper(text), true, false)

	if met, seen := p.Met(), p.Seen("/_bulk"); met != 7 || seen != 9 {
		t.Errorf("%d in trouble of %d", met, seen)
	}
	p.Break(Trouble{Status: 503, Skip: 1, Times: 2})
	for _, want := range []int{200, 503, 503, 200} {
		if got, _ := ask(t.Context(), "GET", p.URL, ""); got != want {
			t.Errorf("%d, not %d", got, want)
		}
	}
}
