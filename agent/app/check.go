package app

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/agent/input/journal"
	"belfry/agent/input/syslog"
	"belfry/agent/rotate"
	"belfry/agent/spool"
)

// doubts looks for what is valid but probably not meant, or will not be valid for long: globs that match nothing, files
// that cannot be read, certificates that expire, state that cannot be written. Each warning begins with its key. It
// looks with the rights of who calls, and changes nothing.
func doubts(cfg *config.Config) []string {
	var all []string
	warn := func(key, format string, args ...any) {
		all = append(all, key+": "+fmt.Sprintf(format, args...))
	}
	for _, w := range stateDoubts(cfg.State) {
		warn("state", "%s", w)
	}
	if _, err := time.LoadLocation(cfg.Zone); err != nil {
		warn("timezone", "%v", err)
	}
	followed := map[string]bool{}
	for i := range cfg.Inputs.Files {
		in := &cfg.Inputs.Files[i]
		if err := in.CheckMaskKey(); err != nil {
			warn(fmt.Sprintf("inputs.files[%d]", i), "%v", err)
		}
		for j, pattern := range in.Paths {
			key := fmt.Sprintf("inputs.files[%d].paths[%d]", i, j)
			paths := in.Names(j)
			if len(paths) == 0 && len((&file.Config{Paths: in.Paths}).Names(j)) == 0 {
				warn(key, "%s matches nothing now", pattern)
			}
			for _, p := range paths {
				followed[p] = true
				if err := readable(p); err != nil {
					warn(key, "%v", err)
				}
			}
		}
	}
	for i := range cfg.Inputs.Journal {
		for _, w := range journal.Check(cfg.Inputs.Journal[i]) {
			all = append(all, fmt.Sprintf("inputs.journal[%d].%s", i, w))
		}
	}
	for i := range cfg.Inputs.Syslog {
		for _, w := range cfg.Inputs.Syslog[i].Doubts(time.Now()) {
			all = append(all, fmt.Sprintf("inputs.syslog[%d].%s", i, w))
		}
	}
	if w := fewDescriptors(cfg.Inputs.Syslog); w != "" {
		warn("inputs.syslog", "%s", w)
	}
	if len(cfg.Inputs.Syslog) > 0 {
		for _, w := range spool.Doubts(SpoolPath(cfg.State), cfg.Spool) {
			all = append(all, "spool."+w)
		}
	}
	section := "ship.https"
	if cfg.Ship.AMQP != nil {
		section = "ship.amqp"
	}
	files := cfg.Ship.Files()
	for _, d := range files.Doubts(time.Now(), false) {
		warn(section+"."+d.Key, "%s", d.Text)
	}
	if w := nameDoubt(files, cfg.Host, len(cfg.Inputs.Syslog) > 0); w != "" {
		warn(section+".cert", "%s", w)
	}
	all = append(all, rotate.Check(cfg.Rotate, func(path string) bool { return followed[path] })...)
	for _, w := range rotate.Rights(cfg.Rotate) {
		warn("rotate", "%s", w)
	}
	return all
}

// fewDescriptors says that the listeners may hold more connections than the process may have open.
func fewDescriptors(listeners []syslog.Config) string {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return ""
	}
	most := uint64(0)
	for _, l := range listeners {
		most += uint64(l.Connections())
	}
	if most+sparedDescriptors <= limit.Max {
		return ""
	}
	return fmt.Sprintf("%d connections may be open, and %d descriptors (LimitNOFILE): with fewer max_connections none is short of them",
		most, limit.Max)
}

// sparedDescriptors are for files, the road and the spool.
const sparedDescriptors = 256

// readable says why a path would not be followed. It never opens what is no regular file: a pipe would block.
func readable(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file and is left alone", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}
