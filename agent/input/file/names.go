package file

import (
	"path/filepath"
	"slices"
	"strings"

	"belfry/agent/input/file/archive"
)

// rotatedFrom returns the live name that a rotated one comes from: "auth.log" of "auth.log.1", "auth.log-20261123.gz"
// or "auth.log.old". ok is false if the name is a live one.
func rotatedFrom(path string) (live string, ok bool) {
	dir, name := filepath.Split(path)
	if archive.KindOf(name) != archive.Plain {
		name, ok = strings.TrimSuffix(name, filepath.Ext(name)), true
	}
	if isLabel(name) {
		return dir + "current", true
	}
	for _, s := range backups {
		if t, found := strings.CutSuffix(name, s); found && t != "" {
			return dir + t, true
		}
	}
	for { // the last parts are all digits, and perhaps hyphens: numbers or dates
		i := strings.LastIndexByte(name, '.')
		if i <= 0 || !isNumber(name[i+1:]) && !isDate(name[i+1:]) {
			break
		}
		name, ok = name[:i], true
	}
	for i := 1; i < len(name); i++ { // the name itself may have hyphens, and so may the date
		if name[i] == '-' && isDate(name[i+1:]) {
			return dir + name[:i], true
		}
	}
	return dir + name, ok
}

// isLabel accepts what multilog and svlogd call a file that was "current": a TAI64 label in hex (DJB, libtai) and a letter.
func isLabel(name string) bool {
	label, ending, _ := strings.Cut(name, ".")
	return len(label) >= 1+16 && label[0] == '@' && strings.Trim(label[1:], "0123456789abcdef") == "" && len(ending) <= 1
}

// backups are the endings by which editors and people keep what a file was.
var backups = []string{"~", ".bak", ".orig", ".old", ".save", ".copy"}

// isBackup reports whether a name is that of a backup.
func isBackup(path string) bool {
	return slices.ContainsFunc(backups, func(s string) bool { return strings.HasSuffix(path, s) })
}

// beforeEnding returns the live name of a rotated one that keeps its ending: "app.log" of "app-20261123.log.gz" or
// "app.1.log". ok is false if the name is not like that.
func beforeEnding(path string) (live string, ok bool) {
	dir, name := filepath.Split(path)
	if archive.KindOf(name) != archive.Plain {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	ext := filepath.Ext(name)
	if ext == "" || ext == name || isNumber(ext[1:]) {
		return "", false
	}
	stem, ok := rotatedFrom(strings.TrimSuffix(name, ext))
	return dir + stem + ext, ok
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// isDate accepts 20261123, 2026-11-23 and either with an hour or a time behind it, and a time in seconds, as logrotate's
// dateext writes them.
func isDate(s string) bool {
	return len(s) >= 8 && isNumber(s[:4]) && strings.Trim(s, "0123456789-_T:.") == ""
}
