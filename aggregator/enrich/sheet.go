package enrich

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of an inventory or a directory.
const (
	maxCSV     = 64 << 20 // bytes of a file
	maxYAML    = 16 << 20 // the same; while it is read it takes some 50 times as much
	maxColumns = 64
	maxColumn  = 64   // bytes of a column's name: an index refuses long names
	maxCell    = 4096 // bytes
)

// entry is one host or one user as a file has it.
type entry struct {
	line  int
	cells []cell
}

// cell is one value of an entry; of a list in YAML there is one for each value.
type cell struct{ column, value string }

func isTable(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".yaml", ".yml":
		return true
	}
	return false
}

// readSheet calls fn for each entry of a file in CSV (RFC 4180, with a line of column names) or YAML (a list of
// sections). The error joins all faults, those that fn adds too.
func readSheet(path string, fn func(e entry, wrong *faults)) error {
	isCSV, most := strings.EqualFold(filepath.Ext(path), ".csv"), int64(maxYAML)
	if isCSV {
		most = maxCSV
	}
	text, err := readFile(path, most)
	if err != nil {
		return err
	}
	wrong := &faults{path: path}
	text = bytes.TrimPrefix(text, []byte(mark))
	if isCSV {
		readCSV(bytes.NewReader(text), wrong, fn)
	} else {
		readYAML(text, wrong, fn)
	}
	return wrong.err()
}

func readCSV(from io.Reader, wrong *faults, fn func(entry, *faults)) {
	r := csv.NewReader(from)
	r.Comment = '#'
	r.ReuseRecord = true
	r.TrimLeadingSpace = true
	var columns []string
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			if !csvFault(err, wrong) {
				return
			}
			continue
		}
		line, _ := r.FieldPos(0)
		if columns == nil {
			columns = columnsOf(fields, line, wrong)
			if columns == nil {
				return
			}
			continue
		}
		e := entry{line: line, cells: make([]cell, 0, len(fields))}
		for i, f := range fields {
			e.add(columns[i], f, line, wrong)
		}
		fn(e, wrong)
	}
}

// csvFault tells what is wrong with a record, and whether the next one can be read: after a quote that does not end
// nothing makes sense.
func csvFault(err error, wrong *faults) (goOn bool) {
	var at *csv.ParseError
	if !errors.As(err, &at) {
		wrong.add(0, "%w", err)
		return false
	}
	wrong.add(at.StartLine, "%w", at.Err)
	return errors.Is(at.Err, csv.ErrFieldCount)
}

// columnsOf reads the line of column names; nil if it has a fault.
func columnsOf(fields []string, line int, wrong *faults) []string {
	if len(fields) > maxColumns {
		wrong.add(line, "%d columns, at most %d are read", len(fields), maxColumns)
		return nil
	}
	columns := make([]string, len(fields))
	bad := false
	for i, f := range fields {
		name, ok := columnName(f)
		if !ok {
			wrong.add(line, "column %d: %.80q is no name of a column", i+1, f)
			bad = true
		}
		for _, before := range columns[:i] {
			if ok && before == name {
				wrong.add(line, "column %s stands twice", name)
				bad = true
			}
		}
		columns[i] = name
	}
	if bad {
		return nil
	}
	return columns
}

// columnName makes a name that a field can have: "Cost Centre" is cost_centre.
func columnName(text string) (string, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	letters := false
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			letters = true
			return r
		}
		return '_'
	}, text)
	return name, letters && len(name) <= maxColumn
}

func (e *entry) add(column, value string, line int, wrong *faults) {
	value = strings.TrimSpace(value)
	switch {
	case len(value) > maxCell:
		wrong.add(line, "%s: %d bytes, at most %d are kept", column, len(value), maxCell)
	case value != "":
		e.cells = append(e.cells, cell{column, strings.ToValidUTF8(value, "\uFFFD")})
	}
}

// readYAML reads a list of sections. Anchors are not followed: a file of some lines could mean a billion of them.
func readYAML(text []byte, wrong *faults, fn func(entry, *faults)) {
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bufio.NewReader(bytes.NewReader(text)))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return
	case err != nil:
		yamlFault(err, wrong)
		return
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		wrong.add(max(second.Line, 1), "a second document begins here")
		return
	}
	list := doc.Content[0]
	switch {
	case list.Tag == "!!null":
	case list.Kind != yaml.SequenceNode:
		wrong.add(list.Line, "is not a list of sections")
	default:
		for _, n := range list.Content {
			if e, ok := section(n, wrong); ok {
				fn(e, wrong)
			}
		}
	}
}

// yamlFault takes the line out of the decoder's own words.
func yamlFault(err error, wrong *faults) {
	line, what := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(what, "line "); ok {
		number, words, _ := strings.Cut(rest, ": ")
		if n, ok := lineNumber(number); ok {
			line, what = n, words
		}
	}
	wrong.add(line, "%s", what)
}

func section(n *yaml.Node, wrong *faults) (e entry, ok bool) {
	if n.Kind != yaml.MappingNode {
		wrong.add(n.Line, "is not a section of keys")
		return e, false
	}
	if len(n.Content) > 2*maxColumns {
		wrong.add(n.Line, "%d keys, at most %d are read", len(n.Content)/2, maxColumns)
		return e, false
	}
	e.line = n.Line
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name, named := columnName(k.Value)
		switch {
		case k.Kind != yaml.ScalarNode || !named:
			wrong.add(k.Line, "%.80q is no name of a column", k.Value)
		case seen[name]:
			wrong.add(k.Line, "%s stands twice", name)
		default:
			e.values(name, v, wrong)
		}
		seen[name] = true
	}
	return e, true
}

// values adds a scalar, or each scalar of a list.
func (e *entry) values(name string, v *yaml.Node, wrong *faults) {
	switch {
	case v.Tag == "!!null":
	case v.Kind == yaml.ScalarNode:
		e.add(name, v.Value, v.Line, wrong)
	case v.Kind == yaml.SequenceNode:
		for _, item := range v.Content {
			if item.Kind != yaml.ScalarNode {
				wrong.add(item.Line, "%s: is not a list of values", name)
				return
			}
			e.add(name, item.Value, item.Line, wrong)
		}
	default:
		wrong.add(v.Line, "%s: is neither a value nor a list of values", name)
	}
}
