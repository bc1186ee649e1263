package ops

import (
	"net/http/httptest"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

func TestScrape(t *testing.T) {
	set := metrics.NewSet()
	set.NewCounter(`x_total{path="a b"}`).Add(2)
	set.NewCounter(`x_total{path="c"}`).Add(3)
	set.NewGauge("x", func() float64 { return 1.5 })
	s := httptest.NewServer(Handler(set, nil, nil))
	defer s.Close()
	got, err := Scrape(t.Context(), s.Client(), s.URL+"/metrics")
	if err != nil || got.Sum("x_total") != 5 || got.Sum("x") != 1.5 || got.Sum("y") != 0 || got[`x_total{path="a b"}`] != 2 ||
		got.Sum("process_resident_memory_bytes") == 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Scrape(t.Context(), s.Client(), s.URL+"/nowhere"); err == nil || err.Error() != "404 Not Found" {
		t.Error(err)
	}
}
