package app

import (
	"cmp"
	"context"
	"errors"
	"net/netip"

	"belfry/agent/input/syslog"
)

// ear is the sink of one listener.
type ear struct {
	*relay
	auth, other []*outlet // by lane
}

// ear returns the sink of a listener whose messages are of a class; with "" each is of that of its facility.
func (r *relay) ear(class string) ear {
	e := ear{relay: r}
	for lane := range r.lanes {
		e.auth = append(e.auth, r.outlets[outletName(lane, cmp.Or(class, classAuth))])
		e.other = append(e.other, r.outlets[outletName(lane, cmp.Or(class, classDefault))])
	}
	return e
}

// Put keeps one message. It blocks while the spool is full.
func (e ear) Put(ctx context.Context, m syslog.Message) error {
	_, _, err := e.keep(ctx, &m)
	return err
}

func (e ear) keep(ctx context.Context, m *syslog.Message) (*outlet, uint64, error) {
	lane := laneOf(m.Peer.Addr(), e.lanes)
	o := e.other[lane]
	if f := m.Priority >> 3; f == syslog.Auth || f == syslog.AuthPriv {
		o = e.auth[lane]
	}
	buf := e.scratch.Get().(*[]byte)
	defer e.scratch.Put(buf)
	*buf = appendKept((*buf)[:0], m)
	lsn, err := o.queue.Put(ctx, *buf)
	return o, lsn, err
}

// Session begins the account of one connection.
func (e ear) Session() syslog.Session { return &session{ear: e} }

// session knows what one connection has put since its last Sync: in one outlet or two, for its sender is in one lane.
type session struct {
	ear
	put [2]span
}

// span is what was put into an outlet, from the first record to the last. Others may have put something between.
type span struct {
	into        *outlet
	first, last uint64
}

// Put keeps one message, and notes where.
func (s *session) Put(ctx context.Context, m syslog.Message) error {
	o, lsn, err := s.keep(ctx, &m)
	if err != nil {
		return err
	}
	p := &s.put[0]
	if p.into != nil && p.into != o {
		p = &s.put[1]
	}
	if p.into == nil {
		p.into, p.first = o, lsn
	}
	p.last = lsn
	return nil
}

// Sync returns when all that was put is on the disk.
func (s *session) Sync(ctx context.Context) error {
	var errs []error
	for _, p := range s.put {
		if p.into != nil {
			errs = append(errs, p.into.queue.Synced(ctx, p.first, p.last))
		}
	}
	s.put = [2]span{}
	return errors.Join(errs...)
}

// laneOf returns the lane of a sender. The port does not count: a sender may come from another one each time.
func laneOf(a netip.Addr, lanes int) int {
	if lanes == 1 || !a.IsValid() {
		return 0
	}
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range a.As16() {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return int((h ^ h>>32) % uint64(lanes))
}
