package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/corpus"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

// su is the line from the talk: somebody becomes root for good.
const su = "sudo:   %s : TTY=pts/0 ; PWD=/home/%s ; USER=root ; COMMAND=/usr/bin/su"

// TestRoad replays recorded lines and looks at what arrives, once through RabbitMQ and once over HTTPS.
func TestRoad(t *testing.T) {
	f := func(name string, broker bool) {
		t.Run(name, func(t *testing.T) {
			w := watch{open(t, stack.RoadConfig{Broker: broker, IRC: true})}
			if err := w.Feeder.Replay(t.Context(), corpus.AuthMixed(), time.Microsecond); err != nil {
				t.Fatal(err)
			}
			t.Run("lines", w.lines)
			t.Run("senders", w.senders)
			t.Run("sudo", w.sudo)
			t.Run("sshd", w.sshd)
			t.Run("slapd", w.slapd)
			t.Run("ping", w.ping)
			t.Run("curl", w.curl)
			t.Run("foreign", w.foreign)
			t.Run("bulk", w.bulk)
			if broker {
				t.Run("published", w.published)
			}
			t.Run("tail", w.tail)
			t.Run("no more pings", w.pings)
			t.Run("check", w.check)
			t.Run("support-bundle", w.bundle)
			if broker {
				t.Run("top", w.top)
			}
		})
	}
	f("https", false)
	f("broker", true)
}

type watch struct{ *stack.Road }

// search returns what a query finds.
func (w watch) search(t *testing.T, query string) []*event.Event {
	t.Helper()
	events, err := w.Aggregator.Search(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// written counts the lines that hold every one of the words.
func (w watch) written(words ...string) map[string]int {
	n := map[string]int{}
	for _, l := range w.Feeder.Written(words[0]) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(l.Line, word) }) {
			n[l.Line]++
		}
	}
	return n
}

func originals(events []*event.Event) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		n[e.Get("event.original")]++
	}
	return n
}

// compare reports what is there too rarely, and what too often.
func compare(got, want map[string]int) error {
	var errs []error
	for line, n := range want {
		if got[line] != n {
			errs = append(errs, fmt.Errorf("%d times, want %d: %q", got[line], n, line))
		}
	}
	for line, n := range got {
		if want[line] == 0 {
			errs = append(errs, fmt.Errorf("%d times, but was not written: %q", n, line))
		}
	}
	return errors.Join(errs...)
}

// lines: each line of the file is found, as it was written and as often.
func (w watch) lines(t *testing.T) {
	until(t, "find every line", func(ctx context.Context) error {
		events, err := w.Aggregator.Search(ctx, "log.file.path:*")
		return errors.Join(err, compare(originals(events), w.written("")))
	})
}

func (w watch) sudo(t *testing.T) {
	events := w.search(t, "user.name:averez AND process.name:sudo")
	got := originals(events)
	want := w.written("sudo:", " averez : ", "COMMAND=")
	if len(want) == 0 {
		t.Fatal("no sudo line was written")
	}
	for line, n := range want {
		if got[line] != n {
			t.Errorf("found %d times, want %d: %q", got[line], n, line)
		}
	}
	for _, e := range events {
		if e.Get("user.name") != "averez" || e.Get("process.name") != "sudo" || e.Get("host.name") != "web01" {
			t.Errorf("found by mistake: %s", e.AppendJSON(nil))
		}
	}
	for _, e := range w.search(t, `process.name:sudo AND "COMMAND=/usr/bin/su -c id"`) {
		if e.Get("user.effective.name") != "root" || !strings.HasSuffix(e.Get("process.command_line"), "/usr/bin/su -c id") {
			t.Errorf("sudo as averez: %s", e.AppendJSON(nil))
		}
	}
}

func (w watch) sshd(t *testing.T) {
	f := func(line, user, outcome string) {
		t.Helper()
		want := w.written("sshd[", line)
		if len(want) == 0 {
			t.Fatalf("no line with %q was written", line)
		}
		found := w.search(t, "process.name:sshd AND event.outcome:"+outcome+" AND user.name:"+user)
		found = slices.DeleteFunc(found, func(e *event.Event) bool {
			return !strings.Contains(e.Get("event.original"), line)
		})
		if err := compare(originals(found), want); err != nil {
			t.Errorf("%s, %s: %v", user, outcome, err)
		}
		for _, e := range found {
			if e.Get("source.ip") != "127.0.0.1" || e.Get("event.action") == "" {
				t.Errorf("without address or action: %s", e.AppendJSON(nil))
			}
		}
	}
	f("Accepted password for averez", "averez", "success")
	f("Failed password for averez", "averez", "failure")
	f("Failed password for invalid user nosuchuser", "nosuchuser", "failure")
}

// bindResult is the line that ends a bind.
var bindResult = regexp.MustCompile(`slapd\[\d+\]: conn=\d+ op=\d+ RESULT tag=97 err=(\d+) `)

// slapd: one bind is one authentication event, with the address and the name that stood on lines before.
func (w watch) slapd(t *testing.T) {
	want := map[string]int{}
	for line, n := range w.written("slapd[") {
		if m := bindResult.FindStringSubmatch(line); m != nil && m[1] == "0" {
			want["success"] += n
		} else if m != nil {
			want["failure"] += n
		}
	}
	if want["success"] == 0 || want["failure"] == 0 {
		t.Fatalf("binds written: %v", want)
	}
	got := map[string]int{}
	for _, e := range w.search(t, "event.action:ldap-bind") {
		if e.Get("event.action") != "ldap-bind" {
			continue // a word of ldap-bind-request
		}
		got[e.Get("event.outcome")]++
		anonymous := e.Get("ldap.anonymous") == "true"
		if e.Get("source.ip") != "127.0.0.1" || e.Has("ldap.dn") == anonymous || e.Get("event.category") != "authentication" {
			t.Errorf("a bind: %s", e.AppendJSON(nil))
		}
	}
	if len(got) != 2 || got["success"] != want["success"] || got["failure"] != want["failure"] {
		t.Errorf("binds %v, want %v", got, want)
	}
}

// talked is what was said to the one on call, with a word in it.
func (w watch) talked(word string) []stack.Heard {
	return slices.DeleteFunc(w.Reader.Heard(), func(h stack.Heard) bool {
		return h.Target != stack.Channel || !strings.HasPrefix(h.Text, stack.Oncall+": ") || !strings.Contains(h.Text, word)
	})
}

// suUsers each become root once; their names are found in the pings.
var suUsers = []string{"ufoalice", "ufobruno", "ufocarol"}

// ping: the line of the talk is heard by the one on call.
func (w watch) ping(t *testing.T) {
	for _, user := range suUsers {
		if err := w.Feeder.Write(fmt.Sprintf(su, user, user)); err != nil {
			t.Fatal(err)
		}
		wrote := time.Now()
		until(t, "ping about "+user, func(context.Context) error {
			if len(w.talked(user)) == 0 {
				return fmt.Errorf("not among the %d things that were said", len(w.Reader.Heard()))
			}
			return nil
		})
		h := w.talked(user)[0]
		t.Logf("measured: ping %v after the write: %s", h.At.Sub(wrote).Round(time.Millisecond), h.Text)
	}
}

// rootForGood is a line that must ping, however it ended.
var rootForGood = regexp.MustCompile(`sudo: .*COMMAND=(/usr)?/bin/su( |$)`)

// pings: by now, each such line was told once, those of the recording too.
func (w watch) pings(t *testing.T) {
	want := 0
	for line, n := range w.written("sudo:") {
		if rootForGood.MatchString(line) {
			want += n
		}
	}
	if want <= len(suUsers) {
		t.Fatalf("%d lines that must ping were written", want)
	}
	until(t, "hear every ping", func(context.Context) error {
		if got := len(w.talked("/bin/su")); got < want {
			return fmt.Errorf("%d pings, want %d", got, want)
		}
		return nil
	})
	if got := len(w.talked("/bin/su")); got != want {
		t.Errorf("%d pings, want %d", got, want)
	}
	for _, user := range suUsers {
		if got := len(w.talked(user)); got != 1 {
			t.Errorf("%d pings about %s, want 1", got, user)
		}
	}
}

// curl: the command of the README as it stands there, but for the port.
func (w watch) curl(t *testing.T) {
	stack.Need(t, "curl")
	_, port, _ := strings.Cut(w.Aggregator.Plain, ":")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(oneLiner(t), ":8080/", ":"+port+"/", 1))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
	var found []*event.Event
	until(t, "find the posted event", func(ctx context.Context) (err error) {
		if found, err = w.Aggregator.Search(ctx, `"This is a test"`); err == nil && len(found) == 0 {
			err = errors.New("not in the index")
		}
		return err
	})
	e := found[0]
	marked := slices.Contains(e.All("tags"), "unauthenticated")
	if len(found) != 1 || e.Get("message") != "This is a test" || !marked || e.Has("agent.id") {
		t.Errorf("%d events, the first %s", len(found), e.AppendJSON(nil))
	}
	// Nothing can be searched at that door.
	answer, err := http.Get("http://" + w.Aggregator.Plain + "/v1/search?q=*")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("search over plain HTTP: %s, want 404", answer.Status)
	}
}

// tail: what a file and the relay take is followed live.
func (w watch) tail(t *testing.T) {
	stack.Need(t, "logger")
	tail, err := w.Aggregator.Tail("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tail.Stop(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "see the file's lines in the tail", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return errors.Join(w.Feeder.Write("live[1]: tailword"), tail.Wait(ctx, "tailword"))
	})
	send := func(word, addr, transport string) {
		t.Helper()
		_, port, _ := strings.Cut(addr, ":")
		cmd := exec.CommandContext(t.Context(), "logger", "-n", "127.0.0.1", "-P", port, transport, "-t", "relayed", word)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", cmd, err, out)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience())
		defer cancel()
		if err := tail.Wait(ctx, word); err != nil {
			t.Fatal(err)
		}
		found := w.search(t, word)
		if len(found) != 1 || found[0].Get("process.name") != "relayed" || !found[0].Has("host.name") {
			t.Errorf("%s: found %d times: %v", word, len(found), originals(found))
		}
	}
	send("overudp", w.Agent.UDP, "-d")
	send("overtcp", w.Agent.TCP, "-T")
}
