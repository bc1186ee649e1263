package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/event"
)

// What an agent sent in November 2026, frozen as it left: wire-v1/https.request is the request of one batch, amqp.json the message
// of another. Both were signed by agent-old01, whose certificate is in them and ends with its authority, ca.pem, in a hundred
// years. Whatever becomes of the aggregator, it must take them: hosts are updated last.
const frozenWire = "testdata/wire-v1"

// oldAgent is who sent them.
const oldAgent = "agent-old01"

// withOld returns a file with the authorities of the aggregator and of the old agent.
func (o *office) withOld(dir, own string) string {
	o.t.Helper()
	first, err := os.ReadFile(own)
	o.must(err)
	second, err := os.ReadFile(filepath.Join(frozenWire, "ca.pem"))
	o.must(err)
	path := filepath.Join(dir, "both.pem")
	o.must(os.WriteFile(path, append(first, second...), 0o644))
	return path
}

// old: what an old agent sends arrives as it always did.
func (o *office) old() {
	authority, err := certs.OpenAuthority(o.ca)
	o.must(err)
	files, err := authority.Issue(oldAgent, certs.Request{CommonName: oldAgent, Client: true, Days: 1})
	o.must(err)
	o.oldOverHTTPS(files)
	if o.rabbit != nil {
		o.oldOverAMQP(files)
	}
	f := func(word, command string) {
		o.t.Helper()
		var found []*event.Event
		until(o.t, "find what the old agent sent", func(ctx context.Context) (err error) {
			found, err = o.aggregator.Search(ctx, "agent.name:"+oldAgent+` AND process.name:sudo AND "`+word+`"`)
			if err == nil && len(found) != 1 {
				err = fmt.Errorf("%d events", len(found))
			}
			return err
		})
		e := found[0]
		if e.Get("host.name") != "old01" || e.Get("user.name") != "averez" || e.Get("process.command_line") != command ||
			e.Get("log.file.path") != "/tmp/old01/auth.log" || !strings.HasPrefix(e.Get("@timestamp"), "2026-11-29T06:00:00") {
			o.t.Errorf("%s", e.AppendJSON(nil))
		}
	}
	f("COMMAND=/usr/bin/su", "/usr/bin/su")
	if o.rabbit != nil {
		f("COMMAND=/usr/bin/vi", "/usr/bin/vi")
	}
}

func (o *office) oldOverHTTPS(files certs.Files) {
	o.t.Helper()
	raw, err := os.ReadFile(filepath.Join(frozenWire, "https.request"))
	o.must(err)
	frozen, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	o.must(err)
	req, err := http.NewRequest(frozen.Method, "https://"+o.aggregator.TLS+frozen.URL.Path, frozen.Body)
	o.must(err)
	req.Header, req.ContentLength = frozen.Header, frozen.ContentLength
	req.Header.Del("Accept-Encoding")
	settings, err := files.Client()
	o.must(err)
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}}).Do(req)
	o.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	o.must(err)
	code, status := http.StatusOK, `"status":"indexed"`
	if o.rabbit != nil {
		code, status = http.StatusAccepted, `"status":"queued"`
	}
	if resp.StatusCode != code || !strings.Contains(string(text), status) {
		o.t.Errorf("the old agent's request: %s: %s", resp.Status, text)
	}
}

func (o *office) oldOverAMQP(files certs.Files) {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(frozenWire, "amqp.json"))
	o.must(err)
	var m struct {
		Exchange        string
		Key             string `json:"routing_key"`
		Headers         amqp.Table
		ContentType     string `json:"content_type"`
		ContentEncoding string `json:"content_encoding"`
		DeliveryMode    uint8  `json:"delivery_mode"`
		ID              string `json:"message_id"`
		User            string `json:"user_id"`
		App             string `json:"app_id"`
		Timestamp       time.Time
		Body            []byte
	}
	o.must(json.Unmarshal(text, &m))
	list := filepath.Join(o.aggregator.Dir, "old")
	o.must(os.WriteFile(list, []byte(m.User+"\n"), 0o644))
	if _, err := o.aggregator.Command(o.t.Context(), "topology", "apply", "--agents", list); err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), patience())
	defer cancel()
	conn, err := broker.Dial(ctx, broker.Config{URLs: []string{o.rabbit.URL}, Files: files})
	o.must(err)
	defer conn.End()
	ch, err := conn.Channel()
	o.must(err)
	o.must(ch.Confirm(false))
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, m.Exchange, m.Key, true, false, amqp.Publishing{
		Headers: m.Headers, ContentType: m.ContentType, ContentEncoding: m.ContentEncoding, DeliveryMode: m.DeliveryMode, MessageId: m.ID,
		UserId: m.User, AppId: m.App, Timestamp: m.Timestamp, Body: m.Body,
	})
	o.must(err)
	if ok, err := confirm.WaitContext(ctx); err != nil || !ok || len(returned) > 0 {
		o.t.Fatalf("the old agent's message: taken %v, %v; came back %v", ok, err, len(returned) > 0)
	}
}
