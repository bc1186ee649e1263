package ops

import (
	"fmt"
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

// Handler serves /metrics in Prometheus' text format (the set's, the process's and Go's), /healthz (the process lives)
// and /readyz (ready returns nil; 503 with its error otherwise). Without a set or a check, that part is left out.
func Handler(set *metrics.Set, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		if set != nil {
			set.WritePrometheus(w)
		}
		metrics.WriteProcessMetrics(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ready != nil {
			if err := ready(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
