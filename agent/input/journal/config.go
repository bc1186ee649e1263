// Package journal follows systemd's journal.
//
// It runs "journalctl --output=export --follow" as a child and reads what that writes (systemd, "Journal Export Formats"):
// so it needs no cgo, and reads every version and every compression that the host's own systemd reads. The child ends with
// the agent, and is started anew, later each time, when it ends by itself.
//
// # Places
//
// Each entry has a sequence number of a series (the "seqnum" and the "seqnum ID" of systemd, which stand in its cursor). The
// stream is the agent's and the input's, its epoch comes from the series, and an entry is [number, number+1): the id of an
// event depends on nothing else, and needs no state. What is kept is how far each series is confirmed, and where the child has
// to begin so that it shows all that is not. An entry that was handed on before is passed over when it is shown again.
//
// # What the numbers say
//
// This was read in systemd 252 (journal-file.c, sd-journal.c, journald-server.c, journalctl.c) and tried with its programs.
//
//   - Within a series numbers only grow, through every rotation, and a reader gets them in that order: files of one series are
//     merged by number, those of different series by monotonic time within a boot, else by real time.
//   - A series has holes without any loss. Up to systemd 253 each file begins a series of its own (system.journal,
//     user-1000.journal; what rotation makes goes on with the old one), but one journald counts for all of them: it takes the
//     greater of its own counter and the file's, plus one. So what is missing in one series stands in another. After a crash of
//     journald its counter begins anew, and series may use numbers that others of it had before. From systemd 254 on all files
//     of a journald are one series. Entries that nobody could write after a number was drawn for them leave a hole too: that
//     needs a full disk, and is an entry lost.
//   - What vacuuming takes away leaves a hole at the front. It may also take files that a running journalctl has not read yet.
//   - A running journalctl may miss entries for good: it learns of a new file by inotify, and then begins in it behind the time
//     of what it showed last. Started anew, it shows them.
//   - "--follow" shows the present boot only, "--boot=all" or not, and marks boots in the middle of the output; with "--merge" it
//     does neither, but also reads the journals of other machines in the folder.
//   - A data object that is damaged ends an entry without the empty line that should end it; a field name that is not valid
//     ends journalctl.
//
// So a number is accounted for if a series of the same journald (machine and namespace) has come as far. A hole that is not
// stays open for a while: what comes late fills it. Then the child is started anew in front of it, unless it was that
// already. What is missing still is declared as dropped, number by number.
//
// Not seen is what was lost at the beginning of a series that nobody knew: its numbers before the first are skipped. And when
// journald moves what it wrote to /run over to /var, early at each start of the machine, the entries are new ones with new
// numbers: who reads before that (systemd-journal-flush.service) reads them twice.
//
// # Who may call it
//
// One goroutine, in Run, does all the work. Confirmed, Ends and Status may be called from any other.
package journal

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/batch"
	"belfry/shared/conf"
)

// Values of Config.Start besides a length of time.
const (
	StartBeginning = "beginning"
	StartEnd       = "end"
)

// Defaults and bounds of Config.
const (
	defaultStart   = 30 * 24 * time.Hour
	defaultMessage = 64 << 10
	leastMessage   = 256
	mostMessage    = 1 << 20
	mostNamespace  = 222 // bytes: it is part of a folder's name beside the machine's id
)

// Config is one entry of inputs.journal.
type Config struct {
	Directory  string     `yaml:"directory"`   // of journal files, of whatever machine; default the system's, of this one
	Namespace  string     `yaml:"namespace"`   // of journald: a name, +NAME for it and the default one, * for all; default the default one
	Start      string     `yaml:"start"`       // beginning, end, or how old an entry may be that is read at the first start; default 30d
	Class      string     `yaml:"class"`       // names index and retention; default "default"
	MaxMessage conf.Bytes `yaml:"max_message"` // of a message that are sent, the rest is only counted; default 64KiB, at most 1MiB
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Directory != "" && !filepath.IsAbs(c.Directory) {
		fault("directory: %q is not an absolute path", c.Directory)
	}
	if c.Namespace != "" && !validNamespace(c.Namespace) {
		fault("namespace: %q is neither a name, nor + and a name, nor *", c.Namespace)
	}
	if c.Directory != "" && c.Namespace != "" {
		fault("namespace: %q: a directory is read as a whole, give only one of the two", c.Namespace)
	}
	if _, err := c.since(time.Time{}); err != nil {
		fault("start: %q is neither %s nor %s nor a length of time such as 30d", c.Start, StartBeginning, StartEnd)
	}
	if c.Class != "" && !batch.ValidClass(c.Class) {
		fault("class: %q: use 1 to 32 of a-z, 0-9 and _", c.Class)
	}
	if c.MaxMessage != 0 && (c.MaxMessage < leastMessage || c.MaxMessage > mostMessage) {
		fault("max_message: %d is not between %d and %d bytes", c.MaxMessage, leastMessage, mostMessage)
	}
	return errors.Join(errs...)
}

// Name says which journal is meant: no two inputs may have the same.
func (c Config) Name() string {
	if c.Namespace != "" {
		return "journal:" + c.Namespace
	}
	return cmp.Or(c.Directory, "journal")
}

// since returns from when on entries are read at a first start; the zero time is all.
func (c Config) since(now time.Time) (time.Time, error) {
	switch c.Start {
	case StartBeginning:
		return time.Time{}, nil
	case StartEnd:
		return now, nil
	case "":
		return now.Add(-defaultStart), nil
	}
	d, err := conf.ParseDuration(c.Start)
	return now.Add(-d), err
}

func (c Config) class() string { return cmp.Or(c.Class, "default") }

func (c Config) maxMessage() int { return int(cmp.Or(c.MaxMessage, defaultMessage)) }

// validNamespace reports whether s can be an argument of journalctl --namespace (systemd, log_namespace_name_valid).
func validNamespace(s string) bool {
	if s == "*" {
		return true
	}
	name := strings.TrimPrefix(s, "+")
	return name != "" && len(name) <= mostNamespace && !strings.HasPrefix(name, ".") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/*?[]"'\`, r) })
}
