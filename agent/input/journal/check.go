package journal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxWarnings bounds what is told of files that cannot be read.
const maxWarnings = 3

// Check looks for what is valid but probably not meant: no journalctl, a folder that is not there, files that cannot be read. It
// looks with the rights of who calls, and changes nothing. Each warning begins with a key of Config.
func Check(cfg Config) []string {
	key := "directory"
	if cfg.Namespace != "" {
		key = "namespace"
	}
	var all []string
	warn := func(format string, args ...any) { all = append(all, key+": "+fmt.Sprintf(format, args...)) }
	if _, err := exec.LookPath(program); err != nil {
		warn("the journal is read by %s: %v", program, err)
	}
	folders, err := cfg.folders()
	if err != nil {
		warn("%v", err)
		return all
	}
	files, unreadable := 0, 0
	for _, dir := range folders {
		list, err := os.ReadDir(dir)
		if err != nil {
			warn("%v", err)
			continue
		}
		for _, f := range list {
			if !strings.HasSuffix(f.Name(), ".journal") && !strings.HasSuffix(f.Name(), ".journal~") {
				continue
			}
			files++
			if err := openable(filepath.Join(dir, f.Name())); err != nil {
				if unreadable++; unreadable <= maxWarnings {
					warn("%v: what is in it will be told as dropped", err)
				}
			}
		}
	}
	if unreadable > maxWarnings {
		warn("%d more files cannot be read", unreadable-maxWarnings)
	}
	if files == 0 {
		warn("there is no journal in %s now", cfg.where())
	}
	return all
}

// where names the folders for people.
func (c Config) where() string {
	if c.Directory != "" {
		return c.Directory
	}
	return strings.Join(systemFolders, " and ")
}

// systemFolders hold a folder for each machine and namespace (sd_journal_open(3)).
var systemFolders = []string{"/var/log/journal", "/run/log/journal"}

// folders returns those that journal files may lie in. Its error says that what is configured is no folder.
func (c Config) folders() ([]string, error) {
	roots := systemFolders
	if c.Directory != "" {
		st, err := os.Stat(c.Directory)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			return nil, fmt.Errorf("%s is not a folder", c.Directory)
		}
		roots = []string{c.Directory}
	}
	var all []string
	for _, root := range roots {
		if c.Directory != "" {
			all = append(all, root)
		}
		list, _ := os.ReadDir(root) // one that is not there has nothing
		for _, f := range list {
			if f.IsDir() && c.holds(f.Name()) {
				all = append(all, filepath.Join(root, f.Name()))
			}
		}
	}
	return all, nil
}

// holds reports whether a folder of that name, MACHINE or MACHINE.NAMESPACE, is read.
func (c Config) holds(folder string) bool {
	machine, namespace, _ := strings.Cut(folder, ".")
	if _, ok := parseSeries([]byte(machine)); !ok {
		return false
	}
	name, with := strings.CutPrefix(c.Namespace, "+")
	return c.Directory != "" || c.Namespace == "*" || namespace == name || with && namespace == ""
}

func openable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}
