package ops

import (
	"fmt"
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

// Handler serves /metrics in Prometheus' text format (the set's, the process's and Go's), /healthz (alive returns nil:
// every part of the process goes on) and /readyz (ready returns nil); 503 with the error otherwise. Without a set or a
// check, that part is left out.
func Handler(set *metrics.Set, alive, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		if set != nil {
			set.WritePrometheus(w)
		}
		metrics.WriteProcessMetrics(w)
	})
	mux.HandleFunc("GET /healthz", Check(alive))
	mux.HandleFunc("GET /readyz", Check(ready))
	return mux
}

// Check answers "ok" if a check returns nil, or if there is none; 503 with its error otherwise.
func Check(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if check != nil {
			if err := check(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ok")
	}
}
