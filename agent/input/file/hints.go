package file

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watch begins to listen for directory events. Without them the periodic look does all.
func (in *Input) watch() (<-chan fsnotify.Event, *fsnotify.Watcher) {
	w, err := fsnotify.NewBufferedWatcher(256)
	if err != nil {
		in.log.Warn("no directory events, looking once a second", "err", err)
		return nil, nil
	}
	go func() {
		for range w.Errors { // an overflow loses hints only
		}
	}()
	return w.Events, w
}

// pause waits until a file is due, or a directory event came.
func (in *Input) pause(ctx context.Context, hints <-chan fsnotify.Event) {
	wait := pollActive
	for _, f := range in.open {
		wait = min(wait, time.Until(f.due))
	}
	t := time.NewTimer(max(wait, minPause))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case e, ok := <-hints:
		if ok {
			in.hint(e)
			time.Sleep(minPause)
		}
	}
}

func (in *Input) hint(e fsnotify.Event) {
	in.woken[e.Name] = true
	in.names = in.names || e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove)
}

// drain takes the events that have come, makes the files that they name due, and reports whether a name came or went.
func (in *Input) drain(hints <-chan fsnotify.Event) bool {
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
	if len(in.woken) > 0 {
		for _, f := range in.open {
			if in.woken[f.path] {
				f.due = time.Time{}
			}
		}
		clear(in.woken)
	}
	names := in.names
	in.names = false
	return names
}
