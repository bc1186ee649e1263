package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

// curlAt asks the TLS door by curl, and returns the status and the body.
func (w watch) curlAt(t *testing.T, files certs.Files, path, body string, args ...string) (code int, answer string) {
	t.Helper()
	stack.Need(t, "curl")
	all := append([]string{"-sS", "--cacert", files.CA, "-w", "\n%{http_code}", "--data-binary", "@-", "https://" + w.Aggregator.TLS + path}, args...)
	cmd := exec.CommandContext(t.Context(), "curl", all...)
	cmd.Stdin = strings.NewReader(body)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
	at := strings.LastIndexByte(string(out), '\n')
	if code, err = strconv.Atoi(string(out[at+1:])); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return code, string(out[:max(at, 0)])
}

// onceFound waits until a query finds n events, and shows that it finds no more behind a mark that is sent last.
func (w watch) onceFound(t *testing.T, query string, n int) {
	t.Helper()
	until(t, "find "+query, func(ctx context.Context) error {
		found, err := w.Aggregator.Search(ctx, query)
		if err == nil && len(found) < n {
			err = fmt.Errorf("%d events of %d", len(found), n)
		}
		return err
	})
	if found := w.search(t, query); len(found) != n {
		t.Errorf("%s: found %d times, want %d", query, len(found), n)
	}
}

// foreign: a sender that is no agent is let in by its certificate or by a token, over TLS.
func (w watch) foreign(t *testing.T) {
	files, err := w.Sender("shipper")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := w.Aggregator.Token(t.Context(), "by-token", "ingest,search")
	if err != nil {
		t.Fatal(err)
	}
	poor, err := w.Aggregator.Token(t.Context(), "poor", "search")
	if err != nil {
		t.Fatal(err)
	}
	f := func(body string, code int, args ...string) {
		t.Helper()
		if got, answer := w.curlAt(t, files, "/events", body, args...); got != code && (code != 200 || got != 202) {
			t.Errorf("%v: %d %s, want %d", args, got, answer, code)
		}
	}
	event := func(word string) string {
		return fmt.Sprintf(`{"message":"%s one"}`+"\n"+`{"message":"%s two"}`, word, word)
	}
	f(event("bycertificate"), 200, "--cert", files.Cert, "--key", files.Key)
	f(event("bybearer"), 200, "-H", "Authorization: Bearer "+secret)
	f(event("bybasic"), 200, "-u", "elastic:"+secret)
	for range 2 {
		f(event("keyed"), 200, "-u", "elastic:"+secret, "-H", "Idempotency-Key: 8e03978e")
	}
	f(event("broken")+"\n{", 400, "-u", "elastic:"+secret)
	f(event("stranger"), 401)
	f(event("stranger"), 401, "-H", "Authorization: Bearer "+secret+"x")
	f(event("stranger"), 403, "-H", "Authorization: Bearer "+poor)
	if code, answer := w.curlAt(t, files, "/v1/batches", "x", "-u", "x:"+secret); code != 401 {
		t.Errorf("a batch with a token: %d %s", code, answer)
	}
	if err := w.Aggregator.RevokeToken(t.Context(), "by-token"); err != nil {
		t.Fatal(err)
	}
	f(event("stranger"), 401, "-u", "elastic:"+secret)
	f(event("last"), 200, "--cert", files.Cert, "--key", files.Key)
	w.onceFound(t, "last", 2)
	w.onceFound(t, "bycertificate AND agent.name:shipper AND tags:no_id", 2)
	w.onceFound(t, "bybearer AND agent.name:by-token", 2)
	w.onceFound(t, "bybasic AND agent.name:by-token", 2)
	w.onceFound(t, "keyed AND NOT tags:no_id AND NOT log.offset:*", 2)
	for _, word := range []string{"broken", "stranger"} {
		if found := w.search(t, word); len(found) != 0 {
			t.Errorf("%s: %d events are there", word, len(found))
		}
	}
}

// bulk: what speaks to Elasticsearch can speak to Belfry.
func (w watch) bulk(t *testing.T) {
	stack.Need(t, "gzip")
	files, err := w.Sender("shipper")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"--cert", files.Cert, "--key", files.Key}
	if code, answer := w.curlAt(t, files, "/", "", append(known, "-XGET")...); code != 200 || !strings.Contains(answer, `"number":"8.`) {
		t.Errorf("%d %s", code, answer)
	}
	at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano)
	body := fmt.Sprintf("{\"index\":{\"_index\":\"logs-app\",\"_id\":\"1\"}}\n{\"@timestamp\":%q,\"message\":\"bulkword one\",\"host\":{\"name\":\"h9\"}}\n", at) +
		"{\"create\":{\"_index\":\"logs-app\",\"_id\":\"2\"}}\n{\"message\":\"bulkword two\"}\n" +
		"{\"update\":{\"_index\":\"logs-app\",\"_id\":\"1\"}}\n{\"doc\":{}}\n" +
		"{\"create\":{\"_index\":\"logs-app\"}}\n{\"message\":\n"
	zip := exec.CommandContext(t.Context(), "gzip", "-c")
	zip.Stdin = strings.NewReader(body)
	zipped, err := zip.Output()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		args := append(known, "-H", "Content-Type: application/x-ndjson")
		if n == 1 {
			body, args = string(zipped), append(args, "-H", "Content-Encoding: gzip")
		}
		code, answer := w.curlAt(t, files, "/_bulk", body, args...)
		var a struct {
			Errors bool
			Items  []map[string]struct{ Status int }
		}
		if err := json.Unmarshal([]byte(answer), &a); err != nil || code != 200 || !a.Errors {
			t.Fatalf("%d %s, %v", code, answer, err)
		}
		want := "[map[index:{201}] map[create:{201}] map[update:{400}] map[create:{400}]]"
		if n == 1 && w.Rabbit == nil { // what went to a broker is known only behind it
			want = "[map[index:{200}] map[create:{409}] map[update:{400}] map[create:{400}]]"
		}
		if got := fmt.Sprint(a.Items); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if code, _ := w.curlAt(t, files, "/_bulk", "{\"create\":{}}\n{\"message\":\"lastbulk\"}\n", known...); code != 200 {
		t.Errorf("%d", code)
	}
	w.onceFound(t, "lastbulk", 1)
	w.onceFound(t, "bulkword AND labels.index:logs-app AND agent.name:shipper", 2)
	w.onceFound(t, "bulkword AND host.name:h9", 1)
	if e := w.search(t, "bulkword AND host.name:h9")[0]; e.Get("@timestamp") != at {
		t.Errorf("the time was %s, is %s", at, e.Get("@timestamp"))
	}
}

// published: what a program publishes is taken, once if it has a name, and what cannot be read stops nothing behind it.
func (w watch) published(t *testing.T) {
	m := func(id, body string) broker.Message {
		return broker.Message{ID: id, Type: "application/json", Body: []byte(body)}
	}
	two := `[{"message":"published one"},{"message":"published two"}]`
	err := w.publish(t.Context(), m("a1", two), m("a1", two), m("a2", "{"), m("", `{"message":"published three"}`))
	if err != nil {
		t.Fatal(err)
	}
	w.onceFound(t, "published AND three AND tags:no_id", 1)
	w.onceFound(t, "published AND NOT three AND agent.name:"+stack.ForeignSender, 2)
}

// PublishForeign publishes messages to the exchange of foreign senders, as ForeignSender, and returns when the broker
// has taken them.
func (w watch) publish(ctx context.Context, all ...broker.Message) error {
	files, err := w.Sender(stack.ForeignSender)
	if err != nil {
		return err
	}
	p := broker.NewPublisher(broker.Config{URLs: []string{w.Rabbit.URL}, Files: files}, "sender", slog.New(slog.DiscardHandler), metrics.NewSet())
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()
	defer func() {
		stop()
		<-ended
	}()
	for _, m := range all {
		m.Exchange = broker.Foreign
		done := make(chan error, 1)
		p.Send(ctx, m, func(err error) { done <- err })
		if err := <-done; err != nil {
			return fmt.Errorf("publish to %s: %w", m.Exchange, err)
		}
	}
	return nil
}
