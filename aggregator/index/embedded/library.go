package embedded

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"
)

// library is what logstorage keeps once for the whole process, whoever opens it: its settings are flags of
// flag.CommandLine, and it panics unless that was parsed; its log goes to one writer. This file is the only place that
// touches either, at the first Open. The program's own arguments are not looked at.
var library struct {
	once sync.Once
	err  error
	log  atomic.Pointer[slog.Logger] // of the index that was opened last
}

// prepareLibrary sets logstorage up. The memory of the first index that a process opens holds for all.
func prepareLibrary(memory int64, log *slog.Logger) error {
	library.log.Store(log)
	library.once.Do(func() {
		logger.SetOutputForTests(libraryLog{}) // the name says tests; it is the only way to a writer
		if !flag.Parsed() {
			if library.err = flag.CommandLine.Parse([]string{}); library.err != nil {
				return
			}
		}
		settings := [][2]string{
			{"memory.allowedBytes", strconv.FormatInt(memory, 10)},
			{"loggerLevel", "WARN"},
			{"loggerDisableTimestamps", "true"},
			{"loggerMaxArgLen", "500"}, // it logs whole rows when it drops them
		}
		for _, s := range settings {
			if err := flag.Set(s[0], s[1]); err != nil {
				library.err = fmt.Errorf("set up logstorage: %s: %w", s[0], err)
				return
			}
		}
	})
	return library.err
}

// libraryLog hands the lines of logstorage's log to ours. A line is "level\tplace\ttext\n".
type libraryLog struct{}

func (libraryLog) Write(line []byte) (int, error) {
	level, rest, _ := bytes.Cut(bytes.TrimSpace(line), []byte{'\t'})
	place, text, _ := bytes.Cut(rest, []byte{'\t'})
	at := slog.LevelError
	if string(level) == "warn" {
		at = slog.LevelWarn
	}
	library.log.Load().Log(context.Background(), at, "logstorage", "place", string(place), "text", string(text))
	return len(line), nil
}
