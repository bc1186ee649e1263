package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/segment"
)

// QueueReport is what was found of one queue.
type QueueReport struct {
	Name         string
	Records      uint64 // that are good
	Bytes        uint64 // their payload
	Waiting      uint64 // those of them that were not confirmed
	WaitingBytes uint64
	Damage       []segment.Damage
	CursorLost   bool // there is none, or it is damaged: all that is there waits
}

// underWay is how long after the first look a write that was under way must have gone on.
const underWay = 100 * time.Millisecond

// Check reads every queue in the folder and changes nothing. It may run beside the agent: what is torn at the end of a queue
// it looks at twice, for it may be a write that is under way. Of what was confirmed in the last second or so it says that it
// waits.
func Check(dir string) ([]QueueReport, error) {
	return report(dir, func(name string, r *QueueReport) (err error) {
		r.Damage, err = examine(dir, name, r, func(Record) error { return nil })
		if n := len(r.Damage); err == nil && n > 0 && r.Damage[n-1].Torn {
			time.Sleep(underWay)
			var stays bool
			if stays, err = r.Damage[n-1].Stays(); !stays && err == nil {
				r.Damage = r.Damage[:n-1]
			}
		}
		return err
	})
}

// Each calls fn for each record of a queue that was not confirmed, in order. It changes nothing, and may run beside the agent.
// Payload is fn's until it returns; an error of fn ends it, as it is.
func Each(dir, queue string, fn func(Record) error) error {
	if err := checkName(queue); err != nil {
		return err
	}
	_, err := examine(dir, queue, &QueueReport{}, fn)
	return err
}

// Repair makes every damaged queue whole again: of what is good nothing is lost, and the damaged files stay beside, as
// NAME.damaged. A cursor that is lost is written anew: it says that all waits. The caller sees to it that no agent runs. It
// returns what was found, with the damage that was there before.
func Repair(dir string) ([]QueueReport, error) {
	return report(dir, func(name string, r *QueueReport) error {
		damage, err := segment.Repair(filepath.Join(dir, name))
		if err == nil {
			_, err = examine(dir, name, r, func(Record) error { return nil })
		}
		r.Damage = damage
		if err == nil && r.CursorLost {
			err = repairCursor(filepath.Join(dir, name))
		}
		return err
	})
}

// repairCursor writes a cursor from all that is in the log beside it. One that is damaged stays, as cursor.damaged.
func repairCursor(dir string) error {
	c := newCursor()
	if _, err := segment.Examine(dir, c.add); err != nil {
		return err
	}
	path := filepath.Join(dir, cursorName)
	if err := os.Rename(path, path+".damaged"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put cursor aside: %w", err)
	}
	return c.save(dir)
}

// report has one look at each queue. An error with one of them costs the others nothing.
func report(dir string, look func(name string, r *QueueReport) error) ([]QueueReport, error) {
	names, err := Names(dir)
	if err != nil {
		return nil, err
	}
	var all []QueueReport
	var errs []error
	for _, name := range names {
		r := QueueReport{Name: name}
		if err := look(name, &r); err != nil {
			errs = append(errs, fmt.Errorf("queue %s: %w", name, err))
		}
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

// examine reads all records of a queue, counts them in r, and calls fn for those that wait.
func examine(dir, name string, r *QueueReport, fn func(Record) error) ([]segment.Damage, error) {
	c, err := readCursor(filepath.Join(dir, name)) // before the log: what it says of that is true then
	if err != nil && !errors.Is(err, errCursor) {
		return nil, err
	}
	confirmed := uint64(0)
	if c != nil {
		confirmed = c.LSN
	}
	r.CursorLost = c == nil
	return segment.Examine(filepath.Join(dir, name), func(lsn uint64, b []byte) error {
		rec, ok := parseRecord(lsn, b)
		if !ok {
			return nil
		}
		r.Records++
		r.Bytes += uint64(len(rec.Payload))
		if lsn <= confirmed {
			return nil
		}
		r.Waiting++
		r.WaitingBytes += uint64(len(rec.Payload))
		return fn(rec)
	})
}
