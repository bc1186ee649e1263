package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"

	"belfry/shared/certs"
)

// sink is the end of an open road: it answers 200 to each batch, as soon as its body is there, and keeps nothing.
type sink struct {
	addr   string // host:port
	server *http.Server
}

func startSink(files certs.Files) (*sink, error) {
	settings, err := files.Server()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/batches", func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return // the agent ended
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"indexed"}`+"\n") // if it does not arrive, the batch comes again
	})
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // an agent that ends hangs up as it likes
	s := &sink{l.Addr().String(), &http.Server{Handler: mux, TLSConfig: settings, ErrorLog: quiet}}
	go s.server.ServeTLS(l, "", "") //nolint:errcheck // it ends with close
	return s, nil
}

func (s *sink) close() { _ = s.server.Close() }
