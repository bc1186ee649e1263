package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"belfry/shared/segment"
)

// cursor is how far a queue was confirmed, as it lies beside the log: a line "belfspool 1 CRC", with the CRC-32C of the rest
// in 8 hex digits, and JSON. Where it is lost, everything that is in the log leaves again.
type cursor struct {
	LSN    uint64    `json:"lsn"`            // all up to this one was confirmed
	Next   uint64    `json:"next"`           // no record from this one on was on the disk
	Places []place   `json:"places"`         // epochs of which not all was confirmed, and the one in use, which is last
	Since  time.Time `json:"since,omitzero"` // when the oldest record that was not confirmed was put
	Boot   string    `json:"boot"`           // of the machine
	Clean  bool      `json:"clean"`          // the spool was closed, and nothing was put behind Next
}

// place is how far a queue reaches in one epoch.
type place struct {
	Epoch  uint64 `json:"epoch"`
	Cursor uint64 `json:"cursor"` // all before it was confirmed
	End    uint64 `json:"end"`    // all before it was put
}

const (
	cursorName = "cursor"
	cursorHead = "belfspool 1 %08x\n"
)

func crcOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// errCursor says that a cursor is not what was written.
var errCursor = errors.New("cursor is damaged")

// readCursor returns nil if there is none.
func readCursor(dir string) (*cursor, error) {
	b, err := os.ReadFile(filepath.Join(dir, cursorName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cursor: %w", err)
	}
	return parseCursor(b)
}

func parseCursor(b []byte) (*cursor, error) {
	n := bytes.IndexByte(b, '\n') + 1
	body := b[n:]
	if string(b[:n]) != fmt.Sprintf(cursorHead, crcOf(body)) {
		return nil, errCursor
	}
	var c cursor
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", errCursor, err)
	}
	if len(c.Places) == 0 || c.Next == 0 {
		return nil, errCursor
	}
	return &c, nil
}

// newCursor returns the cursor of a log that has none: all that is added waits.
func newCursor() *cursor { return &cursor{Next: 1, Places: []place{{}}} }

// add takes a record into account, as it lies in the log. Where the first one begins is where the queue begins.
func (c *cursor) add(lsn uint64, b []byte) error {
	r, ok := parseRecord(lsn, b)
	if !ok {
		return nil
	}
	if c.Places[0].Epoch == 0 {
		c.LSN = lsn - 1
		c.Places[0] = place{r.Epoch, r.First, r.First}
	}
	c.Next = lsn + 1
	i := slices.IndexFunc(c.Places, func(p place) bool { return p.Epoch == r.Epoch })
	if i < 0 {
		i = len(c.Places)
		c.Places = append(c.Places, place{Epoch: r.Epoch})
	}
	c.Places[i].End = max(c.Places[i].End, r.End)
	return nil
}

func (c *cursor) save(dir string) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	b := append(fmt.Appendf(nil, cursorHead, crcOf(body)), body...)
	if err := segment.ReplaceFile(filepath.Join(dir, cursorName), b, 0o600); err != nil {
		return fmt.Errorf("save cursor: %w", err)
	}
	return nil
}
