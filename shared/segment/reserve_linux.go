package segment

import "syscall"

// keepAhead takes place on the disk for what comes next. Where there is none, or the file system cannot, nothing is said:
// then a write may fail.
func (l *Log) keepAhead() {
	if l.reserve == 0 || l.size+l.reserve/2 <= l.kept {
		return
	}
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE, fallocate(2): the file does not grow
	to := min(l.size+l.reserve, l.maxBytes)
	if to > l.size && syscall.Fallocate(int(l.file.Fd()), keepSize, l.size, to-l.size) == nil {
		l.kept = to
	}
}
