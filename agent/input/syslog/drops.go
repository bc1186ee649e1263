package syslog

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"
)

// watchDrops counts what the kernel dropped at each socket because its buffer was full. It counts once more when ctx is done.
func (in *Input) watchDrops(ctx context.Context) {
	t := time.NewTicker(countEvery)
	defer t.Stop()
	for told := false; ; {
		told = in.countDrops(told)
		select {
		case <-ctx.Done():
			in.countDrops(true)
			return
		case <-t.C:
		}
	}
}

func (in *Input) countDrops(told bool) bool {
	in.counting.Lock()
	defer in.counting.Unlock()
	for _, s := range in.sockets {
		now, known := kernelDrops(s.conn)
		if !known || now == *s.dropped {
			continue
		}
		if !told {
			in.log.Warn("the kernel drops datagrams: raise net.core.rmem_max", "receive_buffer_bytes", s.recvSize)
			told = true
		}
		in.count.kernelDropped.Add(int(now - *s.dropped)) // the counter may wrap
		*s.dropped = now
	}
	return told
}

// softnetFile has a line for each CPU; the second number is how many packets did not fit its backlog (the kernel's
// Documentation/networking/scaling.rst, and net/core/net-procfs.c).
const softnetFile = "/proc/net/softnet_stat"

// backlogDrops adds up the packets of all programs of this host that were dropped before they had a socket, since it was started.
func backlogDrops(path string) (total int64, known bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			return 0, false
		}
		n, err := strconv.ParseUint(string(fields[1]), 16, 32)
		if err != nil {
			return 0, false
		}
		total += int64(n)
	}
	return total, true
}
