package syslog

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"
)

// watchDrops counts what the kernel dropped: at each socket because its buffer was full, and of the whole host because its
// backlog was. It counts once more when ctx is done.
func (in *Input) watchDrops(ctx context.Context) {
	host := int64(-1)
	t := time.NewTicker(countEvery)
	defer t.Stop()
	for {
		host = in.countDrops(host)
		select {
		case <-ctx.Done():
			in.countDrops(host)
			return
		case <-t.C:
		}
	}
}

func (in *Input) countDrops(host int64) int64 {
	for _, s := range in.sockets {
		now, known := kernelDrops(s.conn)
		if !known || now == s.dropped {
			continue
		}
		if s.dropped == 0 {
			in.log.Warn("the kernel drops datagrams: raise net.core.rmem_max", "receive_buffer_bytes", s.recvSize)
		}
		in.count.kernelDropped.Add(int(now - s.dropped)) // the counter may wrap
		s.dropped = now
	}
	if in.count.backlog == nil {
		return host
	}
	now, known := backlogDrops(softnetFile)
	if !known {
		return host
	}
	if host >= 0 && now > host {
		in.count.backlog.Add(int(now - host))
		in.log.Warn("the kernel drops packets before they reach a socket: raise net.core.netdev_max_backlog", "packets", now-host)
	}
	return now
}

// softnetFile has a line for each CPU; the second number is how many packets did not fit its backlog (the kernel's
// Documentation/networking/scaling.rst, and net/core/net-procfs.c).
const softnetFile = "/proc/net/softnet_stat"

// backlogDrops adds up the packets of all programs that were dropped before they had a socket.
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
