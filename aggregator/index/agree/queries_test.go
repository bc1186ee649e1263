package agree

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// query draws a query of up to three terms, and parses it. A term that says nothing, as a text without a word, is drawn
// again.
func (g *generator) query(t *rapid.T) *query.Expr {
	for {
		all := ""
		for range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "terms") {
			op := rapid.SampledFrom([]string{" ", " AND ", " OR ", " NOT ", " OR NOT "}).Draw(t, "op")
			if all == "" {
				op = rapid.SampledFrom([]string{"", "", "NOT "}).Draw(t, "first")
			}
			term := g.term(t)
			if rapid.Bool().Draw(t, "group") {
				all = "(" + all + op + term + ")"
			} else {
				all += op + term
			}
		}
		if x, err := query.ParseAt(all, base.Add(time.Hour)); err == nil {
			return x
		}
	}
}

func (g *generator) term(t *rapid.T) string {
	name := rapid.SampledFrom(append([]string{"@timestamp", "@timestamp"}, names...)).Draw(t, "name")
	field := quoted(name) + ":"
	if name == "@timestamp" {
		return field + timeRange(t)
	}
	value := g.value(t, name)
	if event.TypeOf(name) == event.Text && rapid.Bool().Draw(t, "bare") {
		field = ""
	}
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0:
		return quoted(name) + ":*"
	case 1:
		return field + expression(t, value)
	case 2, 3:
		return field + g.between(t, name)
	case 4:
		if event.TypeOf(name) == event.IP {
			return field + network(t)
		}
		fallthrough
	case 5, 6:
		return field + quoted(part(t, value))
	}
	return field + wild(t, part(t, value))
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// part returns all of a value, or some of it, or it in another case.
func part(t *rapid.T, value string) string {
	if rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
		r := []rune(value)
		at := rapid.IntRange(0, len(r)-1).Draw(t, "from")
		value = string(r[at:rapid.IntRange(at+1, len(r)).Draw(t, "to")])
	}
	if rapid.IntRange(0, 3).Draw(t, "case") == 0 {
		value = strings.ToUpper(value)
	}
	return value
}

// wild escapes all of a value, and puts wildcards in the place of some of it.
func wild(t *rapid.T, value string) string {
	var b strings.Builder
	for _, r := range short(value) {
		switch rapid.IntRange(0, 9).Draw(t, "wild") {
		case 0:
			b.WriteByte('?')
		case 1:
			b.WriteByte('*')
		case 2:
			b.WriteString(`*\` + string(r))
		default:
			b.WriteString(`\` + string(r))
		}
	}
	if rapid.Bool().Draw(t, "rest") {
		b.WriteByte('*')
	}
	return b.String()
}

func short(s string) string {
	if r := []rune(s); len(r) > 140 {
		return string(r[:140])
	}
	return s
}

// expression makes a regular expression that a value meets, or nearly.
func expression(t *rapid.T, value string) string {
	var b strings.Builder
	b.WriteByte('/')
	for i, r := range []rune(value) {
		if i == 20 {
			b.WriteString(".*")
			break
		}
		c := `\` + string(r)
		if r > 0x7f || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r < ' ' || r == 0x7f || r == ' ' {
			c = string(r)
		}
		forms := []string{c, c, c, c, c + "?", c + "+", ".", "(" + c + "|x)", "[" + c + "xyz]", "[" + strings.ToLower(c) + strings.ToUpper(c) + "]", "[^xyz]", ".*", `\w`, `\S`, `[\d` + c + "]", c + "{1,3}", "(?:" + c + "*)"}
		b.WriteString(rapid.SampledFrom(forms).Draw(t, "form"))
	}
	return b.String() + "/"
}

func (g *generator) between(t *rapid.T, name string) string {
	a, b := g.value(t, name), g.value(t, name)
	if rapid.Bool().Draw(t, "compare") {
		return rapid.SampledFrom([]string{">", ">=", "<", "<="}).Draw(t, "op") + quoted(a)
	}
	side := func(v string) string {
		if rapid.IntRange(0, 4).Draw(t, "open") == 0 {
			return "*"
		}
		return quoted(v)
	}
	return rapid.SampledFrom([]string{"[", "{"}).Draw(t, "low") + side(a) + " TO " + side(b) +
		rapid.SampledFrom([]string{"]", "}"}).Draw(t, "high")
}

func network(t *rapid.T) string {
	return quoted(rapid.SampledFrom([]string{"10.0.0.0/8", "10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32",
		"::ffff:10.0.0.0/104", "255.0.0.0/7", "2001:db8::/124", "::/96"}).Draw(t, "network"))
}

func timeRange(t *rapid.T) string {
	at := func() string {
		when := base.Add(time.Duration(rapid.IntRange(-10, 7300).Draw(t, "at")) * time.Second)
		switch rapid.IntRange(0, 5).Draw(t, "precision") {
		case 0:
			return when.Format("2006-01-02")
		case 1:
			return when.Format("2006-01-02T15:04")
		case 2:
			return fmt.Sprintf("now-%dm", rapid.IntRange(0, 60).Draw(t, "minutes"))
		case 3:
			return when.Format("2006-01-02T15:04:05.5Z")
		case 4:
			return when.Format("2006-01-02T15:04:05.123456789Z")
		}
		return when.Format(time.RFC3339)
	}
	if rapid.Bool().Draw(t, "compare") {
		return rapid.SampledFrom([]string{">", ">=", "<", "<=", ""}).Draw(t, "op") + at()
	}
	return "[" + at() + " TO " + at() + "}"
}
