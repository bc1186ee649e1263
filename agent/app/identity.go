package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"belfry/shared/event"
	"belfry/shared/segment"
)

// identity is who this agent is, as it is kept in the state folder.
type identity struct {
	Agent       event.Key `json:"agent"`
	Fingerprint event.Key `json:"fingerprint"` // of the machine that drew the id
	Draw        int       `json:"draw"`        // how often this state found itself on another machine
}

// machine is what tells one machine from another.
type machine struct {
	id          string    // of machine-id(5), "" where there is none
	fingerprint event.Key // of that, its hardware's id, and its root file system
}

// loadIdentity reads the agent's id, or makes it: a hash of the machine's id, the namespace, and the common name of the
// certificate, for machines that were made of one image often have one id. State that was copied
// to another machine gets a new id there, for two hosts must never speak as one.
func loadIdentity(dir, namespace, name string, now machine, log *slog.Logger) (event.Key, error) {
	path := filepath.Join(dir, "identity.json")
	var id identity
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &id); err != nil {
			return id.Agent, fmt.Errorf("read identity %s: %w", path, err)
		}
		if id.Fingerprint == now.fingerprint {
			return id.Agent, nil
		}
		id = identity{Draw: id.Draw + 1}
		log.Warn("this state comes from another machine, taking a new agent id", "path", path)
	case !errors.Is(err, fs.ErrNotExist):
		return id.Agent, fmt.Errorf("read identity: %w", err)
	}
	id.Fingerprint = now.fingerprint
	id.Agent = event.HashKey("agent", now.id, namespace, name, fmt.Sprint(id.Draw), clone(id.Draw, now.fingerprint))
	if now.id == "" {
		id.Agent = event.RandomKey() // the state alone remembers it
	}
	text, err = json.Marshal(id)
	if err != nil {
		return id.Agent, fmt.Errorf("write identity: %w", err)
	}
	return id.Agent, segment.ReplaceFile(path, text, 0o600)
}

// knownIdentity reads the agent's id, which must be there.
func knownIdentity(dir string) (event.Key, error) {
	path := filepath.Join(dir, "identity.json")
	var id identity
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	if err != nil {
		return id.Agent, fmt.Errorf("read identity %s: %w", path, err)
	}
	return id.Agent, nil
}

// clone makes the id of copied state differ even where the machine's id was copied as well.
func clone(draw int, fingerprint event.Key) string {
	if draw == 0 {
		return ""
	}
	return fingerprint.String()
}

// thisMachine looks at the machine that it runs on.
func thisMachine() machine {
	var root unix.Statfs_t
	_ = unix.Statfs("/", &root) // an unknown file system is one more constant
	id := readWord("/etc/machine-id")
	return machine{id, event.HashKey("machine", id, readWord("/sys/class/dmi/id/product_uuid"), fmt.Sprint(root.Fsid.Val))}
}

func readWord(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
