package amqp

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Member is an aggregator that shares the queues.
type Member struct {
	ID     string   `json:"id"`             // drawn at random by each process
	Host   string   `json:"host"`           // for people
	PID    int      `json:"pid"`            // likewise
	Known  int      `json:"event_queues"`   // number of event queues that it knows of
	Queues []string `json:"queues"`         // that it consumes
	Self   bool     `json:"self,omitempty"` // it is the one that was asked

	Store   string `json:"index,omitempty"` // which index it writes; "" is anybody's
	Started int64  `json:"started"`         // in nanoseconds since 1970
	Aside   bool   `json:"aside,omitempty"` // it consumes nothing: another index was there first
	Tails   bool   `json:"tails,omitempty"` // its live tail has readers: the others show it what passes there
}

// first reports whether m was there before o: who consumes was, whatever the clocks say.
func (m *Member) first(o *Member) bool {
	if a, b := len(m.Queues) > 0, len(o.Queues) > 0; a != b {
		return a
	}
	return cmp.Or(cmp.Compare(m.Started, o.Started), cmp.Compare(m.ID, o.ID)) < 0
}

// apart reports whether what two members write would be in two indexes.
func (m *Member) apart(o *Member) bool { return m.Store != o.Store && m.Store != "" && o.Store != "" }

// announcement is what a member says of itself; on the wire it is JSON.
type announcement struct {
	Member
	Ask     bool `json:"ask,omitempty"`     // who hears it shall announce itself at once
	Leaving bool `json:"leaving,omitempty"` // it consumes nothing any more
}

// maxMembers bounds those that are remembered: there are not that many, so somebody's error is.
const maxMembers = 1000

// looks is how often, in the time between two announcements, is looked at what was heard.
const looks = 50

// deafSilences bounds how long a member that does not hear even itself takes the others to be there, in silences.
const deafSilences = 4

// members is who there is, as one of them knows it from what it hears, and which queues are its own by that. It reads
// no clock: who calls it says what time it is.
//
// That somebody was not heard counts only while something could be heard. Who slept (was stopped and woken), had no
// connection, or does not even hear itself (the broker blocks publishing) keeps what it has and the members that it
// knows, asks all to announce themselves, and claims nothing more until it has listened. A claim that is wrong all the
// same does no harm: the queue has another active consumer.
type members struct {
	timing
	self   Member
	peers  map[string]*peer
	owners map[string]string // of the queues, by that; nil when it is to be computed
	rival  *Member           // for which it stepped aside

	looked time.Time // last look
	gap    time.Time // it listens since then
	echo   time.Time // its own announcement was heard
	echoed bool      // since the gap

	next        time.Time // announcement
	ask, answer bool      // it shall ask, or was asked
}

type peer struct {
	Member
	heard time.Time
}

func newMembers(self Member, t timing) *members {
	return &members{timing: t, self: self, peers: make(map[string]*peer)}
}

// listenAnew forgets that nobody was heard: nothing could be, until now.
func (m *members) listenAnew(now time.Time) {
	for _, p := range m.peers {
		p.heard = now
	}
	m.gap, m.echo, m.echoed = now, now, false
	m.ask, m.next = true, now
}

// hear takes an announcement.
func (m *members) hear(now time.Time, a announcement) {
	if a.ID == m.self.ID {
		if m.deaf(now) {
			m.listenAnew(now)
		}
		m.echo, m.echoed = now, true
		return
	}
	was := m.peers[a.ID]
	if a.Leaving {
		delete(m.peers, a.ID)
		m.owners = nil
		return
	}
	if was == nil && len(m.peers) >= maxMembers {
		return
	}
	if was == nil || was.Known != a.Known || was.Aside != a.Aside || len(was.Queues) == 0 != (len(a.Queues) == 0) {
		m.owners = nil
	}
	m.answer = m.answer || a.Ask
	m.peers[a.ID] = &peer{a.Member, now}
}

// deaf reports whether it does not hear even itself.
func (m *members) deaf(now time.Time) bool { return now.Sub(m.echo) > 2*m.announce }

// look judges what was heard, and returns the queues to consume. It must be called several times in the time between
// two announcements: it tells by that whether it slept.
func (m *members) look(now time.Time) []string {
	if now.Sub(m.looked) > m.announce && !m.looked.IsZero() {
		m.listenAnew(now)
	}
	m.looked = now
	if !m.deaf(now) || now.Sub(m.echo) >= deafSilences*m.silent {
		there := len(m.peers)
		maps.DeleteFunc(m.peers, func(_ string, p *peer) bool { return now.Sub(p.heard) >= m.silent })
		if len(m.peers) < there {
			m.owners = nil
		}
	}
	if m.owners == nil {
		m.stepAside()
		m.owners = share(m.sharing())
	}
	mine := []string{}
	for queue, id := range m.owners {
		if id == m.self.ID && (m.listened(now) || slices.Contains(m.self.Queues, queue)) {
			mine = append(mine, queue)
		}
	}
	slices.Sort(mine)
	if !slices.Equal(mine, m.self.Queues) {
		m.answer = true // so that the others can tell who has what
	}
	m.self.Queues = mine
	return mine
}

// stepAside gives way to an index that was there first, for as long as this process lives: were two indexes to take turns,
// each would have a part of the events, and neither would know a repeat of what the other has.
func (m *members) stepAside() {
	for _, p := range m.peers {
		if !m.self.Aside && !p.Aside && p.apart(&m.self) && p.first(&m.self) {
			m.self.Aside, m.answer = true, true
			rival := p.Member
			m.rival = &rival
		}
	}
}

// watched reports whether somebody else wants to see what passes here.
func (m *members) watched() bool {
	for _, p := range m.peers {
		if p.Tails {
			return true
		}
	}
	return false
}

// sharing is those who consume for the same index.
func (m *members) sharing() (all []Member) {
	if m.self.Aside {
		return nil
	}
	for _, x := range m.all() {
		if !x.Aside && !x.apart(&m.self) {
			all = append(all, x)
		}
	}
	return all
}

// listened reports whether it has listened long enough to claim queues. Without an announcement of its own there may
// be no answer; but it must not wait for ever, since consuming is what ends the broker's shortage.
func (m *members) listened(now time.Time) bool {
	return m.echoed && now.Sub(m.gap) >= m.timing.listen || now.Sub(m.gap) >= m.silent
}

// speak returns what is to be announced now, if anything is.
func (m *members) speak(now time.Time) (a announcement, due bool) {
	if m.answer && m.next.Sub(now) > m.announce-m.spacing {
		return a, false // it has just spoken
	}
	if !m.answer && now.Before(m.next) {
		return a, false
	}
	a = announcement{Member: m.self, Ask: m.ask}
	m.next = now.Add(m.announce)
	m.ask, m.answer = false, false
	return a, true
}

// all is everybody, in the order of their ids.
func (m *members) all() []Member {
	self := m.self
	self.Self = true
	all := []Member{self}
	for _, p := range m.peers {
		all = append(all, p.Member)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// timing is how often, and how long.
type timing struct {
	announce time.Duration // between two announcements
	silent   time.Duration // who was not heard so long is gone
	listen   time.Duration // before more is claimed
	spacing  time.Duration // least, between two announcements
}

// newTiming fills in what is zero.
func newTiming(announce, silent, listen time.Duration) timing {
	announce = cmp.Or(announce, 5*time.Second)
	return timing{
		announce: announce, spacing: announce / 50,
		silent: cmp.Or(silent, 3*announce), listen: cmp.Or(listen, announce/10),
	}
}
