// Package enroll gets the agent its certificate from an aggregator, keeps it, and renews it before it ends. See
// shared/enroll for what is said.
//
// It is kept in certs of the state: ca.pem (authorities), cert.pem, key.pem, and ship.json, which says where to ship to. They
// are replaced by way of next.json, which has all of them: who finds that there, after a kill, writes them from it. The
// key is made here and leaves the host never.
package enroll

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/certs"
	"belfry/shared/owner"
	"belfry/shared/segment"
)

// Folder is where the certificate of one agent is kept.
type Folder struct{ dir string }

// In returns the folder of a state.
func In(state string) Folder { return Folder{filepath.Join(state, "certs")} }

// Ship says where an enrolled agent ships to.
type Ship struct {
	Version int      `json:"v"`
	URL     string   `json:"url"`            // https://host:port of the aggregator, which also renews the certificate
	AMQP    []string `json:"amqp,omitempty"` // brokers; none: ship to the aggregator
	Trusted string   `json:"ca,omitempty"`   // PEM: authorities that were named by hand, beside those that the aggregator tells
}

const shipVersion = 1

// Names of the files.
const (
	shipName = "ship.json"
	nextName = "next.json"
	lockName = "lock"
)

// next is all that one enrolment or renewal brings.
type next struct {
	Ship        Ship   `json:"ship"`
	Authorities []byte `json:"authorities"`
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
}

// Files names the certificate's files.
func (f Folder) Files() certs.Files {
	return certs.Files{CA: f.path("ca.pem"), Cert: f.path("cert.pem"), Key: f.path("key.pem")}
}

func (f Folder) path(name string) string { return filepath.Join(f.dir, name) }

// Ship returns what enrolment has said. Of a host that has not enrolled the error wraps fs.ErrNotExist. A change that was cut
// off is brought to its end first.
func (f Folder) Ship() (Ship, error) {
	var s Ship
	if err := f.complete(); err != nil {
		return s, err
	}
	text, err := os.ReadFile(f.path(shipName))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", f.path(shipName), err)
	}
	if s.Version != shipVersion {
		return s, fmt.Errorf("%s: version %d, this program reads %d", f.path(shipName), s.Version, shipVersion)
	}
	return s, nil
}

// complete brings a change that was cut off to its end. Root does so as who the state belongs to: the folder in it may be a
// link that this one has put there.
func (f Folder) complete() error {
	text, err := os.ReadFile(f.path(nextName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var n next
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		return fmt.Errorf("complete the certificate: %w", err)
	}
	return owner.As(filepath.Dir(f.dir), func() error { return f.locked(func() error { return f.apply(n) }) })
}

// write replaces all files.
func (f Folder) write(n next) error {
	n.Ship.Version = shipVersion
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return err
	}
	return f.locked(func() error {
		if err := segment.ReplaceFile(f.path(nextName), text, 0o600); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
		return f.apply(n)
	})
}

// locked keeps others from writing meanwhile.
func (f Folder) locked(fn func() error) error {
	lock, err := segment.Lock(f.path(lockName))
	if err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return errors.Join(fn(), lock.Close())
}

func (f Folder) apply(n next) error {
	ship, err := json.Marshal(n.Ship)
	if err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	for _, file := range []struct {
		name string
		text []byte
		mode fs.FileMode
	}{{"key.pem", n.Key, 0o600}, {"cert.pem", n.Certificate, 0o644}, {"ca.pem", n.Authorities, 0o644}, {shipName, append(ship, '\n'), 0o644}} {
		old, err := os.ReadFile(f.path(file.name))
		if err == nil && bytes.Equal(old, file.text) {
			continue
		}
		if err := segment.ReplaceFile(f.path(file.name), file.text, file.mode); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
	}
	return os.Remove(f.path(nextName))
}

// Certificate returns whose the certificate is, and from when to when it is valid.
func (f Folder) Certificate() (name string, from, until time.Time, err error) {
	files := f.Files()
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return "", from, until, fmt.Errorf("load certificate: %w", err)
	}
	return pair.Leaf.Subject.CommonName, pair.Leaf.NotBefore, pair.Leaf.NotAfter, nil
}
