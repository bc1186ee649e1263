package dead

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/event"
)

// letterOf is a letter of a foreign message that says n.
func letterOf(n int) *Letter {
	l := New(Message{Exchange: broker.Foreign, MessageID: fmt.Sprint(n), Body: fmt.Appendf(nil, "body %d", n)},
		"agent-web01", Undecodable, errors.New("not JSON"))
	return &l
}

// sealed is a letter of a batch with one event.
func sealed(t *testing.T) *Letter {
	t.Helper()
	b, err := batch.NewBuilder(event.HashKey("web01"), event.RandomKey(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Add(batch.Place{Stream: event.HashKey("s"), Class: "auth", Day: "2026-11-24"}, 0, 10, []byte(`{"message":"x"}`))
	s, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	l := New(Message{
		Exchange: broker.Events, Key: "zz", MessageID: s.Manifest.ID.String(), Body: s.Body,
		Type: batch.ContentType, Encoding: batch.ContentEncoding,
		Headers: map[string]string{batch.ManifestHeader: string(s.Header), "belfry-signature": "s\xff\x00", "x": ""},
	}, "agent-web01", Undecodable, errors.New("event 0: \xff"))
	return &l
}

func TestLetterIsReadAsWritten(t *testing.T) {
	f := func(l *Letter) {
		t.Helper()
		text, err := l.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(text)
		if d := cmp.Diff(l, got); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
	}
	f(sealed(t))
	f(letterOf(1))
	empty := New(Message{}, "", Signature, errors.New(strings.Repeat("é", 10_000)))
	if n := len(empty.Reason); n > maxReason+8 {
		t.Errorf("a reason of %d bytes", n)
	}
	empty.Body = []byte{}
	f(&empty)
}

func TestWhatIsNoLetter(t *testing.T) {
	text, err := letterOf(1).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	f := func(text, want string) {
		t.Helper()
		if _, err := Unmarshal([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("", "not a letter")
	f("{}", "no line of JSON")
	f("{}\n", "v: 0")
	f(strings.Replace(string(text), `"v":1`, `"v":2`, 1), "v: 2, this program reads 1")
	f(string(text[:len(text)-1]), "bytes of body, want 6")
	f(string(text)+"x", "bytes of body, want 6")
}

// The same message has the same id, and no part of it can be changed and keep it: else a copy by somebody else would
// pass for the message itself.
func TestID(t *testing.T) {
	l := sealed(t)
	same := New(l.Message, l.Sender, Full, errors.New("other reason"))
	if same.ID != l.ID {
		t.Error("the same message has another id")
	}
	f := func(change func(m *Message, sender *string)) {
		t.Helper()
		m, sender := l.Message, l.Sender
		change(&m, &sender)
		if other := New(m, sender, l.Class, errors.New("x")); other.ID == l.ID {
			t.Error("another message has the same id")
		}
	}
	f(func(_ *Message, s *string) { *s = "agent-evil" })
	f(func(m *Message, _ *string) { m.Body = append([]byte("x"), m.Body...) })
	f(func(m *Message, _ *string) { m.MessageID = "" })
	f(func(m *Message, _ *string) {
		m.Headers = map[string]string{batch.ManifestHeader: m.Headers[batch.ManifestHeader]}
	})
}

func TestRetry(t *testing.T) {
	l := sealed(t)
	m, err := l.Retry()
	man, _ := l.Manifest()
	if err != nil || m.Exchange != broker.Events || m.Key != batch.Slot(man.Agent, man.Lane) || m.MessageID != l.MessageID ||
		m.Headers["belfry-sender"] != "agent-web01" || m.Headers[RetriesHeader] != "1" || m.Headers[LetterHeader] != l.ID.String() ||
		m.Headers[batch.ManifestHeader] != l.Headers[batch.ManifestHeader] || m.Headers["belfry-signature"] != "s\xff\x00" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, set := l.Headers["belfry-sender"]; set {
		t.Error("the letter itself was changed")
	}
	// Who sent nothing that was proven is nobody, and not the aggregator that sends it again.
	l.Sender = ""
	if m, err := l.Retry(); err != nil || !has(m.Headers, "belfry-sender") {
		t.Errorf("%+v, %v", m.Headers, err)
	}
	foreign := letterOf(1)
	foreign.MessageID = ""
	if m, err := foreign.Retry(); err != nil || m.Exchange != broker.Foreign || m.MessageID != foreign.ID.String() {
		t.Errorf("%+v, %v", m, err)
	}
	foreign.Exchange = ""
	if _, err := foreign.Retry(); err == nil {
		t.Error("a message without a manifest from nowhere was sent")
	}
	foreign.Exchange, foreign.Bytes = broker.Foreign, 1000
	if _, err := foreign.Retry(); err == nil {
		t.Error("a part of a message was sent")
	}
}

// The longest headers that are sent again are such as a broker takes.
func TestRetryOfLongHeaders(t *testing.T) {
	l := letterOf(1)
	l.Headers = map[string]string{"h": strings.Repeat("x", maxHeaders)}
	if _, err := l.Retry(); err == nil {
		t.Error("sent, over the connection of all others")
	}
}

func has(m map[string]string, name string) bool { _, ok := m[name]; return ok }
