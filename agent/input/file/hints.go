package file

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Directory events are hints: without them, and where too many come, the periodic look does all.

// hot counts the events of a folder. While many come, polling costs less.
type hot struct {
	watched bool
	events  int
	from    time.Time // when they began to be counted
	until   time.Time // it is not watched before
	looked  time.Time
	cost    time.Duration // of the last look
	failed  bool
}

const (
	hotEvents = 500 // in a second: then a folder is not watched for a while
	coolAfter = 15 * time.Second
	relist    = 20 // looks at one folder for events take one part in so many of a core at most
)

// pause is how long a folder is left alone after a look at it, however many events come.
func (h *hot) pause(p *pace) time.Duration { return min(max(p.round/2, relist*h.cost), p.scan) }

// listen begins to listen for directory events.
func (in *Input) listen() <-chan fsnotify.Event {
	w, err := fsnotify.NewBufferedWatcher(256)
	if err != nil {
		in.log.Warn("no directory events, names are only looked at now and then", "err", err)
		return nil
	}
	in.watcher = w
	go func() {
		for err := range w.Errors { // an overflow loses hints only
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				in.overflows.Inc()
			}
		}
	}()
	return w.Events
}

func (in *Input) unlisten() {
	if in.watcher != nil {
		_ = in.watcher.Close() // there is nobody to tell
		in.watcher = nil
	}
}

// watch asks for the events of a folder, unless it is hot.
func (in *Input) watch(d *folder) {
	if in.watcher == nil || d.hot.watched || in.now().Before(d.hot.until) {
		return
	}
	if err := in.watcher.Add(d.path); err != nil {
		if !d.hot.failed {
			in.log.Info("folder cannot be watched, it is only looked at now and then", "path", d.path, "err", err)
			in.cool(d)
			d.hot.failed = true
			in.unwatched++
		}
		d.hot.until = in.now().Add(coolAfter)
		return
	}
	in.cool(d)
	d.hot.watched = true
}

// cool forgets why a folder was not watched.
func (in *Input) cool(d *folder) {
	switch {
	case d.hot.failed:
		in.unwatched--
	case !d.hot.until.IsZero():
		in.hotFolders--
	}
	d.hot.failed, d.hot.until = false, zeroTime
}

func (in *Input) unwatch(d *folder) {
	if in.watcher != nil && d.hot.watched {
		_ = in.watcher.Remove(d.path) // it may be gone by itself
	}
	d.hot.watched = false
}

// pause waits until a file is due, or a directory event or a survey's end came.
func (in *Input) pause(ctx context.Context, hints <-chan fsnotify.Event) {
	now := in.now()
	wait := min(in.nextScan.Sub(now), in.pace.idle)
	for _, f := range in.open {
		wait = min(wait, f.due.Sub(now))
	}
	if len(in.moved) > 0 {
		wait = min(wait, in.pace.save)
	}
	for dir := range in.touched {
		if d := in.folders[dir]; d != nil {
			wait = min(wait, d.hot.looked.Add(d.hot.pause(&in.pace)).Sub(now))
		}
	}
	if in.hotFolders > 0 {
		wait = min(wait, in.pace.active/2)
	}
	t := time.NewTimer(max(wait, in.pace.round))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-in.kick:
		in.nextScan = zeroTime
	case f := <-in.calls:
		f()
	case err := <-in.syncing.ended:
		in.endSync(err)
	case e, ok := <-hints:
		if ok {
			in.hint(e)
			time.Sleep(in.pace.round)
		}
	}
}

func (in *Input) hint(e fsnotify.Event) {
	if self := in.folders[e.Name]; self != nil && (e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove)) {
		in.unwatch(self) // the next look watches what has the name then
	}
	dir := filepath.Dir(e.Name)
	d := in.folders[dir]
	if d == nil {
		return
	}
	now := in.now()
	if now.Sub(d.hot.from) > time.Second {
		d.hot.from, d.hot.events = now, 0
	}
	if d.hot.events++; d.hot.events > hotEvents && d.hot.watched {
		in.unwatch(d)
		d.hot.until = now.Add(coolAfter)
		in.hotFolders++
	}
	if e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Chmod) {
		in.touched[dir] = true
	} else {
		in.woken[e.Name] = true
	}
}

// drain takes the events that have come, and makes the files due that they name.
func (in *Input) drain(hints <-chan fsnotify.Event) {
	for more := true; more; {
		select {
		case e, ok := <-hints:
			if more = ok; ok {
				in.hint(e)
			}
		default:
			more = false
		}
	}
	for name := range in.woken {
		d := in.folders[filepath.Dir(name)]
		if d == nil {
			continue
		}
		e := d.entries[filepath.Base(name)]
		if e == nil {
			in.touched[d.path] = true
			continue
		}
		if f := in.open[e.stat.handle]; f == nil && !e.foreign {
			in.touched[d.path] = true // it rests, and has grown
		} else if f != nil && f.due.After(in.now()) && !f.history {
			f.due = zeroTime
		}
	}
	clear(in.woken)
}

// scanTouched looks at the folders that events told of, and at those that are too busy to be watched.
func (in *Input) scanTouched() error {
	now, any := in.now(), false
	for _, d := range in.folders {
		busy := now.Before(d.hot.until) && !d.hot.failed
		if !in.touched[d.path] && !(busy && now.Sub(d.hot.looked) >= in.pace.active/2) || now.Sub(d.hot.looked) < d.hot.pause(&in.pace) {
			continue
		}
		delete(in.touched, d.path)
		in.list(d)
		any = true
	}
	if !any {
		return nil
	}
	worst, err := in.judgeAll()
	if err != nil {
		return err
	}
	if worst == waits {
		in.nextScan = minTime(in.nextScan, now.Add(in.pace.scan))
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
