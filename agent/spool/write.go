package spool

import (
	"context"
	"errors"
	"time"

	"belfry/shared/backoff"
	"belfry/shared/segment"
)

// write brings what was put to the disk, until ctx is done: so often that nothing waits for longer than SyncAfter, and at
// once when somebody waits for it.
func (q *Queue) write(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wakes.now:
		case <-q.wakes.put:
			timer.Reset(q.s.cfg.syncAfter())
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			case <-q.wakes.now:
			}
		}
		q.s.room.due()
		q.commit()
		q.mend(ctx)
	}
}

// commit brings what was put so far to the disk, and begins a new segment if this one is nearly full: that is done here,
// behind a second sync that leaves little to be synced, so that Put need not wait for it.
func (q *Queue) commit() {
	if !q.bring() {
		return
	}
	q.mu.Lock()
	full := q.bad == nil && q.log.Size() >= q.nearly
	q.mu.Unlock()
	if !full || !q.bring() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bad == nil {
		if err := q.log.Roll(); err != nil {
			q.fail(err, false)
		}
	}
}

// bring brings what was put so far to the disk.
func (q *Queue) bring() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	upto, end := q.last, q.end
	if q.bad != nil || upto == q.settled {
		return q.bad == nil
	}
	q.dirty = false
	sync, err := q.log.SyncBeside()
	if err != nil {
		q.fail(err, false)
		return false
	}
	q.mu.Unlock()
	err = q.s.sync(sync)
	q.mu.Lock()
	q.s.count.syncs.Inc()
	if err != nil {
		q.fail(err, true)
	}
	if q.bad != nil { // meanwhile, perhaps
		return false
	}
	q.settled, q.settledEnd = upto, end
	q.announce()
	return true
}

// fail has everybody wait until the log is mended. mu is held.
func (q *Queue) fail(err error, broken bool) {
	q.s.count.writeErrors.Inc()
	if q.bad == nil {
		q.s.log.Error("queue cannot be written, senders wait", "queue", q.name, "err", err)
		signal(q.wakes.now)
	}
	q.bad, q.broken = err, q.broken || broken
}

// mend tries until the log is written again.
func (q *Queue) mend(ctx context.Context) {
	pause := backoff.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	for {
		q.mu.Lock()
		bad, broken := q.bad, q.broken
		q.mu.Unlock()
		if bad == nil || ctx.Err() != nil {
			return
		}
		pause.Wait(ctx)
		var err error
		if broken {
			err = q.reopen()
		}
		if err == nil {
			err = q.retry()
		}
		if err != nil {
			q.s.count.writeErrors.Inc()
		}
	}
}

// retry writes what could not be written, and the cursor. Nothing is lost by that.
func (q *Queue) retry() error {
	err := q.log.Retry()
	if err != nil && !q.log.Retries() {
		q.mu.Lock()
		q.broken = true
		q.mu.Unlock()
	}
	if err == nil {
		err = q.log.Sync()
	}
	if err == nil && q.unsaved {
		err = q.saveCursor(false)
	}
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unsaved = false
	q.settled, q.settledEnd = q.last, q.end
	q.mended()
	return nil
}

// reopen opens the log anew. What was not on the disk is lost, even if the file still shows it. retry does the rest.
func (q *Queue) reopen() error {
	q.tidying.Lock()
	defer q.tidying.Unlock()
	next, err := q.log.Abandon()
	if err != nil {
		return err
	}
	l, err := segment.Open(q.dir, q.logConfig(q.last+1))
	if err != nil {
		return err
	}
	_, b, err := l.Last()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer q.noteDamage(l)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.log, q.seen = l, 0
	now := l.Bytes()
	q.s.room.charge(now - q.disk)
	q.disk = now
	lost := q.end - q.out.lose(q.epoch, q.end, b)
	q.giveUp(next)
	q.announce()
	if lost > 0 {
		q.s.log.Error("records are lost by a failed write", "queue", q.name, "lost_bytes", lost)
	}
	q.broken, q.unsaved = false, true // before more is put, the cursor must say what was lost
	return nil
}

// giveUp takes what was put from lsn next on for lost. mu is held.
func (q *Queue) giveUp(next uint64) {
	q.lost.add(next, q.last+1)
	q.settled, q.settledEnd = q.last, q.end
}

// mended lets everybody go on. mu is held.
func (q *Queue) mended() {
	q.bad, q.broken, q.dirty = nil, false, false
	q.s.log.Info("queue is written again", "queue", q.name)
	q.announce()
}
