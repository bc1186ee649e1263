package file

// syncing brings the state to the disk beside everything else: on a busy disk that takes seconds, and files come and go meanwhile.
// What is begun is numbered; nothing of it is read, or told, before its number is on the disk. It is of one goroutine.
type syncing struct {
	wanted uint64     // the last number that was given
	begun  uint64     // likewise, when the sync under way began
	onDisk uint64     // all up to here is on the disk
	ended  chan error // the result of the sync under way; nil if there is none
}

// want returns the number of what was just put into the state.
func (s *syncing) want() uint64 {
	s.wanted++
	return s.wanted
}

// due reports whether a sync is to begin.
func (s *syncing) due() bool { return s.wanted > s.onDisk && s.ended == nil }

// beginSync begins to bring the state to the disk, unless that is under way.
func (in *Input) beginSync() error {
	s := &in.syncing
	if in.settleSync(); s.ended != nil {
		return in.stateError(in.store.flush())
	}
	in.synced = in.now()
	work, err := in.store.syncBeside(in.synced)
	if err != nil {
		return in.stateError(err)
	}
	s.begun, s.ended = s.wanted, make(chan error, 1)
	go func(ended chan<- error) { ended <- work() }(s.ended)
	return nil
}

// settleSync takes the result of a sync that has ended.
func (in *Input) settleSync() {
	select {
	case err := <-in.syncing.ended:
		in.endSync(err)
	default:
	}
}

// awaitSync waits for the sync that is under way.
func (in *Input) awaitSync() {
	if ended := in.syncing.ended; ended != nil {
		in.endSync(<-ended)
	}
}

func (in *Input) endSync(err error) {
	in.syncing.ended = nil
	if err != nil {
		_ = in.stateError(in.store.keep(err)) // repair follows
		return
	}
	in.syncing.onDisk = in.syncing.begun
}
