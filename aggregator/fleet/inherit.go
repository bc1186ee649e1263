package fleet

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"belfry/shared/event"
)

// An aggregator that works alone may go on where several have shared documents: Inherit takes these in, in any order, and
// Settle makes them its own.

// InheritAgent takes in a document of the agents. What the file knows besides stays, but for whose an id is.
func (f *Fleet) InheritAgent(id string, body []byte) error { return f.takeDoc(id, body) }

// InheritNote takes in a document of the notes.
func (f *Fleet) InheritNote(id string, body []byte) error { return f.takeNote(id, body) }

// Settle makes the file what is known now. What the documents had to say is said by the file's aggregator: once more if that
// is done twice before an aggregator of theirs has said it.
func (f *Fleet) Settle(now time.Time) error {
	puts, err := f.settle()
	if err == nil {
		err = f.db.Write(puts, nil)
	}
	return errors.Join(err, f.Save(now))
}

// settle marks all that is known as to be written, and returns what Save does not see to: what is not known any more, and
// who is expected.
func (f *Fleet) settle() (puts []Put, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, a := range f.agents {
		f.dirty[id] = true
		for k := range a.streams {
			f.stale[a.position(k)] = true
		}
	}
	for name, x := range f.expected {
		puts = append(puts, x.put(name))
	}
	f.inheritWords()
	gone := func(bucket string, known func(key []byte) bool) error {
		return f.db.Each(bucket, func(k, _ []byte) error {
			if !known(k) {
				puts = append(puts, Put{bucket, slices.Clone(k), nil})
			}
			return nil
		})
	}
	return puts, errors.Join(
		gone(bucketAgents, func(k []byte) bool { return f.agents[event.Key(k)] != nil }),
		gone(bucketExpected, func(k []byte) bool { return f.expected[string(k)] != nil }),
		gone(bucketStreams, func(k []byte) bool {
			a := f.agents[event.Key(k[:16])]
			return a != nil && a.streams[streamKey{event.Key(k[16:32]), binary.BigEndian.Uint64(k[32:])}] != nil
		}),
	)
}

// inheritWords makes what documents had to say this fleet's own. The caller holds mu.
func (f *Fleet) inheritWords() {
	var dec event.Decoder
	for id, w := range f.unsaid.due(f.clock.Add(patience)) {
		e, err := dec.Decode(w.Event)
		if err != nil {
			e = unreadable(w.Event, err)
		}
		f.says = append(f.says, word{event: e})
		f.unsaid.Drop(id)
	}
}
