package ca

import "time"

// News is what the journal tells: that a certificate was made, or revoked.
type News struct {
	At     time.Time
	Do     string // issue, enroll, renew, revoke
	Name   string
	Serial string
	Until  time.Time // zero of a revocation
	By     string    // user, token, or the serial that a renewal follows
	Peer   string    // address that asked; "" on this machine
	Reason string    // of a revocation

	Compromised bool
}

// Follower reads the journal beside its CA, from a place on. It is for one goroutine.
type Follower struct {
	journal journal
	told    int // lines, at the least, that nobody wants any more
}

// Follow returns one that begins behind so many lines.
func (c *CA) Follow(lines int) *Follower {
	return &Follower{journal{path: c.journal.path}, lines}
}

// Next returns what is new, and how many lines that makes with those before.
func (f *Follower) Next() (all []News, lines int, err error) {
	records, _, err := f.journal.read()
	if err != nil {
		return nil, 0, err
	}
	for i, r := range records {
		if f.journal.lines-len(records)+i < f.told {
			continue
		}
		all = append(all, News{
			At: r.At, Do: r.Do, Name: r.Name, Serial: r.Serial, Until: r.Until, By: r.By, Peer: r.Peer, Reason: r.Reason, Compromised: r.Compromised,
		})
	}
	return all, f.journal.lines, nil
}
