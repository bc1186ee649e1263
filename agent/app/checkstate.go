package app

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/shared/check"
)

// leastFree is what the disk of the state should have free: what is known of some ten thousand files is a few MB.
const leastFree = 64 << 20

// stateDoubts says what is amiss with the state: its folder, and whether it came from another machine.
func stateDoubts(dir string) []string {
	all := check.Folder(dir, leastFree)
	var id identity
	if text, err := os.ReadFile(filepath.Join(dir, "identity.json")); err == nil && json.Unmarshal(text, &id) == nil &&
		id.Fingerprint != thisMachine().fingerprint {
		all = append(all, dir+" comes from another machine: the agent will take a new id, and may send again what was sent from there")
	}
	return all
}

// checkState reports state that the agent would not go on from.
func checkState(r *check.Report, cfg *config.Config) {
	if err := file.CheckState(filepath.Join(cfg.State, "files")); err != nil && !errors.Is(err, fs.ErrPermission) { // of which more is said
		r.Fail("state", err)
	}
}
