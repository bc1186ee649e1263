package file

import (
	"slices"
	"time"

	"belfry/agent/input/file/ident"
	"belfry/agent/input/file/lines"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// content is one run of bytes with an identity, as it is kept on disk.
type content struct {
	Number    uint32    `json:"n"` // names the content in the records of the state
	Stream    event.Key `json:"stream"`
	Epoch     uint64    `json:"epoch"`
	Path      string    `json:"path"`                 // its last name
	Stem      string    `json:"stem"`                 // the live name that it had, or would have
	File      Handle    `json:"file"`                 // the file that holds it, or held it last
	Reopen    []byte    `json:"handle,omitempty"`     // by which the kernel finds that file, whatever its name is
	Class     string    `json:"class"`                // of its input when it began
	Cursor    uint64    `json:"cursor"`               // all before it is confirmed
	Ended     bool      `json:"ended,omitempty"`      // its end was reached and confirmed, or what is missing was declared
	Days      []step    `json:"days,omitempty"`       // where the day of reading changed, oldest first
	Cuts      []uint64  `json:"cuts,omitempty"`       // where time, not bytes, ended an event
	Joins     []piece   `json:"joins,omitempty"`      // ranges that hang together: reading begins where one begins
	Doubt     uint64    `json:"doubt,omitempty"`      // what begins before may have been sent under another id
	Began     uint64    `json:"began,omitempty"`      // what is before belongs to an older content
	BeganTold bool      `json:"began_told,omitempty"` // the receiver knows
	Suspect   *uint64   `json:"suspect,omitempty"`    // its archive is damaged, and no checksum has proven what is from there on
	Bound     uint64    `json:"bound,omitempty"`      // it goes on in a copy that was cut off there, and ends so
	Lost      *lost     `json:"lost,omitempty"`       // what of it was given up
	Boot      uint32    `json:"boot,omitempty"`       // the start of the machine at which it was judged last
	Copy      bool      `json:"copy,omitempty"`       // not a content: a file that is left alone until it changes
	Of        event.Key `json:"of,omitzero"`          // the stream that it repeats, with OfEp
	OfEp      uint64    `json:"of_epoch,omitempty"`
	Length    uint64    `json:"length,omitempty"` // bytes of content that the file was seen to have, when it was let go
	Size      uint64    `json:"size,omitempty"`   // bytes of the file then, with Mtime
	Mtime     int64     `json:"mtime,omitempty"`
	Seen      int64     `json:"seen"` // when it was last looked at, in seconds since 1970
	Foot      foot      `json:"foot,omitzero"`
	Taken     uint64    `json:"taken,omitempty"` // of a plain file: all that may have left lies before it
	ident.Evidence

	Indexed uint64   `json:"indexed,omitempty"` // the index has all before it
	History []Ruling `json:"history,omitempty"` // what it was taken for, oldest first

	acked   ranges // confirmed ahead of the cursor, since this process began
	indexed ranges // likewise, ahead of Indexed
	began   bool   // what is before its beginning was declared, since this process began
	told    uint64 // the end that the last heartbeat has named, since this process began
	handed  uint64 // all before was handed on, since this process began

	inode     uint64 // by which it is found, with the next one of the same
	sameInode *content

	reader  *lines.Reader // what was read and not handed on when its file went; its tail may be found elsewhere
	gone    instant       // since when no file has it
	bases   [2]string     // the names by which it is found; see Input.index
	dead    bool          // the kernel says so too
	cut     bool          // its file is there, and has other bytes now
	closing bool          // its end was handed on
	last    instant       // when its last confirm came
	late    instant       // since when there is something that is not confirmed
}

// instant is a time in nanoseconds since 1970; 0 is none. Of thousands of them each byte counts.
type instant int64

func at(t time.Time) instant { return instant(t.UnixNano()) }

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i))
}

// lost is a range that was given up.
type lost struct {
	From uint64     `json:"from"`
	To   uint64     `json:"to"`
	Kind batch.Kind `json:"kind"`
	Told bool       `json:"told,omitempty"` // the receiver has the declaration
	Why  string     `json:"why"`
}

// Ruling is one verdict on a content.
type Ruling struct {
	At      int64  `json:"at"` // seconds since 1970
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Path    string `json:"path"`
	Size    uint64 `json:"size"`
}

// maxHistory is how many verdicts of one content are kept.
const maxHistory = 8

func (c *content) rule(r Ruling) {
	if n := len(c.History); n > 0 && c.History[n-1].Verdict == r.Verdict && c.History[n-1].Reason == r.Reason {
		c.History[n-1] = r
		return
	}
	c.History = append(c.History, r)
	if n := len(c.History); n > maxHistory {
		c.History = slices.Clone(c.History[n-maxHistory:])
	}
}

// ruled returns the last verdict.
func (c *content) ruled() (r Ruling) {
	if n := len(c.History); n > 0 {
		r = c.History[n-1]
	}
	return r
}

// step says which day the events from an offset on belong to.
type step struct {
	From uint64 `json:"from"`
	Day  string `json:"day"`
}

// day returns the day of an offset.
func (c *content) day(offset uint64) string {
	for _, s := range slices.Backward(c.Days) {
		if s.From <= offset {
			return s.Day
		}
	}
	return time.Unix(0, 0).UTC().Format(time.DateOnly)
}

type contentKey struct {
	stream event.Key
	epoch  uint64
}

func (c *content) key() contentKey { return contentKey{c.Stream, c.Epoch} }

// next is where reading goes on.
func (c *content) next() uint64 { return c.joined(max(c.Cursor, c.handed)) }

// joined returns where what hangs together with an offset begins.
func (c *content) joined(at uint64) uint64 {
	for _, j := range slices.Backward(c.Joins) {
		if j.First < at && at < j.End {
			at = j.First
		}
	}
	return at
}

// reach is how far the content is known to reach.
func (c *content) reach() uint64 { return max(c.Top, c.Length, c.handed) }

// changed reports whether a file that was let go, or left alone, is not as it was then.
func (c *content) changed(st stat) bool { return c.Size != st.size || c.Mtime != st.mtime }

// place is where an event at an offset goes.
func (c *content) place(at uint64) batch.Place {
	return batch.Place{Stream: c.Stream, Epoch: c.Epoch, Class: c.Class, Day: c.day(at)}
}
