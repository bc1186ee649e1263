package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

// TestTamper lets agents ship into the queues while no aggregator runs, does to their batches what somebody in between
// could, and asks the audit of an aggregator that comes then. Whoever has not the key of an agent cannot take a byte of
// it away unnoticed, whatever he recomputes; who sends again or in another order does no harm.
func TestTamper(t *testing.T) {
	m := openMiddle(t)
	m.agentsShip()
	taken := m.take()
	for _, c := range m.cases() {
		taken[c.host] = c.do(taken[c.host])
	}
	m.putBack(taken)
	m.must(m.aggregator.Start(t.Context()))
	for _, c := range m.cases() {
		t.Run(c.host, func(t *testing.T) { m.audited(t, c) })
	}
	t.Run("each line once", m.eachOnce)
}

const (
	tamperLines = 3500 // of each host: some batches
	tamperWidth = 100  // bytes of each, with its line end
	tamperGrace = time.Second
)

// message is what lay in a queue.
type message struct {
	key  string
	d    amqp.Delivery
	what *batch.Manifest
}

// tampering is what is done to one host's messages, and what the audit must say of the bytes of its file then.
type tampering struct {
	host   string
	do     func([]message) []message
	want   string // missing, dead, or "" for nothing
	letter string // what a dead letter says, or ""
}

// lines returns the part of a host's file that a batch carries, nil if it carries none.
func (x *message) lines() *batch.Stream {
	for i := range x.what.Streams {
		if s := &x.what.Streams[i]; s.Class == "auth" {
			return s
		}
	}
	return nil
}

// end is where the part of the file ends that a batch carries.
func (x *message) end() uint64 { r := x.lines().Ranges; return r[len(r)-1].End }

// cases are one a host. What they do something to are the host's batches of lines: [0], [1], … in its messages.
func (m *middle) cases() []tampering {
	at := func(all []message, i int) (message, int) { // the i-th batch of lines, and where it lies
		for j := range all {
			if all[j].lines() != nil {
				if i == 0 {
					return all[j], j
				}
				i--
			}
		}
		m.t.Fatalf("%d messages, and not so many with lines", len(all))
		return message{}, 0
	}
	hits := func(x message) message { // x is what the audit must name
		m.hit[strings.TrimPrefix(x.d.UserId, "agent-")] = batch.Range{First: x.lines().Ranges[0].First, End: x.end()}
		return x
	}
	change := func(i int, f func(*message)) func([]message) []message {
		return func(all []message) []message {
			x, j := at(all, i)
			hits(x)
			f(&x)
			all[j] = x
			return all
		}
	}
	remove := func(i int) func([]message) []message {
		return func(all []message) []message {
			x, j := at(all, i)
			hits(x)
			return append(all[:j:j], all[j+1:]...)
		}
	}
	flip := func(x *message) {
		x.d.Body = bytes.Clone(x.d.Body)
		x.d.Body[len(x.d.Body)/2] ^= 1
	}
	return []tampering{
		{"untouched", func(all []message) []message { return all }, "", ""},
		{"removed", remove(1), "missing", ""},
		{"head", remove(0), "missing", ""},
		// All that came behind the first batch is away, but for what was said of it meanwhile.
		{"tail", func(all []message) []message {
			x, j := at(all, 0)
			m.hit["tail"] = batch.Range{First: x.end(), End: tamperLines * tamperWidth}
			kept := all[: j+1 : j+1]
			for _, x := range all[j+1:] {
				if x.lines() == nil {
					kept = append(kept, x)
				}
			}
			return kept
		}, "missing", ""},
		{"altered", change(1, flip), "dead", "body does not match its manifest"},
		{"recomputed", change(1, func(x *message) {
			flip(x)
			x.set(batch.ManifestHeader, rehash(m.t, x))
		}), "missing", "the signature is not one of agent-recomputed"},
		{"shortened", change(1, func(x *message) {
			x.set(batch.ManifestHeader, strings.Replace(x.get(batch.ManifestHeader), fmt.Sprintf(`"end":%d`, x.end()), fmt.Sprintf(`"end":%d`, x.end()-tamperWidth), 1))
		}), "missing", "the signature is not one of agent-shortened"},
		{"unsigned", change(1, func(x *message) { delete(x.d.Headers, batch.SignatureHeader) }),
			"missing", "the batch has none"},
		// Another agent of the same authority signs in its place.
		{"impostor", change(1, func(x *message) {
			flip(x)
			x.set(batch.ManifestHeader, rehash(m.t, x))
			m.sign(x, "agent-untouched")
		}), "missing", "agent-untouched"},
		{"replayed", func(all []message) []message { return append(all, all...) }, "", ""},
		{"reordered", func(all []message) []message {
			for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
				all[i], all[j] = all[j], all[i]
			}
			return all
		}, "", ""},
	}
}

func (x *message) get(name string) string { s, _ := x.d.Headers[name].(string); return s }

func (x *message) set(name, value string) {
	headers := amqp.Table{}
	for k, v := range x.d.Headers {
		headers[k] = v
	}
	headers[name] = value
	x.d.Headers = headers
}

// rehash returns the manifest of a message with the hash of the body that it has now.
func rehash(t *testing.T, x *message) string {
	t.Helper()
	return strings.Replace(x.get(batch.ManifestHeader), x.what.Body, batch.HashBody(x.d.Body), 1)
}

// middle stands between agents and an aggregator.
type middle struct {
	t          *testing.T
	dir        string
	ca         *certs.Authority
	rabbit     *stack.RabbitMQ
	conn       *broker.Conn
	aggregator *stack.Aggregator
	files      map[string]certs.Files
	hit        map[string]batch.Range // by host: the bytes that something was done to
}

func openMiddle(t *testing.T) *middle {
	stack.Need(t, "rabbitmq-server")
	m := &middle{t: t, dir: filepath.Join(scratch, "tamper"), files: make(map[string]certs.Files), hit: make(map[string]batch.Range)}
	bin, err := build()
	m.must(err)
	m.ca, err = certs.NewAuthority(filepath.Join(m.dir, "certs"))
	m.must(err)
	users := []stack.User{{Name: "belfry", Configure: `.*`, Write: `.*`, Read: `.*`}}
	for _, c := range m.cases() {
		users = append(users, stack.User{Name: "agent-" + c.host, Configure: `^$`, Write: `^belfry\.events$`, Read: `^$`})
	}
	rabbit := filepath.Join(m.dir, "rabbitmq")
	m.must(os.MkdirAll(rabbit, 0o755))
	ctx, cancel := context.WithTimeout(t.Context(), startup)
	defer cancel()
	m.rabbit, err = stack.StartRabbitMQ(ctx, stack.Rabbit{Dir: rabbit, Authority: m.ca, Users: users})
	m.must(err)
	t.Cleanup(func() { m.must(m.rabbit.Stop()) })
	m.must(m.rabbit.Apply(ctx, 1)) // one queue: what is put back is in one order
	own, err := m.ca.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Client: true, Server: true})
	m.must(err)
	m.conn, err = m.rabbit.Connect(ctx)
	m.must(err)
	t.Cleanup(m.conn.End)
	m.aggregator, err = bin.NewAggregator(stack.AggregatorConfig{
		Dir: filepath.Join(m.dir, "aggregator"), Broker: m.rabbit.URL, Files: own, Queues: 1, GapGrace: tamperGrace.String(),
	})
	m.must(err)
	t.Cleanup(func() { m.must(m.aggregator.Stop()) })
	// The aggregator knows each agent by what it has said before.
	m.must(m.aggregator.Start(ctx))
	m.agents(func(a *stack.Agent) {
		m.must(a.Start(ctx))
		m.must(a.Stop())
	})
	until(t, "each agent's heartbeat is in the index", func(ctx context.Context) error {
		events, err := m.aggregator.Search(ctx, "event.dataset:belfry.heartbeat")
		if err == nil && len(events) < len(m.cases()) {
			err = fmt.Errorf("%d heartbeats", len(events))
		}
		return err
	})
	m.must(m.aggregator.Stop())
	return m
}

func (m *middle) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// agents does something with the agent of each host.
func (m *middle) agents(do func(*stack.Agent)) {
	bin, err := build()
	m.must(err)
	for _, c := range m.cases() {
		name := "agent-" + c.host
		if _, ok := m.files[name]; !ok {
			m.files[name], err = m.ca.Issue(name, certs.Request{CommonName: name, Client: true})
			m.must(err)
		}
		a, err := bin.NewAgent(stack.AgentConfig{
			Dir: filepath.Join(m.dir, name), Host: c.host, Namespace: c.host, Files: m.files[name], Broker: m.rabbit.URL,
			Globs: []string{m.log(c.host)},
		})
		m.must(err)
		do(a)
	}
}

func (m *middle) log(host string) string { return filepath.Join(m.dir, host+".log") }

func tamperLine(host string, n int) string {
	text := fmt.Sprintf("%s tamper[1]: host %s number %d ", time.Now().Format("Jan _2 15:04:05")+" "+host, host, n)
	return text + strings.Repeat("x", tamperWidth-1-len(text)) + "\n"
}

// agentsShip writes a file on each host, and lets its agent ship all of it.
func (m *middle) agentsShip() {
	m.agents(func(a *stack.Agent) {
		var b strings.Builder
		for n := range tamperLines {
			b.WriteString(tamperLine(a.Host, n))
		}
		m.must(os.WriteFile(m.log(a.Host), []byte(b.String()), 0o644))
		m.must(a.Start(m.t.Context()))
		until(m.t, "the agent of "+a.Host+" has shipped its file", func(ctx context.Context) error {
			s, err := a.State(ctx)
			if err == nil && (s.Behind > 0 || s.Files != 1) {
				err = fmt.Errorf("%d files, %d bytes behind", s.Files, s.Behind)
			}
			return err
		})
		time.Sleep(2 * tamperGrace) // what it says when it stops moves the queue on, behind the grace of any hole
		m.must(a.Stop())
	})
}

// take takes all messages out of the queue, by host.
func (m *middle) take() map[string][]message {
	ch, err := m.conn.Channel()
	m.must(err)
	defer ch.Close() // or the aggregator would wait behind this consumer
	deliveries, err := ch.Consume(broker.EventQueue(0), "", true, false, false, false, nil)
	m.must(err)
	byAgent := make(map[string][]message)
	for d, ok := next(deliveries); ok; d, ok = next(deliveries) {
		text, _ := d.Headers[batch.ManifestHeader].(string)
		what, err := batch.ParseManifest([]byte(text))
		m.must(err)
		host := strings.TrimPrefix(d.UserId, "agent-")
		byAgent[host] = append(byAgent[host], message{d.RoutingKey, d, what})
	}
	if len(byAgent) != len(m.cases()) {
		m.t.Fatalf("messages of %d agents", len(byAgent))
	}
	return byAgent
}

// next returns the next message, unless none comes for a while: a quorum queue does not say how many it has.
func next(deliveries <-chan amqp.Delivery) (d amqp.Delivery, ok bool) {
	select {
	case d, ok = <-deliveries:
	case <-time.After(3 * time.Second):
	}
	return d, ok
}

// putBack publishes messages as one who has the run of the broker can.
func (m *middle) putBack(taken map[string][]message) {
	ch, err := m.conn.Channel()
	m.must(err)
	defer ch.Close()
	m.must(ch.Confirm(false))
	for _, all := range taken {
		for _, x := range all {
			ok, err := ch.PublishWithDeferredConfirm(broker.Events, x.key, true, false, amqp.Publishing{
				MessageId: x.d.MessageId, ContentType: x.d.ContentType, ContentEncoding: x.d.ContentEncoding,
				Headers: x.d.Headers, Body: x.d.Body, DeliveryMode: amqp.Persistent, UserId: "belfry", AppId: x.d.AppId,
			})
			m.must(err)
			if !ok.Wait() {
				m.t.Fatal("the broker did not take it")
			}
		}
	}
}

// sign puts another agent's signature to a message.
func (m *middle) sign(x *message, name string) {
	signer, err := m.files[name].Signer()
	m.must(err)
	var p batch.Proof
	p.Signature, p.Chain, err = signer.Sign(batch.Signed([]byte(x.get(batch.ManifestHeader))))
	m.must(err)
	for name, value := range p.Headers() {
		x.set(name, value)
	}
}

// auditFile is what the audit says of one file.
type auditFile struct {
	Path  string
	Parts []struct {
		Kind       string
		First, End uint64
	}
}

// audited waits until the audit of a host says what it must of its file.
func (m *middle) audited(t *testing.T, c tampering) {
	until(t, "the audit of "+c.host, func(ctx context.Context) error {
		files, code, err := m.aggregator.Audit(ctx, c.host)
		if err != nil {
			return err
		}
		if want := map[bool]int{false: 0, true: 1}[c.want == "missing"]; code != want {
			return fmt.Errorf("exit code %d, want %d: %s", code, want, files)
		}
		return judged(files, m.log(c.host), c.want, m.hit[c.host])
	})
	if c.letter == "" {
		return
	}
	until(t, "a dead letter", func(ctx context.Context) error {
		text, err := m.aggregator.Dead(ctx)
		if err == nil && !strings.Contains(text, c.letter) {
			err = fmt.Errorf("no dead letter says %q: %s", c.letter, text)
		}
		return err
	})
}

// judged holds what the audit says of a file against what was done to it.
func judged(text []byte, path, kind string, hit batch.Range) error {
	for line := range bytes.Lines(text) {
		var f auditFile
		if err := json.Unmarshal(line, &f); err != nil {
			return fmt.Errorf("read %s: %w", line, err)
		}
		if f.Path != path {
			continue
		}
		bad, held := "", uint64(0)
		for _, p := range f.Parts {
			if p.Kind == "held" {
				held += p.End - p.First
				continue
			}
			bad += fmt.Sprintf("%s [%d,%d) ", p.Kind, p.First, p.End)
		}
		want := ""
		if kind != "" {
			want = fmt.Sprintf("%s [%d,%d) ", kind, hit.First, hit.End)
		}
		if all := uint64(tamperLines * tamperWidth); bad != want || held != all-(hit.End-hit.First) {
			return fmt.Errorf("%d bytes held of %d, and %s; want %s", held, all, bad, want)
		}
		return nil
	}
	return errors.New("the audit does not name " + path)
}

// eachOnce counts the lines: no number twice, and none is away but for those that were taken away.
func (m *middle) eachOnce(t *testing.T) {
	found := make(map[string]int)
	err := m.aggregator.Export(t.Context(), "process.name:tamper", func(line []byte) error {
		var e struct{ Message string }
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		found[strings.TrimRight(e.Message, " x")]++
		return nil
	})
	m.must(err)
	want := 0
	for _, c := range m.cases() {
		want += tamperLines - int(m.hit[c.host].End-m.hit[c.host].First)/tamperWidth
	}
	if len(found) != want {
		t.Errorf("%d lines, want %d", len(found), want)
	}
	for text, n := range found {
		if n != 1 {
			t.Errorf("%q is there %d times", text, n)
		}
	}
}
