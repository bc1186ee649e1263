package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"belfry/aggregator/dead"
	"belfry/aggregator/index"
	"belfry/aggregator/index/embedded"
	"belfry/aggregator/ledger"
	amqpin "belfry/aggregator/receive/amqp"
	"belfry/shared/batch"
	"belfry/shared/event"
)

func TestClassOf(t *testing.T) {
	f := func(err error, want dead.Class) {
		t.Helper()
		if got := classOf(fmt.Errorf("x: %w", &poison{reason: err})); got != want {
			t.Errorf("%v: class %q, want %q", err, got, want)
		}
	}
	f(batch.ErrAltered, dead.Undecodable)
	f(fmt.Errorf("x: %w", ledger.ErrFull), dead.Full)
	f(index.ErrBadWrite, dead.Refused)
	f(errExhausted, dead.Exhausted)
	_, err := new(prover).prove(nil, nil, batch.Proof{})
	f(err, dead.Signature)
	_, err = new(prover).prove(nil, nil, batch.Proof{Signature: []byte("x")})
	f(err, dead.Signature)
}

// What an aggregator sends again is the letter that it was; anybody else's word for that counts for nothing.
func TestLetterOf(t *testing.T) {
	id := event.RandomKey()
	headers := map[string]string{dead.LetterHeader: id.String(), dead.RetriesHeader: "2", dead.SenderHeader: "agent-h", "x": "y"}
	f := func(user, wantSender string, wantRetries int) *dead.Letter {
		t.Helper()
		m := amqpin.Message{UserID: user, Headers: headers, Manifest: []byte("m"), Queue: "q", Exchange: "e", Key: "k"}
		l := new(deadLetters).letterOf(m, errPoison)
		if l.Sender != wantSender || l.Retries != wantRetries || l.Queue != "q" || l.Exchange != "e" || l.Key != "k" ||
			len(l.Headers) != 2 || l.Headers["x"] != "y" || l.Headers[batch.ManifestHeader] != "m" {
			t.Errorf("%s: %+v", user, l)
		}
		return l
	}
	if l := f(aggregatorUser, "agent-h", 2); l.ID != id {
		t.Errorf("id %s, want %s", l.ID, id)
	}
	if l := f("agent-evil", "agent-evil", 0); l.ID == id {
		t.Error("an agent has chosen the id of its letter")
	}
}

// An event that no index takes is reduced to its raw line, and costs its neighbours nothing.
func TestReducedEvent(t *testing.T) {
	r := start(t, t.TempDir())
	bad := new(event.Event)
	bad.Set("@timestamp", time.Now().UTC().Format(time.RFC3339Nano))
	bad.Set("event.id", event.RandomKey().String())
	bad.Set("event.original", "Nov 24 10:00:00 h x: many")
	bad.Set("host.name", "h")
	for i := range 20_000 {
		bad.Append("labels.x", fmt.Sprint(i))
	}
	if embedded.Refuses(bad) == nil {
		t.Fatal("the index takes it")
	}
	good := bad.Clone()
	good.Delete("labels.x")
	good.Set("event.id", event.RandomKey().String())
	good.Set("event.original", "Nov 24 10:00:00 h x: few")
	if _, err := r.door().Events(t.Context(), []*event.Event{bad, good}); err != nil {
		t.Fatal(err)
	}
	r.count(1, "few AND NOT event.kind:pipeline_error")
	r.count(1, `many AND event.kind:pipeline_error AND host.name:h AND error.message:values`)
	if n := r.agg.pipe.reduced.Get(); n != 1 {
		t.Errorf("%d events were reduced", n)
	}
}

// A manifest that is not the sender's must not make bytes of anybody's streams dead: they would count as arrived.
func TestLetterOfNobody(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	b := h.seal(stamp() + " h x: forged")
	b.Proof = batch.Proof{}
	for range 2 {
		if err := r.send(b); err != nil {
			t.Fatal(err)
		}
	}
	if all := r.lists(); len(all) != 1 || all[0].Class != dead.Signature || all[0].Host != "" || all[0].Sender != "agent-h" {
		t.Errorf("%+v", all)
	}
	if got := r.agg.index.Ledger().Ranges(ledger.Position{Agent: h.id, Stream: h.place.Stream}); len(got) > 0 {
		t.Errorf("ranges %v", got)
	}
	r.count(1, "event.dataset:belfry.dead AND agent.name:agent-h AND event.code:signature")
}

// A letter that is in the store when the index fails is not written again with every try.
func TestIndexFailsAfterBury(t *testing.T) {
	r := start(t, t.TempDir())
	h := r.newHost("h")
	b := h.seal(stamp() + " h x: late")
	r.stop()
	for range 3 {
		done := make(chan error, 1)
		r.agg.dead.putAway(t.Context(), amqpin.Message{Manifest: b.Header, Body: b.Body}, errPoison, func(err error) { done <- err })
		if err := <-done; !errors.Is(err, index.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	if n := r.agg.dead.buried[dead.Undecodable].Get(); n != 1 {
		t.Errorf("written %d times", n)
	}
}

// Nothing that a sender wrote acts on a terminal.
func TestLetterIsPrintable(t *testing.T) {
	const evil = "evil\x1b]0;x\x07\r\u202e"
	l := dead.New(dead.Message{
		Exchange: evil, Key: evil, MessageID: evil, Type: evil, Body: []byte(evil),
		Headers: map[string]string{evil: evil, batch.ManifestHeader: evil},
	}, evil, dead.Undecodable, errors.New(evil))
	l.Host, l.Queue = evil, evil
	line, err := json.Marshal(letterLine{Class: l.Class, Reason: evil, Host: evil})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	printLetter(&out, &l)
	printBody(&out, "", l.Body)
	printBody(&out, batch.ContentEncoding, l.Body)
	if err := (deadListCmd{}).print(&out, line); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "evil"); n != 14 || strings.ContainsAny(out.String(), "\x1b\x07\r\u202e") {
		t.Errorf("%d times: %q", n, out.String())
	}
}

// cli runs a command line and returns what it printed and its exit code.
func (r *rig) cli(args ...string) (out string, code int) {
	r.t.Helper()
	var b bytes.Buffer
	c := &CLI{Out: &b, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	parser, err := kong.New(c, kong.Name("belfry"), kong.Vars{"config": r.path, "parsers": "none/*.yml", "version": "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		r.t.Fatal(err)
	}
	k.BindTo(r.t.Context(), (*context.Context)(nil))
	err = k.Run(c)
	if ExitCode(err) == exitFailure { // others say nothing
		fmt.Fprintln(&b, err)
	}
	return b.String(), ExitCode(err)
}

func (r *rig) wantCLI(wantCode int, want string, args ...string) string {
	r.t.Helper()
	out, code := r.cli(args...)
	if code != wantCode || !strings.Contains(out, want) {
		r.t.Errorf("belfry %q: exit code %d, want %d with %q\n%s", args, code, wantCode, want, out)
	}
	return out
}

// until waits until a condition holds.
func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not so after a minute", what)
		}
	}
}

// lists returns the letters as `belfry dead list` says them.
func (r *rig) lists() (all []letterLine) {
	r.t.Helper()
	out, code := r.cli("dead", "list", "--json")
	for line := range strings.Lines(out) {
		var l letterLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			r.t.Fatalf("%v: %s", err, out)
		}
		all = append(all, l)
	}
	if want := min(len(all), 1); code != want {
		r.t.Errorf("%d letters, exit code %d", len(all), code)
	}
	return all
}

func (r *rig) found(args ...string) int {
	r.t.Helper()
	lines, err := r.search(args...)
	if err != nil && !errors.Is(err, errNothing) {
		r.t.Fatal(err)
	}
	return len(lines)
}

// fullList is an agent of which one stream has as many holes as the ledger keeps, and another has none.
type fullList struct {
	*host
	full, free batch.Place
}

func (r *rig) newFullList(name string) *fullList {
	h := r.newHost(name)
	f := &fullList{h, h.place, h.place}
	f.free.Stream = event.HashKey(name, "free")
	return f
}

// holes fills the list.
func (f *fullList) holes() *batch.Sealed {
	for i := range uint64(ledger.MaxRanges) {
		f.builder.Pass(f.full, batch.Dropped, 10*i+5, 10*i+9)
	}
	return f.sealed()
}

// lines is a batch with an event of each stream: there is no room for that of the full one.
func (f *fullList) lines(text string) *batch.Sealed {
	f.place, f.offset = f.free, 0
	f.host.add(stamp() + " h x: free " + text)
	f.place, f.offset = f.full, 10*ledger.MaxRanges+100
	f.host.add(stamp() + " h x: full " + text)
	return f.sealed()
}

// filled says what became of the holes.
func (f *fullList) filled() *batch.Sealed {
	f.builder.Pass(f.full, batch.Dropped, 0, 10*ledger.MaxRanges+100)
	return f.sealed()
}

// kinds returns the kinds of the ranges of a stream.
func (r *rig) kinds(f *fullList, p batch.Place) (kinds []batch.Kind) {
	for _, x := range r.agg.index.Ledger().Ranges(ledger.Position{Agent: f.id, Stream: p.Stream, Epoch: p.Epoch}) {
		kinds = append(kinds, x.Kind)
	}
	return kinds
}

func only(kinds []batch.Kind, want batch.Kind) bool { return len(kinds) == 1 && kinds[0] == want }

// A batch for which the ledger has no room is a dead letter until there is room, and goes in once then.
func (r *rig) fullListGoesIn(send func(*batch.Sealed)) {
	r.t.Helper()
	f := r.newFullList("full")
	b := f.lines("abc password=hunter2")
	send(f.holes())
	r.until("the list is full", func() bool { return len(r.kinds(f, f.full)) == ledger.MaxRanges })
	send(b)
	r.until("the letter is there", func() bool { return len(r.lists()) == 1 })
	l := r.lists()[0]
	if l.Class != dead.Full || l.Host != "h" || l.Sender != "agent-h" || l.Events != 2 {
		r.t.Errorf("%+v", l)
	}
	// That it is buried is told before its ranges are.
	r.until("its bytes are dead", func() bool { return only(r.kinds(f, f.free), batch.Dead) })
	if n := len(r.kinds(f, f.full)); n != ledger.MaxRanges {
		r.t.Errorf("%d ranges of the full list", n)
	}
	r.count(0, "abc")
	id := l.ID.String()
	if out := r.wantCLI(0, "abc password=[masked:", "dead", "show", id, "--body"); strings.Contains(out, "hunter2") {
		r.t.Errorf("the letter tells a secret: %s", out)
	}

	out, code := r.cli("dead", "retry", id[:8]) // the cause is still there
	r.until("it comes back", func() bool { all := r.lists(); return len(all) == 1 && all[0].Retries == 1 })
	if again := r.lists()[0]; again.ID != l.ID || !again.Received.Equal(l.Received) && r.agg.publish == nil {
		r.t.Errorf("%+v, want the letter that it was: %d, %s", again, code, out)
	}
	send(f.filled())
	r.until("the holes are filled", func() bool { return len(r.kinds(f, f.full)) == 1 })
	r.wantCLI(0, id+" sent again", "dead", "retry", id[:8])
	r.until("it is searched", func() bool { return r.found("abc AND tags:masked") == 2 })
	r.count(0, "hunter2")
	r.until("its bytes are data", func() bool { return only(r.kinds(f, f.free), batch.Data) })
	if all := r.lists(); len(all) > 0 {
		r.t.Errorf("%+v", all)
	}
	send(b)
	r.until("the same batch again is answered", func() bool { return r.agg.pipe.repeats.Get() > 0 })
	r.count(2, "abc")
	r.count(1, "event.dataset:belfry.dead AND labels.dead_letter:"+id)
}

func TestDeadLettersInAFolder(t *testing.T) {
	r := start(t, t.TempDir())
	send := func(b *batch.Sealed) {
		t.Helper()
		if err := r.send(b); err != nil {
			t.Error(err)
		}
	}
	r.wantCLI(0, "no dead letters", "dead", "list")
	if out := r.wantCLI(0, "", "dead", "list", "--json"); out != "" {
		t.Errorf("%q", out)
	}
	r.wantCLI(0, "", "dead", "retry", "--all")
	r.fullListGoesIn(send)
	r.poison(send)
}

// poison looks at a batch with an event that nobody can read.
func (r *rig) poison(send func(*batch.Sealed)) {
	r.t.Helper()
	h := r.newHost("h")
	h.builder.Add(h.place, 0, 10, []byte(`{"host":{"name":"web\u001b[31m01"},"message":"evil\u001b]0;x\u0007", "log.offset":3}`))
	h.builder.Add(h.place, 10, 20, []byte("{\"message\":\"raw \x1b[31m\"}"))
	bad := h.sealed()
	h.offset = 20
	good := h.seal(stamp() + " h x: behind it")
	send(bad)
	send(good)
	r.until("what is behind it is searched", func() bool { return r.found(`"behind it"`) == 1 })
	r.until("the letter is there", func() bool { return len(r.lists()) == 1 })
	l := r.lists()[0]
	id := l.ID.String()
	if l.Class != dead.Undecodable || !strings.Contains(l.Reason, "event 0: event.id") || l.Bytes != len(bad.Body) {
		r.t.Errorf("%+v", l)
	}
	r.until("the alerts are told", func() bool { return r.found("event.dataset:belfry.dead AND labels.dead_letter:"+id) == 1 })
	clean := func(out string) {
		r.t.Helper()
		if strings.ContainsAny(out, "\x1b\x07\x00") {
			r.t.Errorf("what acts on a terminal: %q", out)
		}
	}
	clean(r.wantCLI(1, id[:shortID], "dead", "list"))
	clean(r.wantCLI(0, `"agent": "`+h.id.String(), "dead", "show", id[:4]))
	clean(r.wantCLI(0, `"message":"evil\u001b]0;x\u0007"`, "dead", "show", id, "--body"))
	var shown shownLetter
	if err := json.Unmarshal([]byte(r.wantCLI(0, id, "dead", "show", id, "--body", "--json")), &shown); err != nil ||
		!bytes.Equal(shown.Body, bad.Body) || shown.Headers[batch.ManifestHeader] != string(bad.Header) {
		r.t.Errorf("%v: %+v", err, shown)
	}
	r.wantCLI(2, "no such dead letter", "dead", "show", "0000000000000000000000000000000"+"0")
	r.wantCLI(2, "hex digits", "dead", "drop", "xyz")
	r.wantCLI(2, "or --all", "dead", "drop")
	r.wantCLI(2, "--yes", "dead", "drop", "--all")
	r.wantCLI(2, "is no id", "dead", "drop", "all")
	r.wantCLI(2, "is no id", "dead", "retry", "all")
	r.wantCLI(2, "either", "dead", "drop", "--all", "--yes", id)
	if len(r.lists()) != 1 {
		r.t.Error("it is gone")
	}
	r.wantCLI(0, id+" dropped", "dead", "drop", "--all", "--yes")
	if all := r.lists(); len(all) > 0 {
		r.t.Errorf("%+v", all)
	}
	pos := ledger.Position{Agent: h.id, Stream: h.place.Stream}
	if got := r.agg.index.Ledger().Ranges(pos); len(got) != 2 || got[0] != (batch.Range{Kind: batch.Dead, First: 0, End: 20}) {
		r.t.Errorf("ranges %v, want the first 20 bytes dead", got)
	}
}
