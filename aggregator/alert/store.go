package alert

import (
	"time"

	"belfry/shared/event"
)

// Store keeps the alerts that have fired until they are delivered, and takes each id once. It is safe for concurrent
// use. An error is final: it is for what waiting does not mend.
type Store interface {
	// Take stores the alerts whose ids were never taken, in their order, and the cursor, which never goes back. When it
	// returns nil all of it is durable.
	Take(alerts []Alert, cursor uint64, now time.Time) (Taking, error)
	// Cursor returns the position up to which events were evaluated, as it is stored; 0 before the first.
	Cursor() uint64
	// Pending returns how many alerts wait to be delivered.
	Pending() int
	// Oldest returns the alert that waits longest, of those that are this process's to deliver; ok is false when none
	// is.
	Oldest() (w Waiting, ok bool, err error)
	// Delivered takes an alert out of those that wait; its id stays taken. An alert that does not wait is no error.
	Delivered(id event.Key) error
	// Forget drops ids that were taken before a time and do not wait. It reports whether there may be more.
	Forget(before time.Time) (more bool, err error)
}

// Taking is what became of alerts. The rest had been taken before.
type Taking struct {
	Taken []Alert
	Left  int // out, because too many wait
}

// Waiting is an alert as it waits.
type Waiting struct {
	Alert Alert     `json:"alert"`
	Taken time.Time `json:"taken"` // when the outbox took it
}
