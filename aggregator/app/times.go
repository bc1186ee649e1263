package app

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"belfry/shared/conf"
)

// moment is a time as people type it, of a flag: RFC 3339, "2026-11-23 14:00" with or without seconds, a date, now, today,
// yesterday, or how long ago: 90m, 24h, 30d. Without a zone it is UTC, as all that is printed.
type moment struct {
	first time.Time
	end   time.Time // of a date, the end of that day; else first
}

// UnmarshalText reads the flag.
func (m *moment) UnmarshalText(text []byte) error {
	got, err := parseMoment(string(text), time.Now())
	*m = got
	return err
}

// layouts of times that are no RFC 3339. What Belfry prints can be read, too.
var layouts = []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04"}

func parseMoment(text string, now time.Time) (moment, error) {
	text = strings.TrimSpace(text)
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return moment{t, t}, nil
	}
	today := now.UTC().Truncate(24 * time.Hour)
	switch text {
	case "now":
		return moment{now, now}, nil
	case "today":
		return wholeDay(today), nil
	case "yesterday":
		return wholeDay(today.AddDate(0, 0, -1)), nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return wholeDay(t), nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, strings.TrimSuffix(text, "Z")); err == nil {
			return moment{t, t}, nil
		}
	}
	ago := strings.TrimSuffix(strings.TrimPrefix(text, "-"), " ago")
	if d, err := conf.ParseDuration(ago); err == nil {
		t := now.Add(-d)
		return moment{t, t}, nil
	}
	return moment{}, fmt.Errorf(`%q is no time such as 2026-11-23, "2026-11-23 14:00", 2026-11-23T14:00:00Z, yesterday, or 90m (ago)`, text)
}

func wholeDay(t time.Time) moment { return moment{t, t.AddDate(0, 0, 1)} }

// spanFlags are the flags that say of which time.
type spanFlags struct {
	Last conf.Duration `help:"Only the last so long, as 90m, 24h or 30d."`
	From moment        `help:"Not before this time: RFC 3339, 2026-11-23, \"2026-11-23 14:00\", yesterday, or how long ago, as 90m. Without a zone it is UTC." placeholder:"TIME"`
	To   moment        `help:"Before this time; of a date, until the end of that day." placeholder:"TIME"`
}

// bounds returns the times; zero is none.
func (s spanFlags) bounds(now time.Time) (from, to time.Time, err error) {
	from, to = s.From.first, s.To.end
	if s.Last > 0 {
		if !from.IsZero() {
			return from, to, fmt.Errorf("--last and --from say both when it begins: one is enough")
		}
		end := to
		if end.IsZero() {
			end = now
		}
		from = end.Add(-time.Duration(s.Last))
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, fmt.Errorf("--from %s is not before --to %s", when(from), when(to))
	}
	return from, to, nil
}

// ask adds the times to the parameters of a question.
func (s spanFlags) ask(v url.Values, now time.Time) error {
	from, to, err := s.bounds(now)
	if err != nil {
		return err
	}
	for name, t := range map[string]time.Time{"from": from, "to": to} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return nil
}
