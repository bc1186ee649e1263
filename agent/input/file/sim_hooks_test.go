package file

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the simulation asks of the input beyond Open, Run, Confirmed and Close, all in one place.

// simPause is the pause of the input between two looks at all names, and about as long a rotated file must stand still
// to be judged, as quick makes them. All pauses of the simulation are counted in it.
const simPause = 50 * time.Millisecond

// quick makes the pauses of an input, which is open and does not run yet, as short as a test can have them.
func quick(in *Input) {
	const faster = time.Second / simPause
	p := &in.pace
	for _, d := range []*time.Duration{&p.scan, &p.rarely, &p.active, &p.busy, &p.idle, &p.save, &p.sync, &p.round, &p.park,
		&p.settle, &p.torn, &p.partial, &p.hold, &p.orphan, &p.retry, &p.tick, &p.guard, &p.notes} {
		*d /= faster
	}
	p.rarely = p.scan // the simulated hosts keep the processor busy
}

// afterPowerCut makes an input, which is open and does not run yet, find that the machine was started since it last ran.
func afterPowerCut(in *Input) {
	in.store.meta.Boots++
	in.metaMoved = true
}

// canReopen reports whether deleted files that somebody still has open can be reached: open_by_handle_at needs
// CAP_DAC_READ_SEARCH, and not every file system has handles.
func canReopen(dir string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	handle, _, err := unix.NameToHandleAt(int(d.Fd()), ".", 0)
	if err != nil {
		return false
	}
	fd, err := unix.OpenByHandleAt(int(d.Fd()), handle, unix.O_RDONLY)
	if err == nil {
		err = unix.Close(fd)
	}
	return err == nil
}

// The form of a segment: see its package comment.
const (
	segmentHead = 20
	recordHead  = 16
)

// tear takes away a part of the last record of a state, if that need not have been synced, and returns true: only a power
// cut does that. Else it leaves the beginning of a record that was being written.
func tear(t *testing.T, dir string, rnd *rand.Rand) (powerCut bool) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	must(t, err)
	if len(segments) == 0 {
		return false
	}
	slices.Sort(segments)
	known := make(map[string]int) // how many days a content had
	var last []byte
	unsynced := false
	for _, s := range segments {
		last, err = os.ReadFile(s)
		must(t, err)
		for b := last[min(segmentHead, len(last)):]; len(b) > recordHead; {
			end := recordHead + int(binary.LittleEndian.Uint32(b))
			if end > len(b) {
				break
			}
			unsynced = mayBeUnsynced(b[recordHead:end], known)
			b = b[end:]
		}
	}
	name := segments[len(segments)-1]
	if n := len(last); unsynced && n > 100 {
		must(t, os.Truncate(name, int64(n-1-rnd.IntN(60))))
		return true
	}
	must(t, os.WriteFile(name, append(last, bytes.Repeat([]byte{7}, 1+rnd.IntN(60))...), 0o600))
	return false
}

// mayBeUnsynced reports whether a record repeats what is known of a content, but for its sizes. The first record of a
// content, and one with another day, is synced before anything else happens.
func mayBeUnsynced(rec []byte, known map[string]int) bool {
	var r struct {
		Content struct {
			Stream string
			Epoch  json.Number
			Days   []any
		}
		Change *struct{}
	}
	if json.Unmarshal(rec, &r) != nil || r.Change != nil || r.Content.Stream == "" {
		return r.Change != nil
	}
	key := r.Content.Stream + "/" + r.Content.Epoch.String()
	days, again := known[key]
	known[key] = len(r.Content.Days)
	return again && days == len(r.Content.Days)
}
