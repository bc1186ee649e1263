package e2e_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

// senders: programs of other projects, as Debian ships them, send to the doors that are made for them.
func (w watch) senders(t *testing.T) {
	t.Run("rsyslog", w.rsyslog)
	if w.Rabbit != nil {
		t.Run("syslog-ng", w.syslogNG)
		t.Run("pika", w.pika)
	}
}

// many is how many messages a sender sends.
const many = 120

// severities are the names of the numbers that a line's priority holds (RFC 5424, section 6.2.1).
var severities = strings.Fields("emerg alert crit err warning notice info debug")

// arrived waits for the last event of a sender, and returns the others by the number that ends their message. What was
// sent before the last one is there by then, so that what is missing or there twice shows.
func (w watch) arrived(t *testing.T, word string) map[int]*event.Event {
	t.Helper()
	until(t, "the last of "+word, func(ctx context.Context) error {
		found, err := w.Aggregator.Search(ctx, word+" AND finished")
		if err == nil && len(found) == 0 {
			err = errors.New("not in the index")
		}
		return err
	})
	all := make(map[int]*event.Event)
	for _, e := range w.search(t, word+" AND NOT finished") {
		said := e.Get("message")
		n, err := strconv.Atoi(said[strings.LastIndexByte(said, ' ')+1:])
		if err != nil || all[n] != nil {
			t.Errorf("not sent, or there twice: %s", e.AppendJSON(nil))
		}
		all[n] = e
	}
	if len(all) != many {
		t.Errorf("%s: %d of %d arrived", word, len(all), many)
	}
	return all
}

// ends stops a sender, and tells what it said if the test failed.
func ends(t *testing.T, p *stack.Peer) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("the sender's last words:\n%s", p.Log())
	}
}

// has reports each field of an event that is not what it should be. Without an id from its sender it bears a tag.
func has(t *testing.T, e *event.Event, named bool, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if e.Get(name) != value {
			t.Errorf("%s is %q, want %q: %s", name, e.Get(name), value, e.AppendJSON(nil))
		}
	}
	untagged := true
	for _, tag := range e.All("tags") {
		untagged = untagged && tag != "no_id"
	}
	if untagged != named || e.Has("agent.id") {
		t.Errorf("named %v, tags %v, agent.id %q", named, e.All("tags"), e.Get("agent.id"))
	}
}

// ecsByRsyslog makes an ECS document of what rsyslog knows of a message.
const ecsByRsyslog = `template(name="document" type="list" option.jsonf="on") {
	property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
	property(outname="host.name" name="hostname" format="jsonf")
	property(outname="log.level" name="syslogseverity-text" format="jsonf")
	property(outname="process.name" name="programname" format="jsonf")
	property(outname="process.pid" name="procid" format="jsonf")
	property(outname="message" name="msg" position.from="2" format="jsonf")
}`

// rsyslog: what came by syslog goes to the bulk door, as it would to Elasticsearch. Each line comes to it twice, and
// bears an _id made of its text: it is found once.
func (w watch) rsyslog(t *testing.T) {
	stack.NeedSenders(t, "rsyslog")
	files, err := w.Sender("rsyslog")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, addr, err := stack.StartRsyslog(t.Context(), stack.Rsyslog{
		Dir: dir, Template: ecsByRsyslog, ID: `"text-" & field($msg, 32, 4)`, Server: w.Aggregator.TLS,
		Index: "syslog", Files: files,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ends(t, p)
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	syslogOver(t, addr, at, "rsword", "rs01")
	for n, e := range w.arrived(t, "rsword") {
		has(t, e, true, map[string]string{
			"@timestamp": at.UTC().Format(time.RFC3339Nano), "host.name": "rs01", "process.name": "someapp",
			"process.pid": "4711", "message": fmt.Sprint("rsword number ", n), "log.level": severities[n%8],
			"labels.index": "syslog", "agent.name": "rsyslog",
		})
	}
	for _, answer := range refusals(t, filepath.Join(dir, "refused.json")) {
		t.Errorf("rsyslog was refused: %s", answer)
	}
}

// refusals returns the answers that rsyslog kept in a file because they were no success, but for 409: that is what
// "create" answers for what is there already.
func refusals(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var bad []string
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var kept struct {
			Reply struct{ Items []map[string]json.RawMessage }
		}
		if err := d.Decode(&kept); err == io.EOF {
			return bad
		} else if err != nil {
			t.Fatalf("%v: %.2000s", err, text)
		}
		if len(kept.Reply.Items) == 0 {
			bad = append(bad, fmt.Sprintf("%.2000s", text))
		}
		for _, item := range kept.Reply.Items {
			var answer struct{ Status int }
			if err := json.Unmarshal(item["create"], &answer); err != nil || answer.Status != 201 && answer.Status != 409 {
				bad = append(bad, fmt.Sprintf("%s", item))
			}
		}
	}
}

// syslogLine is a message of RFC 3164 with everything that a header can have.
func syslogLine(n int, at time.Time, host, text string) string {
	return fmt.Sprintf("<%d>%s %s someapp[4711]: %s\n", 8+n%8, at.Format(time.Stamp), host, text)
}

// syslogOver sends all messages twice over one connection, and then the last.
func syslogOver(t *testing.T, addr string, at time.Time, word, host string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 2 * many {
		n := i % many
		if _, err := c.Write([]byte(syslogLine(n, at, host, fmt.Sprint(word, " number ", n)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write([]byte(syslogLine(0, at, host, word+" finished all"))); err != nil {
		t.Fatal(err)
	}
}

// ecsBySyslogNG makes an ECS document of what syslog-ng knows of a message.
const ecsBySyslogNG = `$(format-json --pair @timestamp="$ISODATE" --pair host.name="$HOST" --pair log.level="$LEVEL" ` +
	`--pair process.name="$PROGRAM" --pair process.pid=int64($PID) --pair message="$MSG")`

// syslogNG: what it reads from a file goes to the broker, a message a line. It has no names for them.
func (w watch) syslogNG(t *testing.T) {
	stack.NeedSenders(t, "syslog-ng")
	files, err := w.Sender(stack.ForeignSender)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	var lines strings.Builder
	for n := range many {
		lines.WriteString(syslogLine(n, at, "ng01", fmt.Sprint("ngword number ", n)))
	}
	lines.WriteString(syslogLine(0, at, "ng01", "ngword finished all"))
	file := filepath.Join(dir, "messages")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := stack.StartSyslogNG(stack.SyslogNG{
		Dir: dir, File: file, Parse: true, Body: ecsBySyslogNG, Broker: w.Rabbit.Addr, Exchange: broker.Foreign, Files: files,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ends(t, p)
	for n, e := range w.arrived(t, "ngword") {
		has(t, e, false, map[string]string{
			"@timestamp": at.UTC().Format(time.RFC3339Nano), "host.name": "ng01", "process.name": "someapp",
			"process.pid": "4711", "message": fmt.Sprint("ngword number ", n), "log.level": severities[n%8],
			"agent.name": "", // it does not say in a message as whom it logged in
		})
	}
}

// pikaMessage is a message as testdata/publish.py takes it.
type pikaMessage struct {
	Body     []byte `json:"body"`
	Encoding string `json:"encoding,omitempty"`
	ID       string `json:"id,omitempty"`
	User     string `json:"user,omitempty"` // who sends, which the broker checks
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pika: a Python program publishes as it likes: one object, several, compressed; with a name, and then twice.
func (w watch) pika(t *testing.T) {
	stack.Need(t, "python3")
	stack.NeedSenders(t, "pika")
	const me = stack.ForeignSender
	object := `{"category":"demo","hostname":"py01","severity":"INFO","summary":"%s one","details":{"n":1},"processname":"pyapp"}`
	two := `{"message":"%[1]s two","host":{"name":"py01"}}` + "\n" + `{"message":"%[1]s three","host.name":"py01"}` + "\n"
	var all []pikaMessage
	for _, m := range []pikaMessage{
		{Body: fmt.Appendf(nil, object, "pyplain")},
		{Body: fmt.Appendf(nil, two, "pylines")},
		{Body: zipped(t, fmt.Sprintf(two, "pyzip")), Encoding: "gzip"},
		{Body: fmt.Appendf(nil, object, "pynamed"), ID: "m-1", User: me},
		{Body: fmt.Appendf(nil, two, "pynamedlines"), ID: "m-2", User: me},
		{Body: zipped(t, fmt.Sprintf(two, "pynamedzip")), ID: "m-3", User: me, Encoding: "gzip"},
	} {
		all = append(all, m, m) // twice
	}
	all = append(all, pikaMessage{Body: []byte(`{"message":"pylast"}`)})
	w.byPika(t, all)
	until(t, "the last of pika", func(ctx context.Context) error {
		found, err := w.Aggregator.Search(ctx, "pylast")
		if err == nil && len(found) == 0 {
			err = errors.New("not in the index")
		}
		return err
	})
	f := func(query string, times int, named bool, want map[string]string) {
		t.Helper()
		found := w.search(t, query)
		if len(found) != times {
			t.Errorf("%s: found %d times, want %d", query, len(found), times)
		}
		for _, e := range found {
			want["host.name"], want["agent.name"] = "py01", ""
			if named {
				want["agent.name"] = me
			}
			has(t, e, named, want)
		}
	}
	mozdef := map[string]string{"labels.category": "demo", "log.level": "INFO", "details.n": "1", "process.name": "pyapp"}
	f("pyplain AND one", 2, false, mozdef)
	f("pynamed AND one", 1, true, mozdef)
	for _, word := range []string{"two", "three"} {
		f("pylines AND "+word, 2, false, map[string]string{"message": "pylines " + word})
		f("pyzip AND "+word, 2, false, map[string]string{"message": "pyzip " + word})
		f("pynamedlines AND "+word, 1, true, map[string]string{"message": "pynamedlines " + word})
		f("pynamedzip AND "+word, 1, true, map[string]string{"message": "pynamedzip " + word})
	}
}

// byPika has pika publish messages to the exchange of foreign senders.
func (w watch) byPika(t *testing.T, all []pikaMessage) {
	t.Helper()
	files, err := w.Sender(stack.ForeignSender)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(w.Rabbit.Addr)
	if err != nil {
		t.Fatal(err)
	}
	to, err := json.Marshal(map[string]any{
		"host": "localhost", "port": json.Number(port), "exchange": broker.Foreign,
		"ca": files.CA, "cert": files.Cert, "key": files.Key,
	})
	if err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	for _, m := range all {
		if err := json.NewEncoder(&in).Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	cmd, err := stack.Pika(t.Context(), filepath.Join("testdata", "publish.py"), string(to))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
}
