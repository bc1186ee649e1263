// Package dead keeps the messages that can never be taken, each as a letter with the reason, so that what lies behind
// them goes on, and so that somebody can look at them, send them the road again, or drop them.
//
// There are two stores: a Folder where there is no broker, and a Queue at the broker. Both guarantee that a letter is
// durable when Bury returns nil, and that it leaves the store only when Visit's caller says that it is elsewhere or is
// not wanted any more: an interruption, or a kill, leaves a letter twice at worst, and never loses it.
//
// A letter's form is the same on the disk and in the queue: one line of JSON (see Letter), then the message's body as
// it came. It is not the message with more headers: a broker takes the headers of a message in one frame only, and a
// hostile sender could fill that so that no reason fits in, and his message could never be put away.
//
// A Folder and a Queue are safe for concurrent use.
package dead

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// Class is the kind of a reason: a closed set, for metrics and alarms.
type Class string

// The classes.
const (
	Signature   Class = "signature"   // it is not from whom it says
	Undecodable Class = "undecodable" // manifest, body or an event cannot be read
	Refused     Class = "refused"     // the index does not take it, nor a part of it
	Full        Class = "full"        // the ledger keeps no more holes of its stream
	Exhausted   Class = "exhausted"   // it was tried too often
)

// Classes are all of them.
var Classes = []Class{Signature, Undecodable, Refused, Full, Exhausted}

// Bounds of a letter.
const (
	maxReason = 2 << 10   // bytes of the reason; it may quote what a sender wrote
	maxBody   = 64 << 20  // bytes that are kept of a body: no batch is that large, and a broker takes 128 MiB
	maxHead   = 128 << 20 // bytes of the first line, when it is read
	version   = 1
)

// Headers of a message that goes the road again. Believe them only of an aggregator: see Letter.Retry.
const (
	LetterHeader  = "belfry-letter"  // id of the letter that it was
	RetriesHeader = "belfry-retries" // how often it was retried, this time included
	SenderHeader  = "belfry-sender"  // who sent it, for what bears no signature
	MaskedHeader  = "belfry-masked"  // secrets were taken out of the body, so that its hash is another
)

// Letter is a message that could not be taken, and why.
type Letter struct {
	ID       event.Key `json:"id"`     // the same for the same message again, by whatever try
	Class    Class     `json:"class"`  // of the reason
	Reason   string    `json:"reason"` // why it could not be taken, the last time
	Received time.Time `json:"received"`
	Retries  int       `json:"retries,omitempty"` // how often it was sent the road again
	Queue    string    `json:"queue,omitempty"`   // where it lay; "" for what came over HTTP
	Sender   string    `json:"sender"`            // whose signature it bears, else the broker's user, or the name of the connection's certificate
	Proven   bool      `json:"proven"`            // the manifest is the sender's: believe what it says
	Host     string    `json:"host,omitempty"`    // that the events name, where they can be read
	Events   int       `json:"events"`            // as the manifest says; 0 if there is none
	Message  `json:"message"`
}

// Message is a message as it came.
type Message struct {
	Exchange  string            `json:"exchange,omitempty"` // "" for what came over HTTP
	Key       string            `json:"key,omitempty"`      // routing key
	MessageID string            `json:"message_id,omitempty"`
	Type      string            `json:"type,omitempty"`     // content type
	Encoding  string            `json:"encoding,omitempty"` // content encoding
	Headers   map[string]string `json:"headers,omitempty"`  // all that are strings, the manifest among them
	Bytes     int               `json:"bytes"`              // of the body, as it came; more than len(Body) if it was cut
	Body      []byte            `json:"-"`
}

// New makes the letter of a message and completes what follows from it: the id, the events of its manifest, and the
// bounds. It takes m's headers and body as they are; nobody may change them any more.
func New(m Message, sender string, class Class, reason error) Letter {
	l := Letter{
		Class: class, Reason: cutText(reason.Error(), maxReason), Received: time.Now().UTC(), Sender: sender, Message: m,
	}
	l.Bytes = len(m.Body)
	l.Body = m.Body[:min(len(m.Body), maxBody)]
	l.ID = l.hash()
	if man, err := l.Manifest(); err == nil {
		l.Events = man.Events
	}
	return l
}

// hash names a message by all that its sender gave.
func (l *Letter) hash() event.Key {
	parts := []string{l.Sender, l.Exchange, l.MessageID}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		parts = append(parts, name, l.Headers[name])
	}
	return event.HashKey(append(parts, string(l.Body))...)
}

// ErrNoManifest says that a message has none: a foreign one.
var ErrNoManifest = errors.New("no manifest")

// Manifest reads the manifest. That it can be read does not mean that it is true: see Proven.
func (l *Letter) Manifest() (*batch.Manifest, error) {
	text := l.Headers[batch.ManifestHeader]
	if text == "" {
		return nil, ErrNoManifest
	}
	return batch.ParseManifest([]byte(text))
}

// Whole reports whether the body is there as it came.
func (l *Letter) Whole() bool { return l.Bytes == len(l.Body) }

// head is a letter's first line. What is no UTF-8 cannot stand in JSON.
type head struct {
	Version int `json:"v"`
	Letter
	Binary map[string][]byte `json:"binary_headers,omitempty"`
}

// Marshal returns the stored form.
func (l *Letter) Marshal() ([]byte, error) {
	h := head{Version: version, Letter: *l}
	h.Headers = make(map[string]string, len(l.Headers))
	for name, v := range l.Headers {
		if utf8.ValidString(v) {
			h.Headers[name] = v
			continue
		}
		if h.Binary == nil {
			h.Binary = make(map[string][]byte)
		}
		h.Binary[name] = []byte(v)
	}
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write letter: %w", err)
	}
	return append(append(line, '\n'), l.Body...), nil
}

// Unmarshal reads the stored form. The letter's body shares memory with text.
func Unmarshal(text []byte) (*Letter, error) {
	line, body, found := bytes.Cut(text, []byte{'\n'})
	var h head
	if err := json.Unmarshal(line, &h); err != nil || !found {
		return nil, fmt.Errorf("not a letter: %w", errors.Join(err, lineError(found)))
	}
	if h.Version != version || h.ID.IsZero() {
		return nil, fmt.Errorf("not a letter: v: %d, this program reads %d", h.Version, version)
	}
	if len(body) != min(h.Bytes, maxBody) {
		return nil, fmt.Errorf("letter %s: %d bytes of body, want %d", h.ID, len(body), min(h.Bytes, maxBody))
	}
	for name, v := range h.Binary {
		if h.Headers == nil {
			h.Headers = make(map[string]string)
		}
		h.Headers[name] = string(v)
	}
	h.Body = body
	return &h.Letter, nil
}

func lineError(found bool) error {
	if found {
		return nil
	}
	return errors.New("no line of JSON")
}

// cutText returns at most n bytes of s as UTF-8.
func cutText(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Verdict says what becomes of a letter that was visited.
type Verdict bool

// The verdicts.
const (
	Keep   Verdict = false
	Remove Verdict = true // what it holds is durable elsewhere, or is not wanted
)

// ErrStop ends a visit, which then returns nil.
var ErrStop = errors.New("no more letters, please")
