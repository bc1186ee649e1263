// Package corpus holds log lines that real programs wrote, and what is to be found in each of them. It is for tests and
// the demo, and a part of belfry, so that belfry parse --test holds on any machine.
//
// A folder is a program's. NAME.export holds what "journalctl -o export" wrote, where an entry counts as a line. NAME.log holds lines as they stand in a file, or came from a socket. NAME.ndjson says first
// how they are read, and then, for each line in order, which fields are to be found in it; what names the event or
// repeats the line (Given) is not in it. Behind these there may be more objects: events that are due when no more lines
// come. make.sh in the folder ran the programs; SOURCES.md names what the lines were taken from where none could run.
package corpus

import (
	"bytes"
	"embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed */*.log */*.export */*.ndjson
var files embed.FS

// Given are the fields that are not to be found in a line, and those that repeat others.
var Given = []string{
	"event.original", "event.created", "event.id", "event.timezone", "event.kind", "agent.id", "host.name", "message",
	"log.syslog.appname", "log.syslog.procid", "sudo.continues", "ldap.first",
}

// File is one file of lines.
type File struct {
	Program, Name string   // "sudo", "accepted"
	Lines         []string // without line ends
	Fields        []string // for each line one ECS object, and those that are due at the end
	Reading
}

// Reading says how the lines are read.
type Reading struct {
	Received time.Time `json:"received"` // the year of stamps without one
	TZ       string    `json:"tz"`       // IANA name; the zone of stamps without one
	Host     string    `json:"host"`     // of lines that name none
}

// Files returns all files of the corpus, by program and name.
func Files() ([]File, error) {
	names, err := fs.Glob(files, "*/*.log")
	if err != nil {
		return nil, fmt.Errorf("list the corpus: %w", err)
	}
	var all []File
	exports, err := fs.Glob(files, "*/*.export")
	if err != nil {
		return nil, fmt.Errorf("list the corpus: %w", err)
	}
	for _, name := range append(names, exports...) {
		f, err := read(name)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func read(file string) (File, error) {
	name := strings.TrimSuffix(file, path.Ext(file))
	f := File{Program: path.Dir(name), Name: path.Base(name)}
	log, err := files.ReadFile(file)
	if err != nil {
		return f, fmt.Errorf("read the corpus: %w", err)
	}
	fields, err := files.ReadFile(name + ".ndjson")
	if err != nil {
		return f, fmt.Errorf("read the corpus: %w", err)
	}
	f.Lines, f.Fields = lines(log), lines(fields)
	if path.Ext(file) == ".export" {
		f.Lines = entries(log)
	}
	if err := json.Unmarshal([]byte(f.Fields[0]), &f.Reading); err != nil || f.Received.IsZero() {
		return f, fmt.Errorf("%s.ndjson:1: it does not say how the lines are read: %w", name, err)
	}
	f.Fields = f.Fields[1:]
	return f, nil
}

// AuthMixed returns the lines of an auth.log in which sudo, su, sshd, slapd and the tools for accounts wrote, without
// line ends.
func AuthMixed() []string {
	log, err := files.ReadFile("mixed/auth.log")
	if err != nil {
		panic(err) // it is part of the program
	}
	return lines(log)
}

// entries cuts a journal into its entries, each with the line end of its last field, without the empty line behind it.
// A value that says how long it is may hold any bytes.
func entries(text []byte) []string {
	var all []string
	begin, i := 0, 0
	for i < len(text) {
		end := bytes.IndexByte(text[i:], '\n')
		if end <= 0 {
			all = append(all, string(text[begin:i]))
			i++
			begin = i
			continue
		}
		if line := text[i : i+end]; bytes.IndexByte(line, '=') < 0 {
			end += 9 + int(binary.LittleEndian.Uint64(text[i+end+1:]))
		}
		i += end + 1
	}
	return all
}

func lines(text []byte) []string {
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
