package http

import (
	"fmt"
	"net/http"
	"time"
)

// What clients of Elasticsearch ask before they send anything: who answers, is it well, which license, and are their
// templates there. Whatever they want to set up is acknowledged and means nothing: Belfry needs none of it.

// elasticVersion is the version of Elasticsearch whose bulk answers these are. Clients refuse to speak to an unknown one.
const elasticVersion = "8.19.0"

// createPath is the route of a document that must be new.
const createPath = "/{index}/_create/{id}"

// elastic adds the routes.
func (d *Doors) elastic(mux *http.ServeMux) {
	handle := func(next handler, patterns ...string) {
		known := d.ingest(next, d.refuseElastic)
		for _, p := range patterns {
			mux.HandleFunc(p, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				known(w, r)
			})
		}
	}
	handle(d.takeBulk, "POST /_bulk", "PUT /_bulk")
	handle(d.takeInto, "POST /{index}/{what}")
	handle(d.takeDocument, "POST /{index}/_doc/{id}", "PUT /{index}/_doc/{id}", "POST "+createPath, "PUT "+createPath)
	handle(say(about), "GET /{$}")
	handle(say(license), "GET /_license", "GET /_xpack")
	handle(d.clusterHealth, "GET /_cluster/health")
	handle(d.catHealth, "GET /_cat/health")
	for _, kind := range []string{
		"_template", "_index_template", "_component_template", "_ilm/policy", "_ingest/pipeline", "_data_stream", "_alias",
	} {
		handle(say(acknowledged), "PUT /"+kind+"/{name}")
		handle(isThere, "GET /"+kind+"/{name}")
	}
	handle(say(acknowledged), "PUT /{index}")
	handle(isThere, "GET /{index}")
	handle(d.noRoute, "/")
}

func (d *Doors) noRoute(w http.ResponseWriter, r *http.Request, _ peer) {
	d.refuseElastic(w, http.StatusNotFound, fmt.Errorf("no handler found for uri [%s] and method [%s]", r.URL.Path, r.Method))
}

func say(what any) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ peer) { writeJSON(w, http.StatusOK, what) }
}

var about = map[string]any{
	"name": "belfry", "cluster_name": "belfry", "cluster_uuid": "belfry",
	"version": map[string]any{
		"number": elasticVersion, "build_flavor": "default", "build_type": "tar", "build_snapshot": false,
		"lucene_version": "9.12.0", "minimum_wire_compatibility_version": "7.17.0",
		"minimum_index_compatibility_version": "7.0.0",
	},
	"tagline": "You Know, for Search",
}

// license says what Beats want to hear of it: that there is one, and that it is in force.
var license = map[string]any{
	"license":  map[string]any{"uid": "belfry", "type": "basic", "mode": "basic", "status": "active"},
	"features": map[string]any{"ilm": map[string]any{"available": true, "enabled": true}},
}

var acknowledged = map[string]any{"acknowledged": true, "shards_acknowledged": true}

// isThere answers that something is there, whatever it is.
func isThere(w http.ResponseWriter, r *http.Request, _ peer) {
	name := r.PathValue("name")
	one := []map[string]any{{"name": name}}
	writeJSON(w, http.StatusOK, map[string]any{name: map[string]any{}, "index_templates": one, "data_streams": one})
}

func (d *Doors) clusterHealth(w http.ResponseWriter, _ *http.Request, _ peer) {
	code, status := d.color()
	writeJSON(w, code, map[string]any{
		"cluster_name": "belfry", "status": status, "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1,
		"active_primary_shards": 1, "active_shards": 1, "unassigned_shards": 0, "active_shards_percent_as_number": 100,
	})
}

func (d *Doors) catHealth(w http.ResponseWriter, _ *http.Request, _ peer) {
	code, status := d.color()
	now := time.Now().UTC()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, "%d %s belfry %s 1 1 1 1 0 0 0 0 - 100.0%%\n", now.Unix(), now.Format(time.TimeOnly), status)
}

func (d *Doors) color() (code int, status string) {
	if d.ready() != nil {
		return http.StatusServiceUnavailable, "red"
	}
	return http.StatusOK, "green"
}
