package embedded

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// The storage opens the files of its parts when a search first reads them, keeps them open, and ends the process when it
// may open no more. A part has some 60 files, and a month of days some hundred parts.
const (
	wantFiles   = 1 << 20
	enoughFiles = 1 << 16
)

// allowFiles lets the process open as many files as it may, and says so where that may not be enough.
func allowFiles(log *slog.Logger) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		log.Warn("how many files may be open is not known", "err", err)
		return
	}
	if limit.Max < wantFiles { // root may; others may not, and are told
		more := unix.Rlimit{Cur: wantFiles, Max: wantFiles}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &more) == nil {
			return
		}
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			log.Warn("the limit of open files stays", "err", err)
		}
	}
	if limit.Cur < enoughFiles {
		log.Warn("few files may be open at a time: a search over many days may end the process (LimitNOFILE of the unit, ulimit -n)",
			"limit", limit.Cur, "enough", enoughFiles)
	}
}
