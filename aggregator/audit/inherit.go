package audit

import (
	"encoding/json"
	"fmt"

	"belfry/aggregator/fleet"
	"belfry/shared/event"
)

// Heir takes the gaps that several aggregators have shared in documents into the file of one that works alone. Nobody else
// may have the file open.
type Heir struct {
	db    *fleet.DB
	there map[string]string // the states of those that the file has, by id
	puts  []fleet.Put
	says  []*event.Event
}

// OpenHeir reads which gaps a file has.
func OpenHeir(db *fleet.DB) (*Heir, error) {
	h := &Heir{db: db, there: make(map[string]string)}
	err := db.Each(fleet.BucketGaps, func(k, v []byte) error {
		var g Gap
		if err := json.Unmarshal(v, &g); err != nil {
			return fmt.Errorf("gap %s: %w", k, err)
		}
		h.there[g.ID] = g.State
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read gaps: %w", err)
	}
	return h, nil
}

// course is how far a gap has come: none goes back, but by opening anew.
var course = map[string]int{Open: 1, Accepted: 2, Closed: 3, Gone: 3}

// Inherit takes in the document of a gap, unless the file has that and is as far.
func (h *Heir) Inherit(id string, body []byte) error {
	d, err := readGap(id, body)
	if err != nil {
		return err
	}
	g := d.Gap
	if course[g.State] <= course[h.there[g.ID]] {
		return nil
	}
	g.Rev, h.there[g.ID] = 0, g.State
	h.puts = append(h.puts, g.put())
	for _, text := range d.Say {
		if e, err := new(event.Decoder).Decode(text); err == nil { // else it is lost, as it is to others
			h.says = append(h.says, e)
		}
	}
	return nil
}

// Settle writes what was taken in, and what is to be said of it, into the file.
func (h *Heir) Settle() error {
	err := h.db.Write(h.puts, h.says)
	if err == nil {
		h.puts, h.says = nil, nil
	}
	return err
}
