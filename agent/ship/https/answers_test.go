package https

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/batch"
	"belfry/shared/heartbeat"
)

// What an aggregator answered in November 2026, frozen as it came: an agent understands it for ever, whichever of both is
// updated first.
func TestFrozenAnswers(t *testing.T) {
	var answer string
	cfg, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(filepath.Join("testdata", "answers-v1", answer+".response"))
		if err != nil {
			t.Error(err)
			return
		}
		frozen, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			t.Error(err)
			return
		}
		for name, values := range frozen.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(frozen.StatusCode)
		_, _ = io.Copy(w, frozen.Body)
	})
	r := road(t, cfg)
	indexed := 0
	r.indexed = func(*batch.Manifest) { indexed++ }
	f := func(name string, taken, inIndex, rests bool, want string) {
		t.Helper()
		answer, indexed, r.rest = name, 0, time.Time{}
		err := send(t, r, sealed(t))
		if (err == nil) != taken || (indexed > 0) != inIndex || time.Now().Before(r.rest) != rests || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, indexed %d, rests %v", name, err, indexed, time.Until(r.rest))
		}
	}
	f("indexed", true, true, false, "")
	f("queued", true, false, false, "")
	f("bad", false, false, false, "400 Bad Request")
	f("revoked", false, false, false, "the certificate was revoked: agent-h, serial 6fd1c2, on 2026-11-29T12:00:00Z: is gone")
	f("busy", false, false, true, "429 Too Many Requests")
	f("unavailable", false, false, true, "the disk is nearly full")
	if !r.queued {
		t.Error("it does not know that a broker stands between")
	}
	var got []heartbeat.Held
	r.acked = func(a *heartbeat.Ack) { got = append(got, a.Streams...) }
	answer = "acks"
	if err := r.askAcks(t.Context()); err != nil || len(got) != 2 || !slices.Equal(got[:1], got[1:]) || got[0].Epoch != 9391848262931171 || got[0].End != 4711 {
		t.Errorf("%v, %v", got, err)
	}
}
