package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/dead"
	"belfry/aggregator/ledger"
	amqpin "belfry/aggregator/receive/amqp"
	"belfry/aggregator/token"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/conf"
	"belfry/shared/event"
)

// deliver hands a foreign message to the aggregator as the broker would.
func (r *rig) deliver(m amqpin.Message) error {
	r.t.Helper()
	done := make(chan error, 1)
	r.agg.message(r.t.Context(), m, func(err error) { done <- err })
	return <-done
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// letters returns the reasons of a sender's dead letters.
func (r *rig) letters(sender string) string {
	r.t.Helper()
	var reasons []string
	err := r.agg.dead.store.Visit(r.t.Context(), func(l *dead.Letter) (dead.Verdict, error) {
		if l.Sender == sender {
			reasons = append(reasons, l.Reason)
		}
		return dead.Keep, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(reasons, "\n")
}

// What a foreign sender publishes is taken in any of the shapes, once if it has a name, and buried if it is broken.
func TestForeignMessages(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	ok := func(m amqpin.Message) {
		t.Helper()
		m.UserID = "app-1"
		if err := r.deliver(m); err != nil {
			t.Error(err)
		}
	}
	ok(amqpin.Message{Body: []byte(`{"message":"plain"}`), ContentType: "text/plain"})
	ok(amqpin.Message{Body: []byte(`{"message":"plain"}`)}) // without a name: perhaps the same, perhaps not
	ok(amqpin.Message{Body: zip(t, `[{"message":"zipped"},{"message":"zipped"}]`), ContentEncoding: "gzip", MessageID: "1"})
	ok(amqpin.Message{Body: zip(t, "{\"message\":\"zipped\"}\n{\"message\":\"zipped\"}"), MessageID: "1", Redelivered: true})
	ok(amqpin.Message{Body: []byte(`{"message":"claims","event":{"dataset":"belfry.gap"},"agent":{"id":"x"}}`), ContentEncoding: "none", MessageID: "2"})
	r.count(2, "plain")
	r.count(2, "zipped")
	r.count(4, "agent.name:app-1 AND NOT claims")
	r.count(1, "claims AND tags:claimed AND NOT agent.id:* AND NOT event.dataset:*")
	dies := func(want string, m amqpin.Message) {
		t.Helper()
		m.UserID = "app-1"
		if err := r.deliver(m); err != nil { // it is put away, and the rest goes on
			t.Error(err)
		}
		if got := r.letters("app-1"); !strings.Contains(got, want) {
			t.Errorf("letters %s, want one for %s", got, want)
		}
	}
	dies("content-encoding \"br\"", amqpin.Message{Body: []byte(`{}`), ContentEncoding: "br"})
	dies("no valid gzip", amqpin.Message{Body: []byte(`{"a":1}`), ContentEncoding: "gzip"})
	dies("line 2", amqpin.Message{Body: []byte("{}\n{")})
	dies("too many bytes", amqpin.Message{Body: zip(t, strings.Repeat(" ", 33<<20))})
	r.stop()
	r = start(t, dir)
	ok(amqpin.Message{Body: []byte(`{"message":"zipped"}`), MessageID: "1"})
	r.count(2, "zipped")
	r.stop()
}

// What an aggregator took over HTTP comes back through the broker: an event with a name keeps the id of that name,
// whatever place it has in the aggregator's stream.
func TestForeignThroughBroker(t *testing.T) {
	r := start(t, t.TempDir())
	newQueue := func(f certs.Files) *queued {
		t.Helper()
		signer, err := f.Signer()
		if err != nil {
			t.Fatal(err)
		}
		q, err := newQueued(nil, signer.Sign)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	send := func(q *queued, text string) {
		t.Helper()
		var dec event.Decoder
		e, err := dec.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		batches, err := q.seal([]*event.Event{e})
		if err != nil || len(batches) != 1 {
			t.Fatal(batches, err)
		}
		b := batches[0]
		for range 2 { // the broker delivers again what was not acknowledged
			m := amqpin.Message{
				Manifest: b.Header, Headers: b.Proof.Headers(), Body: b.Body, UserID: aggregatorUser, ContentEncoding: batch.ContentEncoding,
			}
			if err := r.deliver(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	named := `{"@timestamp":"` + now + `","message":"named","event":{"id":"` + event.HashKey("x").String() + `"}}`
	other := `{"@timestamp":"` + now + `","message":"other","event":{"id":"` + event.HashKey("y").String() + `"},"tags":["no_id"]}`
	for range 2 { // two processes, to which the sender turned one after the other
		q := newQueue(r.agg.cfg.Receive.HTTP.TLS.Files)
		send(q, named)
		send(q, other)
	}
	r.count(1, "named AND event.id:"+event.HashKey("x").String())
	r.count(2, "other")
	r.count(0, "log.offset:*")
	// No agent may name its events: their ids follow from their places.
	send(newQueue(r.agent), strings.ReplaceAll(named, "named", "false"))
	r.count(0, "false")
	if got := r.letters("agent-h"); !strings.Contains(got, "its place gives") {
		t.Errorf("an agent's event with an id of its own: letters %q", got)
	}
}

// What an aggregator sealed and could not publish leaves a hole in its stream. However many there are, what follows is
// taken.
func TestManyHoles(t *testing.T) {
	r := start(t, t.TempDir())
	signer, err := r.agg.cfg.Receive.HTTP.TLS.Files.Signer()
	if err != nil {
		t.Fatal(err)
	}
	q, err := newQueued(nil, signer.Sign)
	if err != nil {
		t.Fatal(err)
	}
	seal := func() *batch.Sealed {
		t.Helper()
		e := new(event.Event)
		e.Set("@timestamp", time.Now().UTC().Format(time.RFC3339Nano))
		e.Set("message", "x")
		e.Set("tags", "no_id")
		all, err := q.seal([]*event.Event{e})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0]
	}
	const most = ledger.MaxRanges + 50
	done := make(chan error, most)
	for range most {
		seal()
		q.lost(1)
		b := seal()
		r.agg.message(t.Context(), amqpin.Message{
			Manifest: b.Header, Headers: b.Proof.Headers(), Body: b.Body, UserID: aggregatorUser, ContentEncoding: batch.ContentEncoding,
		}, func(err error) { done <- err })
	}
	for range most {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := r.agg.dead.store.Count(); n > 0 {
		t.Errorf("%d dead letters", n)
	}
}

// While the broker is away, who posts events hears so at once.
func TestForeignWithoutBroker(t *testing.T) {
	a := open(t, true)
	door, err := a.sink()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if taken, err := door.Events(ctx, []*event.Event{{}}); err == nil || errors.Is(err, context.DeadlineExceeded) || taken.Queued {
		t.Errorf("%+v, %v", taken, err)
	}
}

func lasting(d conf.Duration) *conf.Duration { return &d }

func TestTokenCommands(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	var out bytes.Buffer
	c := &CLI{Config: r.path, Out: &out}
	run := func(cmd interface {
		Run(ctx context.Context, c *CLI) error
	}) (string, error) {
		t.Helper()
		out.Reset()
		err := cmd.Run(t.Context(), c)
		return out.String(), err
	}
	secret, err := run(tokenCreateCmd{Name: "filebeat", Scope: []string{"ingest", "search"}})
	secret = strings.TrimSuffix(secret, "\n")
	if err != nil || len(secret) < 43 || strings.ContainsAny(secret, " \n") {
		t.Fatalf("%q, %v", secret, err)
	}
	var made newToken
	text, err := run(tokenCreateCmd{Scope: []string{"admin"}, Expires: lasting(3600e9), JSON: true})
	if err := errors.Join(err, json.Unmarshal([]byte(text), &made)); err != nil || made.Secret == "" || made.Name != "token-"+made.ID || made.Expires.IsZero() {
		t.Errorf("%s, %v", text, err)
	}
	text, err = run(tokenListCmd{})
	if lines := strings.Split(strings.TrimSpace(text), "\n"); err != nil || len(lines) != 3 || !strings.Contains(lines[1], "filebeat") ||
		!strings.Contains(lines[1], "ingest,search") || strings.Contains(text, secret) {
		t.Errorf("%s, %v", text, err)
	}
	text, err = run(tokenListCmd{JSON: true})
	var first token.Token
	if err := errors.Join(err, json.Unmarshal([]byte(strings.SplitN(text, "\n", 2)[0]), &first)); err != nil || first.Name != "filebeat" {
		t.Errorf("%s, %v", text, err)
	}
	fails := func(want string, cmd interface {
		Run(ctx context.Context, c *CLI) error
	}) {
		t.Helper()
		if text, err := run(cmd); err == nil || !strings.Contains(err.Error(), want) || text != "" || ExitCode(err) != exitFailure {
			t.Errorf("%q, %v; want %s", text, err, want)
		}
	}
	fails("already: filebeat", tokenCreateCmd{Name: "filebeat", Scope: []string{"ingest"}})
	fails("scopes:", tokenCreateCmd{Name: "x"})
	fails("is over", tokenCreateCmd{Name: "x", Scope: []string{"ingest"}, Expires: lasting(-3600e9)})
	fails("is over", tokenCreateCmd{Name: "x", Scope: []string{"ingest"}, Expires: lasting(0)})
	fails(`"nobody"`, tokenRevokeCmd{Token: "nobody"})
	valid := func(want bool) {
		t.Helper()
		s, err := token.Open(r.agg.cfg.Dir("tokens.json"))
		if err != nil {
			t.Fatal(err)
		}
		if name, scopes, ok := s.Check(secret); ok != want || want && (name != "filebeat" || !slices.Contains(scopes, "ingest")) {
			t.Errorf("valid %v, %s, %v", ok, name, scopes)
		}
	}
	valid(true)
	if text, err := run(tokenRevokeCmd{Token: "filebeat"}); err != nil || !strings.Contains(text, "is revoked") {
		t.Errorf("%s, %v", text, err)
	}
	valid(false)
}
