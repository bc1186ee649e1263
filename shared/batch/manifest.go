// Package batch is the wire format, version 1: a batch of events as NDJSON in zstd, with a manifest that says which
// bytes of which streams it carries.
//
// A body holds one ECS object a line, grouped by stream in the order of the manifest, in the order of their offsets.
// The manifest is one JSON object; over AMQP it travels as the header "belfry-manifest", over HTTP as "Belfry-Manifest"
// in base64. Its signature and the certificate of who signed it travel beside it, over either road in base64: whoever has a
// batch can judge it by itself, so an aggregator that takes over, or has lost its state, can too. Nothing here keeps a batch: who built it owns it, and nobody changes it after Seal.
package batch

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"belfry/shared/event"
)

// Bounds of one batch.
const (
	MaxEvents  = 1000      // events
	MaxRaw     = 512 << 10 // bytes before compression; one larger event may exceed it by itself
	MaxStreams = 64        // streams
	MaxBody    = 16 << 20  // bytes that Open decompresses at most
	MaxHeader  = 256 << 10 // bytes of a manifest
)

// Version of the wire format.
const Version = 1

// Kind says what became of a range of a stream.
type Kind string

// The kinds of range. Dead is never on the wire: the ledger knows it.
const (
	Data    Kind = "data"    // its events are in the body
	Dropped Kind = "dropped" // lost before it could be read or kept
	Skipped Kind = "skipped" // passed over on purpose: a rule, a hole of NULs
	Dead    Kind = "dead"    // in the dead-letter queue
)

// Range is the bytes [First, End) of a stream's epoch.
type Range struct {
	Kind  Kind   `json:"kind"`
	First uint64 `json:"first"`
	End   uint64 `json:"end"`
}

// Stream is one stream's part of a batch.
type Stream struct {
	ID     event.Key `json:"id"`
	Epoch  uint64    `json:"epoch,string"`
	Class  string    `json:"class"`  // names index and retention
	Day    string    `json:"day"`    // names the index, as 2026-11-23
	Events int       `json:"events"` // lines of the body that are this stream's
	Ranges []Range   `json:"ranges"` // in order, without overlap
	Final  uint64    `json:"final_size,omitempty"`
}

// ValidClass reports whether a class can name an index: 1 to 32 of a-z, 0-9 and _.
func ValidClass(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// Manifest says what a batch carries and who speaks.
type Manifest struct {
	Version int       `json:"v"`
	ID      event.Key `json:"id"` // of the batch; the same for every try
	Agent   event.Key `json:"agent"`
	Boot    event.Key `json:"boot"` // new at every start of the agent's process
	Lane    int       `json:"lane"`
	Sealed  time.Time `json:"sealed"` // by the agent's clock: no event of the batch was read later
	Events  int       `json:"events"`
	Streams []Stream  `json:"streams"`
	Body    string    `json:"body_sha256"` // of the compressed body, in hex
}

// Slot returns the routing key of an agent's lane: "00" to "ff".
func Slot(agent event.Key, lane int) string {
	return event.HashKey("slot", agent.String(), fmt.Sprint(lane)).String()[:2]
}

// ParseManifest reads and checks a manifest. Every fault is an error that names the key.
func ParseManifest(text []byte) (*Manifest, error) {
	if len(text) > MaxHeader {
		return nil, fmt.Errorf("manifest: %d bytes, at most %d", len(text), MaxHeader)
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	if m.Version != Version {
		return fmt.Errorf("manifest: v: %d, this program speaks %d", m.Version, Version)
	}
	if m.Agent.IsZero() || m.ID.IsZero() {
		return errors.New("manifest: agent and id must be given")
	}
	if len(m.Streams) > MaxStreams {
		return fmt.Errorf("manifest: streams: %d, at most %d", len(m.Streams), MaxStreams)
	}
	events := 0
	for i := range m.Streams {
		s := &m.Streams[i]
		if s.Events < 0 {
			return fmt.Errorf("manifest: streams[%d].events: %d is negative", i, s.Events)
		}
		events += s.Events
		if err := checkRanges(s.Ranges); err != nil {
			return fmt.Errorf("manifest: streams[%d].%w", i, err)
		}
	}
	if events != m.Events {
		return fmt.Errorf("manifest: events: %d, the streams say %d", m.Events, events)
	}
	return nil
}

func checkRanges(ranges []Range) error {
	at := uint64(0)
	for i, r := range ranges {
		if r.Kind != Data && r.Kind != Dropped && r.Kind != Skipped {
			return fmt.Errorf("ranges[%d].kind: %q is not data, dropped or skipped", i, r.Kind)
		}
		if r.First >= r.End || i > 0 && r.First < at {
			return fmt.Errorf("ranges[%d]: [%d,%d) is empty or out of order", i, r.First, r.End)
		}
		at = r.End
	}
	return nil
}

// How a batch is labelled on the way.
const (
	ContentType     = "application/x-ndjson"
	ContentEncoding = "zstd"
	ManifestHeader  = "belfry-manifest" // AMQP: the JSON; HTTP: base64 of it

	SignatureHeader   = "belfry-signature"   // in base64
	CertificateHeader = "belfry-certificate" // DER, with those between it and the authority, in base64
)

// Proof says whose a manifest is.
type Proof struct {
	Signature []byte // over Signed(manifest), by the key of the certificate
	Chain     []byte // certificates in DER, one behind the other, that of the signer first
}

// signedAs keeps a signature from being taken for one over something else.
const signedAs = "belfry batch manifest v1\n"

// Signed returns what is signed for a manifest: its bytes as they travel, behind a word that says what they are.
func Signed(manifest []byte) []byte { return append([]byte(signedAs), manifest...) }

// Headers returns the proof as it travels: names and values. There are none without a signature.
func (p Proof) Headers() map[string]string {
	if len(p.Signature) == 0 {
		return nil
	}
	return map[string]string{
		SignatureHeader:   base64.StdEncoding.EncodeToString(p.Signature),
		CertificateHeader: base64.StdEncoding.EncodeToString(p.Chain),
	}
}

// ProofOf reads the proof of a batch; get returns a header, "" for one that is not there. Without headers it is empty.
func ProofOf(get func(name string) string) (p Proof, err error) {
	if p.Signature, err = base64.StdEncoding.DecodeString(get(SignatureHeader)); err != nil {
		return p, fmt.Errorf("header %s: %w", SignatureHeader, err)
	}
	if p.Chain, err = base64.StdEncoding.DecodeString(get(CertificateHeader)); err != nil {
		return p, fmt.Errorf("header %s: %w", CertificateHeader, err)
	}
	return p, nil
}
