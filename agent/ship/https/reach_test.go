package https

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"belfry/shared/certs"
)

// What an aggregator answers, and what its clock says, is told; and one that is of another authority, or says nothing.
func TestReach(t *testing.T) {
	var ahead time.Duration
	refuse := map[string]int{}
	hang := make(chan struct{})
	cfg, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang/v1/acks" {
			<-hang
		}
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if code := refuse[r.URL.Path]; code != 0 {
			http.Error(w, "because", code)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	defer close(hang)
	f := func(cfg Config, want string) {
		t.Helper()
		_, err := Reach(t.Context(), cfg)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, ahead = range []time.Duration{0, time.Hour, -time.Hour} {
		if skew, err := Reach(t.Context(), cfg); err != nil || (skew-ahead).Abs() > time.Minute {
			t.Errorf("%v ahead: %v, %v", ahead, skew, err)
		}
	}
	refuse["/v1/acks"] = http.StatusUnauthorized
	f(cfg, "/v1/acks answers 401 Unauthorized: because")
	refuse["/v1/acks"], refuse["/readyz"] = 0, http.StatusServiceUnavailable
	f(cfg, "/readyz answers 503 Service Unavailable: because")
	other, err := certs.NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stranger := cfg
	if stranger.Files, err = other.Issue("client", certs.Request{CommonName: "agent-h", Client: true}); err != nil {
		t.Fatal(err)
	}
	f(stranger, "unknown authority")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	silent := cfg
	silent.URL += "/hang"
	if _, err := Reach(ctx, silent); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Error(err)
	}
}
