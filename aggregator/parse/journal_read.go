package parse

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"belfry/shared/event"
)

// beginsExport reports whether what comes next is an entry of "journalctl -o export" (systemd, "Journal Export Formats"):
// each begins with its cursor; what was written for systemd-journal-remote may begin with its time.
func beginsExport(in *bufio.Reader) bool {
	return begins(in, "__CURSOR=") || begins(in, "__REALTIME_TIMESTAMP=")
}

// begins reports whether what comes next begins with a text. It waits for no byte behind one that differs: a first line may
// be short, and the second one long in coming.
func begins(in *bufio.Reader, text string) bool {
	for i := range len(text) {
		if b, _ := in.Peek(i + 1); len(b) <= i || b[i] != text[i] {
			return false
		}
	}
	return true
}

// maxJournalName bounds the name of a field; journald allows 64 bytes.
const maxJournalName = 256

// nextExport reads the next entry as an event, nil where there is none.
func nextExport(in *bufio.Reader) (*event.Event, error) {
	for {
		j, err := readExport(in)
		if len(j.fields) > 0 {
			return j.event(), err
		}
		if err != nil {
			return nil, err
		}
	}
}

// readExport reads an entry of the export format up to the empty line that ends it, or to the end of the input: lines of
// NAME=value, or NAME, a line end, the size in 8 bytes (little endian), the value and a line end. The error io.EOF comes
// with the last entry; any other says at which field the format was left.
func readExport(in *bufio.Reader) (*journalEntry, error) {
	j := new(journalEntry)
	var buf []byte
	for {
		text, length, err := readLine(in, buf[:0])
		if buf = text; length == 0 {
			return j, err
		}
		name, value, isText := strings.Cut(string(text), "=")
		if !isFieldName(name) {
			return j, fmt.Errorf("journal entry: %.40q is no name of a field", name)
		}
		if isText {
			j.add(name, []byte(value), length-len(name)-1)
		} else if err == nil {
			err = j.readSized(in, name)
		}
		if err != nil {
			return j, err
		}
	}
}

// readSized reads a value that says how long it is.
func (j *journalEntry) readSized(in *bufio.Reader, name string) error {
	var size [8]byte
	_, err := io.ReadFull(in, size[:])
	length := binary.LittleEndian.Uint64(size[:])
	if err == nil && length > 1<<32 {
		return fmt.Errorf("journal entry: %s is %d bytes long", name, length)
	}
	limit := maxJournalField
	if name == "MESSAGE" {
		limit = maxLine
	}
	value := make([]byte, min(length, uint64(limit)))
	if err == nil {
		_, err = io.ReadFull(in, value)
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, in, int64(length)-int64(len(value)))
	}
	var end byte
	if err == nil {
		end, err = in.ReadByte()
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("journal entry: %s ends too early: %w", name, io.ErrUnexpectedEOF)
	case err != nil:
		return err
	case end != '\n':
		return fmt.Errorf("journal entry: no line end behind the %d bytes of %s", length, name)
	}
	j.add(name, value, int(length))
	return nil
}

func isFieldName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-'A' >= 26 && c-'0' > 9 && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxJournalName
}

// journalObject reads a line of "journalctl -o json", json-sse or json-seq; nil if it is none. Values are strings; those
// that are no text lists of bytes; several of one name lists of these; null is too long to be shown.
func journalObject(raw []byte) *journalEntry {
	line := strings.TrimPrefix(strings.TrimPrefix(string(raw), "\x1e"), "data: ")
	if !strings.HasPrefix(line, "{") || !strings.Contains(line, `"__REALTIME_TIMESTAMP"`) {
		return nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(line), &object); err != nil {
		return nil
	}
	if at, ok := object["__REALTIME_TIMESTAMP"].(string); !ok || !isNumber(at) {
		return nil
	}
	j := new(journalEntry)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !isFieldName(name) || !j.addAny(name, object[name], true) {
			return nil
		}
	}
	return j
}

// addAny takes a value of JSON, and reports whether it is one that journalctl writes.
func (j *journalEntry) addAny(name string, value any, outer bool) bool {
	switch v := value.(type) {
	case nil:
		j.cut = true
		return true
	case string:
		j.add(name, []byte(v), len(v))
		return true
	case []any:
		if raw, ok := rawBytes(v); ok {
			j.add(name, raw, len(raw))
			return true
		}
		for _, item := range v {
			if !outer || !j.addAny(name, item, false) {
				return false
			}
		}
		return true
	}
	return false
}

// rawBytes returns the bytes of a list of numbers.
func rawBytes(list []any) ([]byte, bool) {
	raw := make([]byte, len(list))
	for i, item := range list {
		n, ok := item.(float64)
		if !ok || n < 0 || n > 255 || n != float64(byte(n)) {
			return nil, false
		}
		raw[i] = byte(n)
	}
	return raw, true
}
