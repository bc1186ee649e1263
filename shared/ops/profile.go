package ops

import (
	"net/http"
	"net/http/pprof"
)

// Profile adds Go's profiles of the process, at /debug/pprof/. They show what is in its memory: they are for a unix
// socket that only its owner and group may use.
func Profile(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}
