package file

import "time"

// pace is how often things are looked at, and how long is waited. Directory events only wake earlier; the periodic look is
// the truth.
type pace struct {
	scan    time.Duration // between two looks at all names, if they are cheap
	rarely  time.Duration // likewise, if they are not
	active  time.Duration // between two looks at a file that grew within busy
	busy    time.Duration
	idle    time.Duration // between two looks at any other open file
	save    time.Duration // between two writes of cursors: they survive the end of the process
	sync    time.Duration // between two of them to the disk: they survive the end of the machine
	tick    time.Duration // a blocked road is waited for so long before everything else has its turn
	round   time.Duration // between two rounds at least, however many events come
	park    time.Duration // a file that did not grow for so long is closed, and opened again when it does
	settle  time.Duration // a rotated file must not have changed for so long: who copies or compresses is done
	torn    time.Duration // an archive that is not whole is taken as it is when it did not change for so long
	partial time.Duration // a line without end in a rotated file is sent when the file did not grow for so long
	hold    time.Duration // a deleted file is held so long after it last grew, if nobody can tell who has it open
	orphan  time.Duration // a content whose file is gone is looked for so long before what is missing is declared
	retry   time.Duration // the longest pause before a file that cannot be read is tried again
	guard   time.Duration // between two looks at the disks of deleted files
	notes   time.Duration // between two pictures of all streams' ends
}

// usual is the pace of an agent.
var usual = pace{
	scan: time.Second, rarely: 15 * time.Second, active: 100 * time.Millisecond, busy: 10 * time.Second, idle: time.Second,
	save: 250 * time.Millisecond, sync: 2 * time.Second, tick: 500 * time.Millisecond, round: 20 * time.Millisecond, park: 10 * time.Second,
	settle: time.Second, torn: time.Minute, partial: 10 * time.Second, hold: 30 * time.Second, orphan: 15 * time.Second,
	retry: 30 * time.Second, guard: 5 * time.Second, notes: 5 * time.Second,
}

// cheap is what part of a core the looks at all names may take, one in so many: a look that took long is followed by a longer
// pause.
const cheap = 400
