package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"belfry/agent/input/journal"
	"belfry/agent/rotate"
	"belfry/agent/ship/amqp"
	"belfry/shared/broker"
	"belfry/shared/heartbeat"
)

// Dashboards and alarms know the metrics by these names: a change here is one for everybody who has any.
func TestMetricNames(t *testing.T) {
	r := newReceiver(t)
	cfg := r.config(t)
	cfg.Rotate = []rotate.Config{{Paths: []string{"/nowhere/*.log"}, Size: 1 << 20}}
	cfg.Ship.Enrolled = true
	cfg.Inputs.Journal = []journal.Config{{Directory: t.TempDir()}}
	a, err := New(cfg, Process{Version: "test"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	other := metrics.NewSet() // the road by way of a broker
	if _, err := amqp.New(broker.Config{URLs: []string{"amqps://127.0.0.1:1/"}, Files: r.files}, func(*heartbeat.Ack) {}, quiet, other); err != nil {
		t.Fatal(err)
	}
	names := append(a.set.ListMetricNames(), other.ListMetricNames()...)
	slices.Sort(names)
	want, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Fields(string(want)), names); d != "" {
		t.Error(d)
	}
}
