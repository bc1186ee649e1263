package parse

import (
	"fmt"
	"io"
	"strings"
	"unsafe"

	"belfry/shared/event"
)

// reading is what Explain knows of the line that was read last.
type reading struct{ raw, text, by string }

// explain writes, for people, who read which part of a line, and where each field of its event stands in it.
func explain(w io.Writer, n int, t reading, e *event.Event) error {
	var b strings.Builder
	from := max(0, strings.LastIndex(t.raw, t.text))
	fmt.Fprintf(&b, "%d: %s\n", n, shielded(t.raw))
	if t.text != "" && from > 0 {
		fmt.Fprintf(&b, "  %9s  header\n", span(0, from))
	}
	fmt.Fprintf(&b, "  %9s  %s\n", span(from, from+len(t.text)), t.by)
	for _, f := range e.Fields {
		if f.Name == "event.original" || f.Name == "message" {
			continue
		}
		at := ""
		if !isOurs(f.Name) {
			at = place(t.raw, f.Value)
		}
		fmt.Fprintf(&b, "  %9s    %s: %s\n", at, f.Name, shielded(f.Value))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// isOurs reports whether the values of a field are words of ours: one that stands in the line stands there by chance.
func isOurs(name string) bool {
	switch name {
	case "event.action", "event.category", "event.type", "event.outcome", "event.kind", "tags":
		return true
	}
	return false
}

// place returns where a value stands in a line, by the memory that the two share; "" if it is no part of it: then it is a
// decoding, made from what stands there, or of another line.
func place(raw, value string) string {
	first := uintptr(unsafe.Pointer(unsafe.StringData(raw)))
	at := uintptr(unsafe.Pointer(unsafe.StringData(value))) - first
	if value == "" || at > uintptr(len(raw)) || at+uintptr(len(value)) > uintptr(len(raw)) {
		return ""
	}
	return span(int(at), int(at)+len(value))
}

func span(first, end int) string { return fmt.Sprintf("%d-%d", first, end) }

// shielded is a text that does nothing to a terminal.
func shielded(s string) string {
	text := event.AppendString(nil, s)
	return string(text[1 : len(text)-1])
}
