package serve

import (
	"fmt"
	"sync"
	"time"
)

// What may be asked at once, and of one asker in a second. Each question may hold a page of events in memory, and each
// becomes an event of the audit trail: what would be too much for that is not answered.
const (
	maxAsking    = 32
	maxAskingOne = 16
	perSecond    = 20
	burst        = 400
	maxAskers    = 10_000 // that are remembered; there are fewer tokens and users
)

// limits holds who asks. The zero value is ready to use.
type limits struct {
	mu     sync.Mutex
	asking int
	askers map[string]*asker
}

type asker struct {
	asking int
	left   float64 // of what he may ask now
	at     time.Time
}

// spend counts one question of somebody, or says that it is one too many.
func (l *limits) spend(by Asker, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.spendLocked(by, now)
	return err
}

func (l *limits) spendLocked(by Asker, now time.Time) (*asker, error) {
	if l.askers == nil || len(l.askers) > maxAskers {
		l.askers = make(map[string]*asker)
	}
	key := by.By + " " + by.Name
	k := l.askers[key]
	if k == nil {
		k = &asker{left: burst, at: now}
		l.askers[key] = k
	}
	k.left = min(burst, k.left+now.Sub(k.at).Seconds()*perSecond)
	k.at = now
	if k.left < 1 {
		return nil, fmt.Errorf("%w: %s may ask %d times in a second", ErrBusy, by.Name, perSecond)
	}
	k.left--
	return k, nil
}

// enter lets a question in until leave is called, or says that it is one too many.
func (l *limits) enter(by Asker, now time.Time) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, err := l.spendLocked(by, now)
	if err != nil {
		return nil, err
	}
	if l.asking >= maxAsking || k.asking >= maxAskingOne {
		return nil, fmt.Errorf("%w: %d questions are being answered, %d of them to %s", ErrBusy, l.asking, k.asking, by.Name)
	}
	l.asking++
	k.asking++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asking--
		k.asking--
	}, nil
}
