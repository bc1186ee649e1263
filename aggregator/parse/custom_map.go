package parse

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"belfry/shared/event"
)

// mapping says where a group goes, and how it is read.
type mapping struct {
	to     string
	kind   string // string, int, float, bool, ip, time; "" is what the field's type says
	layout string // of a time, as Go has it; "" is any that lines begin with
	zone   string // IANA name, of a time that names none
	values map[string]string
	line   int
}

// UnmarshalYAML reads the name of a field, or a section with to, type, layout, zone and values.
func (m *mapping) UnmarshalYAML(n *yaml.Node) error {
	m.line = n.Line
	if n.Kind == yaml.ScalarNode {
		m.to = n.Value
		return nil
	}
	var s struct {
		To     string            `yaml:"to"`
		Type   string            `yaml:"type"`
		Layout string            `yaml:"layout"`
		Zone   string            `yaml:"zone"`
		Values map[string]string `yaml:"values"`
	}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		switch key := n.Content[i]; key.Value {
		case "to", "type", "layout", "zone", "values":
		default:
			return fmt.Errorf("line %d: %s: unknown key, there are to, type, layout, zone and values", key.Line, key.Value)
		}
	}
	if err := n.Decode(&s); err != nil {
		return err
	}
	*m = mapping{to: s.To, kind: s.Type, layout: s.Layout, zone: s.Zone, values: s.Values, line: n.Line}
	return nil
}

// check completes a mapping, and says what is wrong with it.
func (m *mapping) check() error {
	if err := checkField(m.to); err != nil {
		return fmt.Errorf("%q: %w", m.to, err)
	}
	switch m.kind {
	case "":
		m.kind = kindOf(m.to)
	case "string", "int", "float", "bool", "ip", "time":
	default:
		return fmt.Errorf("type: %q is none of string, int, float, bool, ip and time", m.kind)
	}
	if want := kindOf(m.to); want != "string" && m.kind != want && !(want == "float" && m.kind == "int") {
		return fmt.Errorf("type: %s holds values of type %s", m.to, want)
	}
	if m.kind != "time" && (m.layout != "" || m.zone != "") {
		return errors.New("layout and zone are those of a time")
	}
	for from, to := range m.values {
		if !fits(m.to, to) || to == "" {
			return fmt.Errorf("values.%s: %q is no value of %s", from, to, m.to)
		}
	}
	if _, err := time.LoadLocation(m.zone); err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	var err error
	m.layout, err = goLayout(m.layout)
	return err
}

// kindOf returns the type that the values of a field have.
func kindOf(field string) string {
	switch event.TypeOf(field) {
	case event.Long:
		return "int"
	case event.Float:
		return "float"
	case event.Bool:
		return "bool"
	case event.IP:
		return "ip"
	case event.Date:
		return "time"
	}
	return "string"
}

// strptime holds what the conversions of strptime(3) are in a layout of Go. Fractions of seconds need none: they are read
// wherever seconds stand.
var strptime = strings.NewReplacer(".%f", "", ",%f", "", "%Y", "2006", "%m", "01", "%d", "02", "%e", "_2", "%H", "15", "%I", "03",
	"%M", "04", "%S", "05", "%p", "PM", "%b", "Jan", "%h", "Jan", "%B", "January", "%a", "Mon", "%A", "Monday", "%y", "06",
	"%j", "002", "%z", "-0700", "%Z", "MST", "%T", "15:04:05", "%F", "2006-01-02", "%D", "01/02/06", "%R", "15:04", "%%", "%")

// goLayout returns the layout of Go for one of strptime. "%s", the seconds since 1970, is what is read without a layout.
func goLayout(s string) (string, error) {
	if s == "" || s == "%s" {
		return "", nil
	}
	if strings.Contains(strptime.Replace(strings.ReplaceAll(s, "%%", "")), "%") {
		return "", fmt.Errorf("layout: %q has a conversion that is not known", s)
	}
	layout := strptime.Replace(s)
	if (time.Time{}).AddDate(33, 7, 20).Format(layout) == layout {
		return "", fmt.Errorf("layout: %q has no part of a time", s)
	}
	return layout, nil
}

// stamp reads a time.
func (m *mapping) stamp(value string) (stamp, bool) {
	if m.layout == "" {
		return stampOf(value)
	}
	t, err := time.Parse(m.layout, value)
	if err != nil {
		return stamp{}, false
	}
	st := stamp{year: t.Year(), month: int(t.Month()), day: t.Day(), nsec: t.Nanosecond()}
	st.hour, st.min, st.sec = t.Clock()
	if strings.Contains(m.layout, "07") || strings.Contains(m.layout, "Z0") {
		_, st.east = t.Zone()
		st.zoned = true
	} else if strings.Contains(m.layout, "MST") {
		st.zone, _ = t.Zone()
	}
	return st, true
}

// read returns a value as the mapping's type has it, "" if it is none.
func (m *mapping) read(value string) string {
	if m.values != nil {
		return m.values[value]
	}
	ok := true
	switch m.kind {
	case "int":
		ok = isNumber(value)
	case "float":
		ok = numberLength(value) == len(value)
	case "bool":
		value = boolOf(value)
	case "ip":
		value = canonical(value)
	}
	if !ok || value == "" || !fits(m.to, value) {
		return ""
	}
	return value
}

func boolOf(s string) string {
	switch s {
	case "true", "True", "TRUE", "yes", "on", "1":
		return "true"
	case "false", "False", "FALSE", "no", "off", "0":
		return "false"
	}
	return ""
}

// write puts a value where it belongs, and reports whether it is one.
func (m *mapping) write(p *Parser, l *line, value string) bool {
	if m.kind == "time" && m.values == nil {
		return m.writeTime(p, l, value)
	}
	if value = m.read(value); value == "" {
		return false
	}
	switch {
	case m.to == "message":
		l.message = value
		l.event.Set("message", value)
		return true
	case m.to == "source.ip":
		l.event.Delete("source.ip")
		l.source(value, "")
		return true
	case event.IsList(m.to):
		l.also(m.to, value)
		return true
	}
	if m.kind == "ip" {
		l.also("related.ip", value)
	}
	if strings.HasPrefix(m.to, "user.") && strings.HasSuffix(m.to, ".name") || m.to == "user.name" {
		l.also("related.user", value)
	}
	l.event.Set(m.to, value)
	return true
}

// writeTime sets a time. That of the event is believed as any other that a line tells.
func (m *mapping) writeTime(p *Parser, l *line, value string) bool {
	st, ok := m.stamp(value)
	if !ok {
		return false
	}
	zone := l.zone
	if m.zone != "" {
		l.zone = m.zone
	}
	defer func() { l.zone = zone }()
	if m.to == "@timestamp" {
		p.setStamp(l, st)
		return true
	}
	loc, _ := p.zones.get(l.zone)
	t, _ := st.resolve(loc, l.ref)
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return false
	}
	l.event.Set(m.to, formatTime(t))
	return true
}
